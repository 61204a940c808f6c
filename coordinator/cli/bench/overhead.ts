import { table } from '../start/summary.js';
import { type BareRun, runBare } from './bareWork.js';
import { openBenchMarket, readExampleBlock, startBenchAgents } from './benchMarket.js';
import { type BlockRun, runBlock } from './blockThroughMarket.js';
import type { Measure } from './measure.js';
import { withCleanUp } from './temporary.js';

/** Two agents of one thread each. */
const THREADS_OF_EACH = [1, 1] as const;

const RATIO_MAX = 1.1;

/** A machine at rest repeats the bare run this exactly. */
const SPREAD_MAX = 0.05;

/**
 * What the market adds to proving: the time from submission to complete bundle of an example block through a real
 * market with two agents, divided by the time in which two bare processes with the same provers make the same zkProofs.
 * The bare run is made before and after, and the faster of the two counts, so that other work on the machine cannot
 * flatter the market. Prints where the rest goes.
 *
 * @param options - quick: the block of 8 transfers instead of that of 64
 */
export async function run(options: { quick: boolean }): Promise<Measure[]> {
  const transfers = options.quick ? 8 : 64;
  const blockFile = readExampleBlock(transfers);
  const bare = (when: string) =>
    withCleanUp(async (atEnd) => {
      const made = await runBare(atEnd, blockFile, THREADS_OF_EACH);
      console.log(`without a market, ${when}: ${seconds(made.elapsedMs)}, jobs ${made.jobs.join(' + ')}`);
      return made;
    });
  const before = await bare('before');
  const market = await withCleanUp(async (atEnd) => {
    const opened = await openBenchMarket(atEnd);
    const agents = await startBenchAgents(atEnd, opened, THREADS_OF_EACH);
    return runBlock(atEnd, opened, agents, blockFile);
  });
  const after = await bare('after');
  const bareMs = Math.min(before.elapsedMs, after.elapsedMs);
  const spread = Math.abs(before.elapsedMs - after.elapsedMs) / bareMs;
  const ratio = market.elapsedMs / bareMs;
  console.log(reportOf(market, [before, after], bareMs));
  if (spread > SPREAD_MAX) {
    console.log(`The bare runs differ by ${(100 * spread).toFixed(0)} %: other work disturbs this measurement.\n`);
  }
  const info = (name: string, value: number): Measure => {
    return { name, value, unit: 'ms', target: 'for information', holds: true };
  };
  return [
    {
      name: `overheadBlock${transfers}`,
      value: ratio,
      unit: 'times',
      target: `at most ${RATIO_MAX}`,
      holds: ratio <= RATIO_MAX,
    },
    // What other work on the machine disturbs least: the market's way without its witnesses and zkProofs.
    info(`block${transfers}OutsideProvingMs`, market.elapsedMs - market.longestWorkMs),
    info(`block${transfers}MarketMs`, market.elapsedMs),
    info(`block${transfers}BareMs`, bareMs),
    info(`block${transfers}BareSpreadMs`, Math.abs(before.elapsedMs - after.elapsedMs)),
  ];
}

function reportOf(market: BlockRun, bare: readonly BareRun[], bareMs: number): string {
  const share = (ms: number) => `${((100 * ms) / bareMs).toFixed(2)} %`;
  const mean = (pick: (run: BareRun) => number) => bare.reduce((total, run) => total + pick(run), 0) / bare.length;
  const bareWitnessMs = mean(({ witnessMs }) => witnessMs);
  const bareProvingMs = mean(({ provingMs }) => provingMs);
  const stages = table(
    ['stage, along the agent that ended last', 'ms', 'of the bare time'],
    market.stages.map(({ name, ms }) => [name, ms.toFixed(0), share(ms)]),
  );
  const agents = table(
    ['worker', 'jobs', 'witness ms', 'proving ms', 'idle at the end ms'],
    [
      ...market.agents.map(({ name, jobs, witnessMs, provingMs, idleAtEndMs }) => [
        name,
        String(jobs),
        witnessMs.toFixed(0),
        provingMs.toFixed(0),
        idleAtEndMs.toFixed(0),
      ]),
      ['bare (mean)', bare[0]!.jobs.join(' + '), bareWitnessMs.toFixed(0), bareProvingMs.toFixed(0), '-'],
    ],
  );
  const total = `through the market: ${seconds(market.elapsedMs)}; without: ${seconds(bareMs)} (the faster run)`;
  return [total, '', stages, '', agents, ''].join('\n');
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(2)} s`;
}
