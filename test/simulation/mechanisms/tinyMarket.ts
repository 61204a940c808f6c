/** Markets small enough to work out by hand. */
import { unit } from '../../../coordinator/simulator/mechanisms/draws.js';
import type { Prover } from '../../../coordinator/simulator/mechanisms/population.js';
import { BASE_SCENARIO } from '../../../coordinator/simulator/mechanisms/scenario.js';
import { type Mechanism, SimMarket } from '../../../coordinator/simulator/mechanisms/simMarket.js';

export const DEADLINE_MS = 600_000;

/** No load and one job a block: three free slots compete for a job. */
const SCENARIO = { ...BASE_SCENARIO, provers: 3, load: 0, jobsPerBlock: 1, failing: 0 };

/** A prover that takes about a minute for `costWei`, a multiple of 60,000. */
export function proverOf(index: number, costWei: number, change: Partial<Prover> = {}): Prover {
  return {
    index,
    machine: index,
    address: `0x${String(index + 1).padStart(40, '0')}`,
    owner: index,
    ownerAddress: `0x${String(index + 1).padStart(40, 'a')}`,
    region: 1,
    slots: 1,
    medianMs: 60_000,
    promisedMs: 76_800,
    costWeiPerMs: costWei / 60_000,
    failing: 0,
    standbyCostWei: 50_000,
    ...change,
  };
}

/** Prover 0 with this chance to lose a job, and {@link SEED_LOST} under which it loses the first. */
export const FAILING = 0.2;
export const SEED_LOST = Array.from({ length: 1_000 }, (_, seed) => seed).find(
  (seed) => unit(seed, 'vanish', 0, 0) < FAILING,
)!;

/** Runs one job at time 0 through a mechanism. */
export function runOneJob(provers: Prover[], seed: number, make: (market: SimMarket) => Mechanism): SimMarket {
  const block = { number: 0, arrivalMs: 0, deadlineMs: DEADLINE_MS, jobs: [0], measured: true };
  const market = new SimMarket(SCENARIO, seed, provers, { blocks: [block], outages: [] });
  market.run(make(market));
  return market;
}

/** What an account received less what it paid, in wei. */
export function netWei({ books }: SimMarket, account: number | 'requester' | 'burnt'): number {
  return books.of(account).inWei - books.of(account).outWei;
}
