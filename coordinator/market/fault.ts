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

/** Both assignments of a job, those that there are. */
export function sidesOf(job: Job): Assignment[] {
  return [job.primary, job.backup].filter((side): side is Assignment => side !== null);
}

/**
 * Provers that a job's end finds undelivered through no fault of theirs: the coordinator did not serve them the input, did
 * not call them, or left them less than their promised time, or no time to come back to it before the deadline.
 */
export function excusedAtDeadline(state: MarketState, job: Job): Address[] {
  return sidesOf(job)
    .filter((side) => lacksInput(side) || isCutShort(state, job, side))
    .map(({ prover }) => prover);
}

/**
 * Sides at fault for a job whose pool opens. All of them are spent; excused are those whom the coordinator did not serve
 * the input, or took time from that they needed. Who gives up or has used up its invalid zkProofs is not. A backup that
 * stands by is called at this moment.
 * @param fresh - a side that is spent at this very moment, and whether by its own word or zkProof
 */
export function atFaultOf(
  state: MarketState,
  job: Job,
  nowMs: number,
  fresh: { prover: Address; byItself: boolean } | null,
): Assignment[] {
  const { invalidProofsMax } = pinnedParameters(state, job);
  return sidesOf(job).filter((side) => {
    if (fresh?.prover === side.prover && fresh.byItself) return true;
    if (lacksInput(side)) return false;
    if (side.status === 'gaveUp' || side.invalidCount >= invalidProofsMax) return true;
    return !isCutShort(state, job, side, nowMs);
  });
}

/**
 * True when the coordinator took time from a prover that it needed. A primary with a backup had to be done before the
 * backup's start: downtime that puts this past the deadline left it no time. Everybody else has until the deadline, and
 * needs its promised time, counted from its own start, within it; the delivery margin absorbs little delays. And whoever
 * was cut off must find the coordinator again, for which a lease is enough, before the margin begins.
 * @param calledAtMs - when a backup is called that stands by; null when it is not
 */
function isCutShort(state: MarketState, job: Job, side: Assignment, calledAtMs: number | null = null): boolean {
  if (side.status === 'gaveUp') return false;
  if (side.status === 'standby' && calledAtMs === null) return true;
  const wasPutOff = side.dueMs > job.deadlineMs;
  if (side === job.primary && job.backup !== null) return wasPutOff;
  const sinceMs = side.activeSinceMs ?? calledAtMs ?? 0;
  const startMs = side === job.backup ? Math.max(sinceMs, side.freeFromMs) : sinceMs;
  const { deliveryMarginMs, leaseMs } = pinnedParameters(state, job);
  const isCutOff = state.gapEndedAtMs > job.deadlineMs - deliveryMarginMs - leaseMs;
  return startMs + side.promisedMs > job.deadlineMs || (wasPutOff && isCutOff);
}
