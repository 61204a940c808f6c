import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ClearingInput, clear } from '#market/clear.js';
import { ClearingModel, pricesOf, waysOf } from './clearingModel.js';
import { roundArbitrary } from './clearingRounds.js';

const ROUNDS = 10_000;

const LEAST = { sold: 4_000, 'sold 4': 400, backup: 2_000, ownerShare: 100, success: 100, establishedBackup: 50 };
const seen = new Map<string, number>();

function note(what: string): void {
  seen.set(what, (seen.get(what) ?? 0) + 1);
}

/** Checks a cleared round against the trial of every way to clear it. */
function expectOptimum(input: ClearingInput): void {
  const { awards, unawarded } = clear(input);
  expect([...awards, ...unawarded].map(({ jobId }) => jobId)).toEqual(input.jobIds);
  const model = new ClearingModel(input);
  const ways = waysOf(model, awards);
  const cost = ways.reduce((sum, { charged }) => sum + charged, 0n) + BigInt(unawarded.length) * model.nobody;
  expect(cost).toBe(model.leastCost());
  const without = new Map<string, bigint>();
  const prices = pricesOf(input, ways, (owner) => {
    if (!without.has(owner)) without.set(owner, leastWithout(input, owner, model) - cost);
    return without.get(owner)!;
  });
  if (awards.length > 0) note('sold');
  note(`sold ${awards.length}`);
  for (const [at, award] of awards.entries()) {
    const { primary, backup } = award;
    if (backup) note('backup');
    for (const demand of award.unmet) note(demand);
    const way = ways[at]!;
    const { priceWei, feeWei } = prices[at]!;
    expect([award.priceWei, award.standbyFeeWei]).toEqual([String(priceWei), String(feeWei)]);
    expect(award.primaryDueMs).toBe(way.startMs ?? input.deadlineMs);
    expect([primary.missPpm, primary.promisedMs, primary.freeFromMs]).toEqual([way.q, way.promisedMs, input.nowMs]);
    if (backup) {
      expect([backup.missPpm, backup.promisedMs, backup.freeFromMs]).toEqual([
        way.r,
        way.standbyPromisedMs,
        way.freeFromMs,
      ]);
    }
    expect([...award.unmet].sort()).toEqual([...way.unmet].sort());
  }
}

/** The least cost of a round that an owner has not bid in; a job that nobody gets costs what it costs with it. */
function leastWithout(input: ClearingInput, owner: string, { nobody }: ClearingModel): bigint {
  const model = new ClearingModel(input, owner);
  expect(model.nobody).toBe(nobody);
  return model.leastCost();
}

describe('small rounds are cleared at the least cost of all, at the prices of the formulas', () => {
  it('with demands, newcomers, shared owners and loads', () => {
    const rounds = roundArbitrary({ jobsMax: 4, provers: 5 });
    fc.assert(fc.property(rounds, expectOptimum), { numRuns: ROUNDS });
    // What the rounds were about, so that there was something to get wrong.
    expect(Object.entries(LEAST).filter(([what, count]) => (seen.get(what) ?? 0) < count)).toEqual([]);
  }, 120_000);

  it('with one job among many bids', () => {
    const rounds = roundArbitrary({ jobsMax: 1, provers: 12 });
    fc.assert(fc.property(rounds, expectOptimum), { numRuns: 2_000 });
  });
});
