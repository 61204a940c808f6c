/** Fault before penalty: what is not the prover's fault costs it nothing. Source: ARCHITECTURE.md, "Fault". */
import type { Assignment, Job } from './state.js';

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
