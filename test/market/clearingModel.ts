/**
 * A second opinion on clearing, written from ARCHITECTURE.md and not from the code: every choice is enumerated, costs
 * are exact integers scaled by 10^12. With the generator of the rounds that the two are compared on.
 */
import { bytesToHex } from '@noble/hashes/utils.js';
import fc from 'fast-check';
import type { Candidate, ClearingInput } from '#market/clear.js';
import type { Award } from '#protocol/entries.js';
import { DEFAULT_PARAMETERS } from '#protocol/parameters.js';
import { sha256Bytes } from '#protocol/sha256.js';
import type { Address } from '#protocol/units.js';

export const NOW_MS = 1_800_000_000_000;
export const MAX_WEI = 1_000n;
const E12 = 1_000_000_000_000n;
const E6 = 1_000_000n;

/** What a candidate has left while the jobs of a round are given out one by one. */
export interface Left {
  candidate: Candidate;
  runningMs: number;
  standbyMs: number;
  jobs: number;
  freeWei: bigint;
}

export interface Option {
  primary: Left;
  backup: Left | null;
  cost: bigint;
  finishMs: number;
}

export function leftOf(candidate: Candidate): Left {
  const { runningMs, standbyMs } = candidate.load;
  return { candidate, runningMs, standbyMs, jobs: candidate.bid.maxJobs, freeWei: candidate.freeWei };
}

const priceOf = ({ candidate }: Left) => BigInt(candidate.bid.priceWei);
const standbyOf = ({ candidate }: Left) => BigInt(candidate.bid.standbyWei);
const missOf = ({ candidate }: Left) => BigInt(candidate.missPpm);

/** When a prover would be done with one more job, everything it has taken on in front. */
export function finishOf({ candidate, runningMs, standbyMs }: Left): number {
  return NOW_MS + Math.ceil((runningMs + standbyMs) / candidate.load.slots) + candidate.provingMsP95;
}

/** The latest call that leaves a backup its time, its other standby duties in front. */
export function latestCallOf({ candidate, standbyMs }: Left, dueMs: number): number {
  return dueMs - candidate.provingMsP95 - Math.ceil(standbyMs / candidate.load.slots);
}

export function dueOf(input: ClearingInput): number {
  return input.deadlineMs - input.parameters.deliveryMarginMs;
}

function isFit(left: Left, input: ClearingInput): boolean {
  const late = (input.maxPriceWei * BigInt(input.parameters.lateDamageBps)) / 10_000n;
  const bondWei = 2n * input.maxPriceWei + late;
  return (
    priceOf(left) <= input.maxPriceWei && left.jobs > 0 && finishOf(left) <= dueOf(input) && left.freeWei >= bondWei
  );
}

/** Every choice that the rules allow for one job, with owner `without` away. */
export function optionsOf(lefts: Left[], input: ClearingInput, without: Address | null = null): Option[] {
  const fit = lefts.filter((left) => left.candidate.owner !== without && isFit(left, input));
  const options: Option[] = [];
  for (const primary of fit) {
    const q = missOf(primary);
    const finishMs = finishOf(primary);
    if (input.policy.backup !== 'required') {
      const cost = priceOf(primary) * E12 + q * input.missCostWei * E6;
      options.push({ primary, backup: null, cost, finishMs });
    }
    if (input.policy.backup === 'none') continue;
    for (const backup of fit) {
      if (backup.candidate.owner === primary.candidate.owner) continue;
      if (finishMs + input.parameters.deliveryMarginMs > latestCallOf(backup, dueOf(input))) continue;
      if (priceOf(primary) + standbyOf(backup) > input.maxPriceWei) continue;
      const certain = (priceOf(primary) + standbyOf(backup)) * E12;
      const cost = certain + q * priceOf(backup) * E6 + q * missOf(backup) * input.missCostWei;
      options.push({ primary, backup, cost, finishMs });
    }
  }
  return options;
}

function tieOf(left: Left | null, input: ClearingInput): string {
  if (!left) return '';
  return bytesToHex(sha256Bytes(input.tieSeed, new TextEncoder().encode(left.candidate.bid.prover)));
}

/** The choice that the rules make, or null for leaving the job unsold. */
export function bestOf(options: Option[], input: ClearingInput): Option | null {
  const order = (a: Option, b: Option) => {
    const keys = (one: Option) => [tieOf(one.primary, input), tieOf(one.backup, input)] as const;
    if (input.policy.award === 'fastest' && a.finishMs !== b.finishMs) return a.finishMs - b.finishMs;
    if (a.cost !== b.cost) return a.cost < b.cost ? -1 : 1;
    return keys(a)[0] !== keys(b)[0] ? (keys(a)[0] < keys(b)[0] ? -1 : 1) : keys(a)[1] < keys(b)[1] ? -1 : 1;
  };
  const best = [...options].sort(order)[0] ?? null;
  if (best && input.policy.award === 'cheapest' && best.cost > input.missCostWei * E12) return null;
  return best;
}

/** Price and standby fee of a choice by the formulas: what the absence of each would have cost. */
export function pricesOf(choice: Option, lefts: Left[], input: ClearingInput): { priceWei: bigint; feeWei: bigint } {
  const { primary, backup, cost } = choice;
  const without = (one: Left) => bestOf(optionsOf(lefts, input, one.candidate.owner), input)?.cost;
  const worth = (one: Left, ownWei: bigint) => {
    if (input.policy.pricing === 'first') return ownWei;
    return ((without(one) ?? input.missCostWei * E12) - (cost - ownWei * E12)) / E12;
  };
  const least = (a: bigint, b: bigint) => (a < b ? a : b);
  const feeWei = backup ? least(worth(backup, standbyOf(backup)), input.maxPriceWei - priceOf(primary)) : 0n;
  return { priceWei: least(worth(primary, priceOf(primary)), input.maxPriceWei - feeWei), feeWei };
}

