import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ClearingInput, clear } from '#market/clear.js';
import { ClearingModel, pricesOf, waysOf } from './clearingModel.js';
import { roundArbitrary } from './clearingRounds.js';

const ROUNDS = 10_000;

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
  for (const [at, award] of awards.entries()) {
    const { primary, backup } = award;
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
  }, 120_000);
});
