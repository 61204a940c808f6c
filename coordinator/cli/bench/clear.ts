/** How long the clearing of large rounds takes, how that grows, and how far mid-size rounds are from the cheapest. */
import { clear } from '#market/clear.js';
import { costOfSale, sellExactly } from '#market/clearing/exactRound.js';
import { seatAll, seatsOf } from '#market/clearing/seat.js';
import { sellJobByJob } from '#market/clearing/sell.js';
import { termsOf } from '#market/clearing/terms.js';
import { table } from '../start/summary.js';
import { type Measure, median } from './measure.js';
import { type RoundShape, syntheticRound } from './syntheticRound.js';

const BIDS = 1_000;
const JOBS = [1_000, 2_000, 5_000, 10_000] as const;
const MS_MAX = 1_000;
const EXPONENT_MAX = 1.15;

/** As large as a round gets; the parameter `jobsPerBlockMax` bounds those of a market further. */
const LARGE: RoundShape = { jobs: 10_000, bids: BIDS, bidsPerOwner: 2, maxJobs: 10_000, timeSec: 1_800 };

/** Policies and owners beside the default: for information. */
const VARIANTS: Record<string, Partial<RoundShape>> = {
  '400 jobs, one a bid': { jobs: 400, maxJobs: 1 },
  'ten owners': { bidsPerOwner: 100 },
  'backup required': { policy: { backup: 'required' } },
  'success of 99.9 %': { policy: { minSuccessPpm: 999_000 } },
  'largest share of 1 %': { policy: { maxOwnerShareBps: 100 } },
  'first prices': { policy: { pricing: 'first' } },
  fastest: { policy: { award: 'fastest', pricing: 'first' } },
  newcomers: { newcomers: true },
};

/** Mid-size rounds, with capacity from short to ample: jobs, bids. */
const MID_SIZE = { jobs: 6, bids: 8 };

/**
 * Clears rounds of 1,000 bids on this thread: processor time for 10,000 jobs, the exponent of its growth from 1,000 jobs
 * on, and over mid-size rounds the gap between what they cost sold job by job and what they cost at the least.
 *
 * Processor time, collection of garbage included, because other work on the machine must not count.
 */
export async function run(options: { quick: boolean }): Promise<Measure[]> {
  const runs = options.quick ? 3 : 7;
  for (let seed = 0; seed < 3; seed += 1) clearMs(seed, { ...LARGE, jobs: 1_000 });
  const times = JOBS.map((jobs) => medianMs(runs, { ...LARGE, jobs }));
  const rows = JOBS.map((jobs, at) => [jobs.toLocaleString('en'), times[at]!.toFixed(0)]);
  console.log(`${table([`jobs, ${BIDS.toLocaleString('en')} bids`, 'processor ms'], rows)}\n`);
  const variants = Object.entries(VARIANTS).map(([name, change]) => [
    name,
    medianMs(options.quick ? 1 : 3, { ...LARGE, ...change }).toFixed(0),
  ]);
  console.log(`${table(['10,000 jobs, but', 'processor ms'], variants)}\n`);
  console.log('A market bounds its rounds by the parameter jobsPerBlockMax, 1,024 unless changed.\n');
  const total = times.at(-1)!;
  const exponent = Math.log10(total / times[0]!);
  return [
    { name: 'clear10000Jobs1000BidsMs', value: total, unit: 'ms', target: `at most ${MS_MAX}`, holds: total <= MS_MAX },
    {
      name: 'clearGrowthExponent',
      value: exponent,
      unit: 'exponent',
      target: `at most ${EXPONENT_MAX}`,
      holds: exponent <= EXPONENT_MAX,
    },
    ...gapMeasures(options.quick ? 48 : 240),
  ];
}

function medianMs(runs: number, shape: RoundShape): number {
  return median(Array.from({ length: runs }, (_, seed) => clearMs(seed, shape)));
}

function clearMs(seed: number, shape: RoundShape): number {
  const input = syntheticRound(seed, shape);
  const before = process.cpuUsage();
  const { awards } = clear(input);
  const { user, system } = process.cpuUsage(before);
  if (awards.length < shape.jobs) throw new Error(`only ${awards.length} of ${shape.jobs} jobs were sold`);
  return (user + system) / 1_000;
}

/** What selling job by job costs beyond the least cost, in percent of it. */
function gapMeasures(rounds: number): Measure[] {
  const { jobs, bids } = MID_SIZE;
  const gaps = Array.from({ length: rounds }, (_, seed) => {
    const capacity = { maxJobs: [1, 2, 4, 100][seed % 4]!, timeSec: [60, 120, 300][seed % 3]! };
    const input = syntheticRound(seed, { jobs, bids, bidsPerOwner: 1 + (seed % 2), ...capacity });
    const terms = termsOf(input);
    const seats = seatsOf(input.candidates, input.tieSeed);
    seatAll(seats, terms);
    const cost = costOfSale(sellJobByJob(seats, jobs, terms), jobs, terms);
    seatAll(seats, terms);
    const least = sellExactly(seats, jobs, terms, cost).cost;
    return Number(((cost - least) * 1_000_000n) / least) / 10_000;
  });
  gaps.sort((a, b) => a - b);
  const percent = (name: string, value: number): Measure => {
    return { name, value, unit: '%', target: 'for information', holds: true };
  };
  return [
    percent('gapMean6Jobs8Bids', gaps.reduce((sum, gap) => sum + gap, 0) / rounds),
    percent('gapMedian', median(gaps)),
    percent('gapP99', gaps[Math.ceil(0.99 * rounds) - 1]!),
    percent('gapWorst', gaps.at(-1)!),
    percent('roundsAtTheLeastCost', (100 * gaps.filter((gap) => gap === 0).length) / rounds),
  ];
}