/** Books an award, so that the next job sees what is left. */
export function book(lefts: Left[], award: Award): void {
  const of = (prover: Address) => lefts.find(({ candidate }) => candidate.bid.prover === prover)!;
  const primary = of(award.primary.prover);
  primary.runningMs += primary.candidate.provingMsP95;
  primary.jobs -= 1;
  primary.freeWei -= BigInt(award.primary.bondWei);
  if (!award.backup) return;
  const backup = of(award.backup.prover);
  backup.standbyMs += backup.candidate.provingMsP95;
  backup.jobs -= 1;
  backup.freeWei -= BigInt(award.backup.bondWei);
}

export const addressOf = (number: number): Address => `0x${number.toString(16).padStart(40, '0')}`;

export interface Terms {
  priceWei?: bigint;
  standbyWei?: bigint;
  owner?: number;
  maxJobs?: number;
  slots?: number;
  provingMsP95?: number;
  missPpm?: number;
  freeWei?: bigint;
  runningMs?: number;
  standbyMs?: number;
}

/** A candidate with the number `index`; its owner is its own unless given. */
export function candidate(index: number, terms: Terms = {}): Candidate {
  const slots = terms.slots ?? 1;
  const provingMsP95 = terms.provingMsP95 ?? 5_000;
  return {
    bid: {
      roundId: `0x${'00'.repeat(32)}.r0`,
      prover: addressOf(index + 1),
      priceWei: String(terms.priceWei ?? 100n),
      standbyWei: String(terms.standbyWei ?? 0n),
      maxJobs: terms.maxJobs ?? 100,
      maxConcurrent: slots,
      provingMsP95,
      expiresAtMs: NOW_MS + 1_000,
      salt: `0x${'00'.repeat(32)}`,
    },
    owner: addressOf(1_000 + (terms.owner ?? index)),
    freeWei: terms.freeWei ?? 1_000_000n,
    load: { runningMs: terms.runningMs ?? 0, standbyMs: terms.standbyMs ?? 0, slots },
    provingMsP95,
    missPpm: terms.missPpm ?? 50_000,
  };
}

/** A round over `jobCount` jobs with a max price of {@link MAX_WEI}. */
export function round(candidates: Candidate[], jobCount = 1, changes: Partial<ClearingInput> = {}): ClearingInput {
  return {
    jobIds: Array.from({ length: jobCount }, (_, index) => `job ${index}`),
    deadlineMs: NOW_MS + 62_000,
    maxPriceWei: MAX_WEI,
    missCostWei: MAX_WEI,
    policy: { backup: 'market', award: 'cheapest', pricing: 'vickrey' },
    candidates,
    nowMs: NOW_MS,
    tieSeed: new Uint8Array(32),
    parameters: DEFAULT_PARAMETERS,
    ...changes,
  };
}

/** Few different values, so that ties and bounds are met often. */
const termsArbitrary = fc.record({
  priceWei: fc.oneof(fc.bigInt(0n, 1_001n), fc.constantFrom(0n, 100n, 200n, 1_000n)),
  standbyWei: fc.oneof(fc.bigInt(0n, 1_000n), fc.constantFrom(0n, 1n, 50n)),
  owner: fc.integer({ min: 0, max: 5 }),
  maxJobs: fc.integer({ min: 1, max: 6 }),
  slots: fc.integer({ min: 1, max: 3 }),
  provingMsP95: fc.oneof(fc.integer({ min: 1, max: 40_000 }), fc.constantFrom(5_000, 20_000, 30_000)),
  missPpm: fc.constantFrom(0, 1, 50_000, 333_333, 1_000_000),
  freeWei: fc.constantFrom(0n, 2_199n, 2_200n, 2_900n, 1_000_000n, 1_000_000n, 1_000_000n),
  runningMs: fc.constantFrom(0, 0, 0, 10_001, 50_000),
  standbyMs: fc.constantFrom(0, 0, 0, 7_000, 30_000),
});

const policyArbitrary = fc.constantFrom<ClearingInput['policy']>(
  { backup: 'market', award: 'cheapest', pricing: 'vickrey' },
  { backup: 'market', award: 'cheapest', pricing: 'vickrey' },
  { backup: 'required', award: 'cheapest', pricing: 'vickrey' },
  { backup: 'none', award: 'cheapest', pricing: 'vickrey' },
  { backup: 'market', award: 'cheapest', pricing: 'first' },
  { backup: 'market', award: 'fastest', pricing: 'first' },
  { backup: 'required', award: 'fastest', pricing: 'first' },
);

/** Rounds of every kind: shared owners, loads, poor provers, all policies. */
export const roundArbitrary: fc.Arbitrary<ClearingInput> = fc
  .record({
    terms: fc.array(termsArbitrary, { maxLength: 7 }),
    jobCount: fc.integer({ min: 1, max: 6 }),
    policy: policyArbitrary,
    missCostWei: fc.oneof(fc.bigInt(0n, 20_000n), fc.constantFrom(0n, 1_000n, 10_000n, 1_000_000n)),
    windowMs: fc.integer({ min: 1_000, max: 120_000 }),
    tieSeed: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  })
  .map(({ terms, jobCount, policy, missCostWei, windowMs, tieSeed }) =>
    round(
      terms.map((one, index) => candidate(index, one)),
      jobCount,
      {
        policy,
        missCostWei,
        tieSeed,
        deadlineMs: NOW_MS + windowMs,
      },
    ),
  );
