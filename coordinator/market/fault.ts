/** Fault before penalty: what is not the prover's fault costs it nothing. Source: ARCHITECTURE.md, "Fault". */
import type { Address } from '#protocol/units.js';
import { type Assignment, type Job, type MarketState, pinnedParameters } from './state.js';

/**
 * True for a prover that could not prove because the coordinator did not serve it the input: it handed the job back for
 * that reason, or still waits.
 */
export function lacksInput({ status, excuse, inputRefusedAtMs }: Assignment): boolean {
  return status === 'gaveUp' ? excuse === 'inputNotServed' : inputRefusedAtMs !== null;
}

/** True while a prover's word that the job has no witness has not been looked into: the job does not end before. */
export function awaitsWitness({ witnessClaimedAtMs, witnessVerdict }: Job): boolean {
  return witnessClaimedAtMs !== null && witnessVerdict === null;
}

/**
 * Provers that a job's end finds undelivered through no fault of theirs: the coordinator did not serve them the input, did
 * not call them, or left them less than their promised time, or no time to come back to it before the deadline.
 */
export function excusedAtDeadline(state: MarketState, job: Job): Address[] {
  const sides = [job.primary, job.backup].filter((side): side is Assignment => side !== null);
  return sides.filter((side) => lacksInput(side) || isCutShort(state, job, side)).map(({ prover }) => prover);
}

/**
 * True when the coordinator took time from a prover that it needed. A primary with a backup had to be done before the
 * backup's start: downtime that puts this past the deadline left it no time. Everybody else has until the deadline, and
 * needs its promised time, counted from its own start, within it; the delivery margin absorbs little delays. And whoever
 * was cut off must find the coordinator again, for which a lease is enough, before the margin begins.
 */
function isCutShort(state: MarketState, job: Job, side: Assignment): boolean {
  if (side.status === 'gaveUp') return false;
  if (side.status === 'standby') return true;
  const wasPutOff = side.dueMs > job.deadlineMs;
  if (side === job.primary && job.backup !== null) return wasPutOff;
  const startMs = side === job.backup ? Math.max(side.activeSinceMs ?? 0, side.freeFromMs) : (side.activeSinceMs ?? 0);
  const { deliveryMarginMs, leaseMs } = pinnedParameters(state, job);
  const isCutOff = state.gapEndedAtMs > job.deadlineMs - deliveryMarginMs - leaseMs;
  return startMs + side.promisedMs > job.deadlineMs || (wasPutOff && isCutOff);
}
