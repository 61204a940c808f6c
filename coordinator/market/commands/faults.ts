import { accept, type CommandOf, type Decision, NOTHING } from '../command.js';
import { following } from '../dependencies.js';
import { expireAwarded, expireUnsatisfiable } from '../ending.js';
import { awaitsWitness } from '../fault.js';
import { poolOpening } from '../pool.js';
import { assignmentOf, type MarketState, pendingCount } from '../state.js';

/** Longest text of a witness generator's error that an entry keeps. */
const ERROR_MAX = 256;

/**
 * Notes that the coordinator failed to serve an assignee its job's input, and that it has served it after all. The first
 * service is nothing to note: what counts against a prover is silence in the log.
 */
export function noteInput(state: MarketState, command: CommandOf<'noteInput'>, nowMs: number): Decision {
  const { jobId, prover, served } = command;
  const job = state.jobs.get(jobId);
  const side = job?.status === 'awarded' ? assignmentOf(job, prover)?.assignment : undefined;
  if (!side || side.status === 'gaveUp' || (side.inputRefusedAtMs === null) !== !served) return NOTHING;
  return accept({ type: served ? 'inputServed' : 'inputRefused', atMs: nowMs, jobId, prover });
}

/**
 * Takes the coordinator's word on a prover's claim that a job has no witness. A job without one ends: nobody can prove
 * it, so nobody pays. A job that has one goes on, and its deadline, if it waited for this, comes now. While a zkProof is
 * being checked, which might be valid, no job is found unprovable.
 */
export function recordWitness(state: MarketState, command: CommandOf<'recordWitness'>, nowMs: number): Decision {
  const { jobId, satisfiable } = command;
  const job = state.jobs.get(jobId);
  if (!job || job.status !== 'awarded' || !awaitsWitness(job)) return NOTHING;
  const isPending = pendingCount(job) > 0;
  if (satisfiable === false && isPending) return NOTHING;
  const error = command.error.slice(0, ERROR_MAX);
  const checked = { type: 'witnessChecked' as const, atMs: nowMs, jobId, satisfiable, error };
  if (satisfiable !== false && (nowMs < job.deadlineMs || isPending)) {
    return accept(checked, ...poolOpening(state, job, nowMs, { isWitnessChecked: true }));
  }
  const expired = satisfiable === false ? expireUnsatisfiable(state, job, nowMs) : expireAwarded(state, job, nowMs);
  return accept(checked, expired, ...following(state, state.blocks.get(job.blockId)!, { expired: [jobId] }, nowMs));
}
