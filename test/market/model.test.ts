import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { logFlaws, replayFlaws, throughText } from '../setup/invariants.js';
import { Bookkeeper, idleFlaws, moneyFlaws } from './marketChecks.js';
import { RandomMarket } from './randomMarket.js';

const STEPS = 120;

/** Seeds that every run has, enough for all of MUST_HAPPEN; the others are drawn anew each time. */
const FIXED_SEEDS = Array.from({ length: 200 }, (_, seed) => seed);

/** What must have happened over all runs, so that the checks had something to bite on. */
const MUST_HAPPEN = [
  'proven in time',
  'proven late',
  'proven by backup',
  'expired',
  'excused',
  'excused: no input',
  'unprovable',
  'gap',
  'activated: startTime',
  'activated: leaseMissed',
  'activated: gaveUp',
  'activated: invalidZkProof',
  'activated: predictedMiss',
  'deposit: forfeited',
  'deposit: returned',
  'deposit: excused',
  'cleared by an old version',
  'pool: unsold, 0 at fault',
  'pool: sidesSpent, 1 at fault',
  'pool: sidesSpent, 2 at fault',
  'proven from the pool, sold',
  'proven from the pool, unsold',
  'escalated to: round',
  'escalated to: pool',
  'escalated to: expiry',
  'unsold: noPoolCommit',
  'unsold: noPoolReveal',
  'unsold: noPoolProof',
  'unsold: noBids',
  'unsold: noneInTime',
  'unsold: noBond',
  'unsold: notWorthIt',
  'auctioned behind another',
  'unsold: predecessorExpired',
  'unsold: readyTooLate',
  'unsold: withdrawn',
  'withdrawn: deposits returned',
];

async function live(seed: number, signed: boolean, seen: Record<string, number>): Promise<void> {
  const market = new RandomMarket(seed, signed);
  const books = new Bookkeeper();
  const check = () => {
    books.follow(market.memory.entries);
    const { state } = market.driver;
    expect([...books.flaws, ...moneyFlaws(state), ...idleFlaws(state)]).toEqual([]);
  };
  await market.open();
  for (let step = 0; step < STEPS; step += 1) {
    await market.step();
    check();
  }
  await market.finish();
  check();
  expect(books.open()).toEqual([]);
  for (const { completedAtMs } of market.driver.state.blocks.values()) expect(completedAtMs).not.toBeNull();
  const log = throughText(market.memory.entries);
  expect(replayFlaws(log, signed)).toEqual([]);
  expect(logFlaws(log)).toEqual([]);
  for (const [what, times] of Object.entries(books.seen)) seen[what] = (seen[what] ?? 0) + times;
}

describe('a market at random keeps its books, ends every job once and slashes no innocent', () => {
  it('over many runs', async () => {
    const seen: Record<string, number> = {};
    const run = fc.asyncProperty(fc.integer({ min: 0, max: 2 ** 31 }), (seed) => live(seed, false, seen));
    const examples: [number][] = [[1204169186], ...FIXED_SEEDS.map((seed): [number] => [seed])];
    await fc.assert(run, { numRuns: 400, endOnFailure: true, examples });
    expect(MUST_HAPPEN.filter((what) => !seen[what])).toEqual([]);
  });

  it('with every signature made and checked', async () => {
    const run = fc.asyncProperty(fc.integer({ min: 0, max: 2 ** 31 }), (seed) => live(seed, true, {}));
    await fc.assert(run, { numRuns: 8, endOnFailure: true });
  });
});
