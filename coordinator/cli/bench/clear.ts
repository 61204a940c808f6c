/** How long the clearing of large rounds takes, how that grows, and how far mid-size rounds are from the cheapest. */
import { clear } from '#market/clear.js';
import { costOfSale, sellExactly } from '#market/clearing/exactRound.js';
import { Floor, sellGreedily } from '#market/clearing/floor.js';
import { seatAll, seatsOf } from '#market/clearing/seat.js';
import { termsOf } from '#market/clearing/terms.js';
import { table } from '../start/summary.js';
import { type Measure, median } from './measure.js';
import { type RoundShape, syntheticRound } from './syntheticRound.js';

const BIDS = 1_000;
const JOBS = [1_000, 2_000, 5_000, 10_000] as const;
const MS_MAX = 1_000;
const EXPONENT_MAX = 1.25;

/** As large as a round gets; the parameter `jobsPerBlockMax` bounds those of a market further. */
const LARGE: RoundShape = { jobs: 10_000, bids: BIDS, bidsPerOwner: 2, maxJobs: 10_000, timeSec: 1_800 };

/** Policies and owners beside the default: for information. */
const VARIANTS: Record<string, Partial<RoundShape>> = {
  'one job a bid, 400 jobs': { jobs: 400, maxJobs: 1 },
  'ten owners': { bidsPerOwner: 100 },
  'backup required': { policy: { backup: 'required' } },
  'success of 99.9 %': { policy: { minSuccessPpm: 999_000 } },
  'largest share of 1 %': { policy: { maxOwnerShareBps: 100 } },
  'first prices': { policy: { pricing: 'first' } },
  fastest: { policy: { award: 'fastest', pricing: 'first' } },
  newcomers: { newcomers: true },
};

/**
 * Clears rounds of 1,000 bids on this thread: the time for 10,000 jobs, the exponent of its growth from 1,000 jobs on,
 * and over mid-size rounds the gap between what they cost sold job by job and what they cost at the least.
 */
export async function run(options: { quick: boolean }): Promise<Measure[]> {
  const runs = options.quick ? 3 : 7;
  clearMs(0, { ...LARGE, jobs: 1_000 });
  const times = JOBS.map((jobs) =>
    median(Array.from({ length: runs }, (_, seed) => clearMs(seed, { ...LARGE, jobs }))),
  );
  const rows = JOBS.map((jobs, at) => [jobs.toLocaleString('en'), times[at]!.toFixed(0)]);
  console.log(`${table([`jobs, ${BIDS.toLocaleString('en')} bids`, 'ms (median)'], rows)}\n`);
  const variants = Object.entries(VARIANTS).map(([name, change]) => [
    name,
    median(Array.from({ length: 3 }, (_, seed) => clearMs(seed, { ...LARGE, ...change }))).toFixed(0),
  ]);
  console.log(`${table(['10,000 jobs, but', 'ms (median)'], variants)}\n`);
  console.log('A market bounds its rounds by the parameter jobsPerBlockMax (1,024 unless changed).\n');
  const exponent = Math.log10(times.at(-1)! / times[0]!);
  const tenfold = { name: 'clear10000Jobs1000Bids', value: times.at(-1)!, unit: 'ms' };
  return [
    { ...tenfold, target: `at most ${MS_MAX}`, holds: times.at(-1)! <= MS_MAX },
    {
      name: 'clearGrowthExponent',
      value: exponent,
      unit: 'exponent',
      target: `at most ${EXPONENT_MAX}`,
      holds: exponent <= EXPONENT_MAX,
    },
    ...gapMeasures(options.quick ? 100 : 1_000),
  ];
}

function clearMs(seed: number, shape: RoundShape): number {
  const input = syntheticRound(seed, shape);
  const startedAt = performance.now();
  const { awards } = clear(input);
  const ms = performance.now() - startedAt;
  if (awards.length < shape.jobs) throw new Error(`only ${awards.length} of ${shape.jobs} jobs were sold`);
  return ms;
}

/** What selling job by job costs beyond the least cost, over mid-size rounds in which capacity is short. */
function gapMeasures(rounds: number): Measure[] {
  const gaps: number[] = [];
  for (let seed = 0; seed < rounds; seed += 1) {
    const jobs = 6 + (seed % 3);
    const input = syntheticRound(seed, {
      ...{ jobs, bids: 8, bidsPerOwner: 1 + (seed % 2), maxJobs: 1 + (seed % 4) },
      timeSec: 60 + 30 * (seed % 5),
    });
    const terms = termsOf(input);
    const seats = seatsOf(input.candidates, input.tieSeed);
    seatAll(seats, terms);
    const least = sellExactly(seats, jobs, terms).cost;
    const cost = costOfSale(sellGreedily(new Floor(seats, terms), jobs), jobs, terms);
    gaps.push(Number(((cost - least) * 1_000_000n) / least) / 10_000);
  }
  gaps.sort((a, b) => a - b);
  const percent = (name: string, value: number): Measure => {
    return { name, value, unit: '%', target: 'for information', holds: true };
  };
  return [
    percent('midSizeGapMean', gaps.reduce((sum, gap) => sum + gap, 0) / rounds),
    percent('midSizeGapP99', gaps[Math.ceil(0.99 * rounds) - 1]!),
    percent('midSizeGapWorst', gaps.at(-1)!),
    percent('midSizeRoundsOptimal', (100 * gaps.filter((gap) => gap === 0).length) / rounds),
  ];
}
