import { BID_CLIENTS, measureBids } from './journalBids.js';
import { type LifecycleRun, measureLifecycles, SUBMISSION_CLIENTS } from './journalLifecycles.js';
import { type Measure, median } from './measure.js';
import { withCleanUp } from './temporary.js';

/** A rival's durable TypeScript broker, without signatures, auction or money, does this many jobs a second here. */
const RIVAL_JOBS_PER_SECOND = 1_037;

/** A third of it. */
const LEAST_PER_SECOND = Math.ceil(RIVAL_JOBS_PER_SECOND / 3);

/**
 * How much the journal takes, behind its HTTP API and on a real PostgreSQL that writes to disk before every answer.
 *
 * @param options - quick: one run of bids instead of five, and 8 blocks instead of 32
 */
export async function run(options: { quick: boolean }): Promise<Measure[]> {
  const bids = await withCleanUp((atEnd) => measureBids(atEnd, options.quick ? 1 : 5));
  for (const { bids: count, bidsPerSecond, latencyP50Ms, latencyP99Ms } of bids) {
    console.log(
      `${count} bids from ${BID_CLIENTS} clients: ${bidsPerSecond.toFixed(0)} a second, answered after ` +
        `${latencyP50Ms.toFixed(0)} ms (p50), ${latencyP99Ms.toFixed(0)} ms (p99)`,
    );
  }
  console.log(
    'Included: HTTP, strict parsing, the EIP-712 digest and its signature, the rules, the entry with its place in the ' +
      'Merkle tree, the sealed bid, commit to disk, the signed receipt. Bids were signed beforehand.',
  );
  const lives = await withCleanUp((atEnd) => measureLifecycles(atEnd, options.quick ? 8 : 32));
  console.log(describe(lives));
  const atLeast = (name: string, value: number, unit: string): Measure => {
    const target = `at least ${LEAST_PER_SECOND}`;
    return { name, value, unit, target, holds: value >= LEAST_PER_SECOND };
  };
  const p99Ms = median(bids.map(({ latencyP99Ms }) => latencyP99Ms));
  return [
    atLeast('bidsPerSecond', median(bids.map(({ bidsPerSecond }) => bidsPerSecond)), 'bids/s'),
    { name: 'bidLatencyP99Ms', value: p99Ms, unit: 'ms', target: 'for information', holds: true },
    atLeast('lifecyclesPerSecond', lives.lifecyclesPerSecond, 'jobs/s'),
  ];
}

function describe(lives: LifecycleRun): string {
  const ms = (value: number) => `${value.toFixed(0)} ms`;
  return [
    '',
    `${lives.jobs} jobs in ${lives.rounds} rounds whose windows ended within ${ms(lives.windowSpreadMs)}: ` +
      `${lives.lifecyclesPerSecond.toFixed(0)} lives a second.`,
    `The last round was cleared after ${ms(lives.clearingMs)}, the last job accepted after ${ms(lives.elapsedMs)}; ` +
      `submissions from ${SUBMISSION_CLIENTS} clients were answered after ${ms(lives.latencyP50Ms)} (p50), ` +
      `${ms(lives.latencyP99Ms)} (p99).`,
    'Included: clearing with primary, backup and Vickrey prices, bonds, submission over HTTP with its signature ' +
      'checked, verdict, payment, all durable.',
    'NOT included: checking the zkProofs. The verifier is replaced by one that says yes, for this measurement only; ' +
      'for what it takes see "bench verify".',
    '',
  ].join('\n');
}
