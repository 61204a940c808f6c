/**
 * What holds for a whole round while it is cleared. Costs are compared as floating-point numbers first and as exact
 * integers wherever those come close to each other, so that every machine gets the same awards at little expense.
 */
import { bondMaxWei, lateDamageWei } from '#protocol/bonds.js';
import type { ClearingInput } from '../clear.js';

/** Exact costs are integers of wei times this: two probabilities in parts per million. */
export const SCALE = 1_000_000_000_000n;
export const PPM = 1_000_000;
/** Sums of a few products are off by some 10^-15 of themselves; what is closer than this is compared exactly. */
export const NEAR = 1e-12;

/** Demands of policy and rules that an option may leave unmet, as bits. */
export const UNMET = { backup: 1, success: 2, ownerShare: 4, establishedBackup: 8 } as const;

export interface Terms {
  nowMs: number;
  deadlineMs: number;
  /** By when work must be planned to be done: the deadline less the delivery margin. */
  dueMs: number;
  marginMs: number;
  /** The grid of on-time curves, in percent of the promised time. */
  grid: readonly number[];
  award: 'cheapest' | 'fastest';
  backup: 'market' | 'required' | 'none';
  /** The most that this round pays, and the most that the request pays in any round. */
  maxWei: bigint;
  requestMaxWei: bigint;
  max: number;
  /** What one missed job costs the requester. */
  lossWei: bigint;
  loss: number;
  /** Added to the cost of an option for each demand that it leaves unmet: more than any two options differ by. */
  chargeWei: bigint;
  charge: number;
  /** Largest chance that both miss, times 10^12, under the demanded success. */
  missLimit: number;
  /** Jobs that one owner may be primary of before the demand for a largest share is unmet. */
  ownerCap: number;
  /** Largest bond of a primary and bond of a backup, in wei. */
  primaryBondWei: bigint;
  backupBondWei: bigint;
  /** Whether newcomers are held to their rule: not in a round of newcomers only. */
  holdsNewcomers: boolean;
  /** Cost of a job that nobody gets, times 10^12. */
  nobody: bigint;
}

/** The terms of a round; `holdsNewcomers` is settled later, from the seats. */
export function termsOf(input: ClearingInput): Terms {
  const { policy, parameters, deadlineMs, missCostWei, requestMaxPriceWei, jobIds } = input;
  const chargeWei = 2n * requestMaxPriceWei + missCostWei;
  const hasShare = policy.maxOwnerShareBps < 10_000;
  return {
    nowMs: input.nowMs,
    deadlineMs,
    dueMs: deadlineMs - parameters.deliveryMarginMs,
    marginMs: parameters.deliveryMarginMs,
    grid: parameters.latenessPct,
    award: policy.award,
    backup: policy.backup,
    maxWei: input.maxPriceWei,
    requestMaxWei: requestMaxPriceWei,
    max: Number(input.maxPriceWei),
    lossWei: missCostWei,
    loss: Number(missCostWei),
    chargeWei,
    charge: Number(chargeWei),
    missLimit: (PPM - policy.minSuccessPpm) * PPM,
    ownerCap: hasShare
      ? Math.max(1, Math.floor((jobIds.length * policy.maxOwnerShareBps) / 10_000))
      : Number.POSITIVE_INFINITY,
    primaryBondWei: bondMaxWei(requestMaxPriceWei, parameters),
    backupBondWei: lateDamageWei(requestMaxPriceWei, parameters),
    holdsNewcomers: false,
    nobody: (missCostWei + chargeWei * demandCount(input)) * SCALE,
  };
}

/** How many charges an option can carry at most; a missing success counts double, by its own chance. */
function demandCount({ policy, candidates }: ClearingInput): bigint {
  const isMixed = candidates.some((one) => one.isNewcomer) && candidates.some((one) => !one.isNewcomer);
  return (
    (policy.backup === 'required' ? 1n : 0n) +
    (policy.minSuccessPpm > 0 ? 2n : 0n) +
    (policy.maxOwnerShareBps < 10_000 ? 1n : 0n) +
    (isMixed ? 1n : 0n)
  );
}
