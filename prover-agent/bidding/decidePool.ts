import type { Parameters } from '#protocol/parameters.js';
import { type PoolRamp, poolReachesAtMs } from '#protocol/poolPrice.js';

/** Why an agent leaves a pooled job to others. */
export type PoolSkipCode =
  | 'circuitUnknown'
  | 'proofsFail'
  | 'notWanted'
  | 'poolTooCheap'
  | 'tooLittleTime'
  | 'noBond'
  | 'bondAtRisk';

export interface PoolInput {
  ramp: PoolRamp;
  deadlineMs: number;
  /** What this prover asks for the job, in wei. */
  priceWei: bigint;
  /** Promised p95 of one zkProof on this machine, in milliseconds; null for a circuit it cannot prove. */
  promisedMs: number | null;
  proofsFail: boolean;
  slots: number;
  /** Sum of the promised times of all jobs held, in milliseconds. */
  committedMs: number;
  /** Money that can be locked, and what a commitment locks, in wei. */
  freeWei: bigint;
  bondWei: bigint;
  /** What is locked or may come to be, and the most that may be; null: all that is free. */
  atRiskWei: bigint;
  maxBondWei: bigint | null;
  /** Why the operator does not want it, in a sentence; null when it does. */
  unwanted: string | null;
  parameters: Pick<Parameters, 'deliveryMarginMs'>;
  /** The coordinator's clock. */
  nowMs: number;
}

/** When to begin to prove, or why not to; the detail is for people. */
export type PoolDecision = { ok: true; startMs: number } | { ok: false; code: PoolSkipCode; detail: string };

/**
 * Decides whether to prove a pooled job, and when to begin: as late as the price allows that is reached by its end, so
 * that little is proven in vain when somebody else is cheaper. Pure.
 */
export function decidePool(input: PoolInput): PoolDecision {
  const { ramp, deadlineMs, priceWei, promisedMs, nowMs } = input;
  if (promisedMs === null) return skip('circuitUnknown', 'no prover for its circuit');
  if (input.proofsFail) return skip('proofsFail', 'the newest zkProofs of its circuit failed here');
  if (input.unwanted) return skip('notWanted', input.unwanted);
  const reachedAtMs = poolReachesAtMs(ramp, deadlineMs, priceWei);
  if (reachedAtMs === null) return skip('poolTooCheap', `asks ${priceWei} wei, the pool pays ${ramp.toWei} at most`);
  const queueMs = Math.ceil(input.committedMs / input.slots);
  const startMs = Math.max(nowMs, reachedAtMs - promisedMs - queueMs);
  const endMs = startMs + queueMs + promisedMs;
  const dueMs = deadlineMs - input.parameters.deliveryMarginMs;
  if (endMs > dueMs) return skip('tooLittleTime', `would be done at ${endMs}, has to be by ${dueMs}`);
  if (input.freeWei < input.bondWei) return skip('noBond', `has ${input.freeWei} wei free, needs ${input.bondWei}`);
  const { atRiskWei, bondWei, maxBondWei } = input;
  if (maxBondWei !== null && atRiskWei + bondWei > maxBondWei) {
    return skip(
      'bondAtRisk',
      `${atRiskWei} wei are at risk, a commitment takes ${bondWei}, at most ${maxBondWei} may be`,
    );
  }
  return { ok: true, startMs };
}

function skip(code: PoolSkipCode, detail: string): PoolDecision {
  return { ok: false, code, detail };
}
