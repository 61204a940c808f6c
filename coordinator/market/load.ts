/**
 * Committed load: what a prover has taken on, in every round, running or standing by, is queued in front of whatever
 * it bids for. Work that is started is counted in full, which errs towards keeping deadlines.
 */
import type { Commitment } from './state.js';

export interface Load {
  /** Sum of the proving times that the prover must deliver, in milliseconds. */
  runningMs: number;
  /** Sum of the proving times of its standby duties: all of them may be called at once. */
  standbyMs: number;
  /** How many jobs it proves at once. */
  slots: number;
}

/** Adds up a prover's commitments. */
export function loadOf(commitments: Iterable<Commitment>, slots: number): Load {
  const load: Load = { runningMs: 0, standbyMs: 0, slots };
  for (const { standby, provingMs } of commitments) {
    if (standby) load.standbyMs += provingMs;
    else load.runningMs += provingMs;
  }
  return load;
}

/** When a further job, started now, would be finished with all committed work in front of it. Unix milliseconds. */
export function finishAtMs(load: Load, nowMs: number, provingMs: number): number {
  return nowMs + Math.ceil((load.runningMs + load.standbyMs) / load.slots) + provingMs;
}

/** When slots would be free of running work, standby duties left aside. Unix milliseconds. */
export function freeFromMs(load: Load, nowMs: number): number {
  return nowMs + Math.ceil(load.runningMs / load.slots);
}

/** How long a backup may take from its call, or from when it is free, its other standby duties in front. */
export function standbyPromisedMs(load: Load, provingMs: number): number {
  return Math.ceil(load.standbyMs / load.slots) + provingMs;
}
