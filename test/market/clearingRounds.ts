/** Rounds for the tests of clearing: made by hand, or at random with few different values, so that ties are met often. */
import { bytesToHex } from '@noble/hashes/utils.js';
import fc from 'fast-check';
import type { Candidate, ClearingInput } from '#market/clear.js';
import { DEFAULT_PARAMETERS } from '#protocol/parameters.js';
import { sha256Bytes } from '#protocol/sha256.js';
import type { Address } from '#protocol/units.js';

export const NOW_MS = 1_800_000_000_000;
export const MAX_WEI = 1_000n;

/** A policy without demands. */
export const PLAIN: ClearingInput['policy'] = {
  backup: 'market',
  award: 'cheapest',
  pricing: 'vickrey',
  minSuccessPpm: 0,
  maxOwnerShareBps: 10_000,
};

export const addressOf = (number: number): Address => `0x${number.toString(16).padStart(40, '0')}`;

export interface Terms {
  priceWei?: bigint;
  standbyWei?: bigint;
  owner?: number;
  maxJobs?: number;
  slots?: number;
  provingMsP95?: number;
  /** A chance that holds at the whole grid, or the curve. */
  missPpm?: number | readonly number[];
  freeWei?: bigint;
  runningMs?: number;
  standbyMs?: number;
  isNewcomer?: boolean;
  heldJobs?: number;
  ineligible?: Candidate['ineligible'];
}

/** A candidate with the number `index`; its owner is its own unless given. */
export function candidate(index: number, terms: Terms = {}): Candidate {
  const slots = terms.slots ?? 1;
  const provingMsP95 = terms.provingMsP95 ?? 5_000;
  const missPpm = terms.missPpm ?? 50_000;
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
    missPpm: typeof missPpm === 'number' ? DEFAULT_PARAMETERS.latenessPct.map(() => missPpm) : missPpm,
    isNewcomer: terms.isNewcomer ?? false,
    heldJobs: terms.heldJobs ?? 0,
    ineligible: terms.ineligible ?? null,
  };
}

/** A round over `jobCount` jobs with a max price of {@link MAX_WEI}. */
export function round(candidates: Candidate[], jobCount = 1, changes: Partial<ClearingInput> = {}): ClearingInput {
  const maxPriceWei = changes.maxPriceWei ?? MAX_WEI;
  return {
    jobIds: Array.from({ length: jobCount }, (_, index) => `job ${index}`),
    deadlineMs: NOW_MS + 62_000,
    maxPriceWei,
    requestMaxPriceWei: maxPriceWei,
    missCostWei: MAX_WEI,
    policy: PLAIN,
    candidates,
    nowMs: NOW_MS,
    tieSeed: new Uint8Array(32),
    parameters: { ...DEFAULT_PARAMETERS, lateDamageBps: 2_000 },
    ...changes,
  };
}

/** What ties fall by: the lower one is preferred. */
export function tieOf({ candidates, tieSeed }: ClearingInput, at: number): string {
  return bytesToHex(sha256Bytes(tieSeed, new TextEncoder().encode(candidates[at]!.bid.prover)));
}

const curveArbitrary = fc.constantFrom(
  [0, 0, 0, 0, 0, 0],
  [1, 1, 1, 1, 1, 1],
  [100_000, 70_000, 60_000, 55_000, 50_000, 50_000],
  [100_000, 70_000, 60_000, 55_000, 50_000, 50_000],
  [300_000, 250_000, 200_000, 10_000, 10_000, 0],
  [333_333, 333_333, 333_333, 333_333, 333_333, 333_333],
  [1_000_000, 1_000_000, 1_000_000, 1_000_000, 1_000_000, 1_000_000],
);

/** Few different values, so that ties and bounds are met often. */
const termsArbitrary = fc.record({
  priceWei: fc.oneof(fc.bigInt(0n, 1_001n), fc.bigInt(50n, 150n), fc.constantFrom(0n, 100n, 200n, 1_000n)),
  standbyWei: fc.oneof(fc.bigInt(0n, 1_000n), fc.constantFrom(0n, 1n, 10n, 50n)),
  owner: fc.integer({ min: 0, max: 5 }),
  maxJobs: fc.constantFrom(1, 1, 2, 3, 6),
  slots: fc.integer({ min: 1, max: 3 }),
  provingMsP95: fc.oneof(fc.integer({ min: 1, max: 40_000 }), fc.constantFrom(5_000, 20_000, 30_000)),
  missPpm: curveArbitrary,
  freeWei: fc.constantFrom(0n, 2_199n, 2_200n, 2_400n, 4_400n, 1_000_000n, 1_000_000n, 1_000_000n, 1_000_000n),
  runningMs: fc.constantFrom(0, 0, 0, 10_001, 50_000),
  standbyMs: fc.constantFrom(0, 0, 0, 7_000, 30_000),
  isNewcomer: fc.constantFrom(false, false, false, true),
  heldJobs: fc.constantFrom(0, 0, 1),
  ineligible: fc.constantFrom(null, null, null, null, null, null, 'notAllowed' as const),
});

const cheapestArbitrary = fc.record({
  backup: fc.constantFrom('market' as const, 'market' as const, 'required' as const, 'none' as const),
  award: fc.constant('cheapest' as const),
  pricing: fc.constantFrom('vickrey' as const, 'vickrey' as const, 'vickrey' as const, 'first' as const),
  minSuccessPpm: fc.constantFrom(0, 0, 0, 950_000, 999_999),
  maxOwnerShareBps: fc.constantFrom(10_000, 10_000, 10_000, 2_500, 5_000),
});

const fastestArbitrary = cheapestArbitrary.map((policy): ClearingInput['policy'] => ({
  ...policy,
  award: 'fastest',
  pricing: 'first',
}));

export interface Sizes {
  jobsMin?: number;
  jobsMax: number;
  provers: number;
  fastest?: boolean;
}

/** Rounds of every kind: shared owners, loads, poor provers, newcomers, all policies. */
export function roundArbitrary({ jobsMin = 1, jobsMax, provers, fastest = false }: Sizes): fc.Arbitrary<ClearingInput> {
  return fc
    .record({
      terms: fc.array(termsArbitrary, { maxLength: provers, size: 'max' }),
      jobCount: fc.oneof(fc.integer({ min: jobsMin, max: jobsMax }), fc.constant(jobsMax)),
      policy: fastest ? fastestArbitrary : (cheapestArbitrary as fc.Arbitrary<ClearingInput['policy']>),
      missCostWei: fc.oneof(fc.bigInt(0n, 20_000n), fc.constantFrom(0n, 1_000n, 10_000n, 1_000_000n)),
      windowMs: fc.oneof(fc.integer({ min: 1_000, max: 240_000 }), fc.constant(240_000)),
      tieSeed: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    })
    .map(({ terms, jobCount, policy, missCostWei, windowMs, tieSeed }) =>
      round(
        terms.map((one, index) => candidate(index, one)),
        jobCount,
        { policy, missCostWei, tieSeed, deadlineMs: NOW_MS + windowMs },
      ),
    );
}
