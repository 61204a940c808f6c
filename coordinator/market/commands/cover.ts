import type { ActivationCause, Entry } from '#protocol/entries.js';
import { accept, type CommandOf, type Decision, NOTHING } from '../command.js';
import { assignmentOf, type Job, type MarketState, pinnedParameters } from '../state.js';

/** The entry that calls the backup; none when there is no backup left to call, or no time. */
export function activation(job: Job, cause: ActivationCause, nowMs: number): Entry[] {
  if (job.backup?.status !== 'standby' || nowMs >= job.deadlineMs) return [];
  return [{ type: 'backupActivated', atMs: nowMs, jobId: job.jobId, prover: job.backup.prover, cause }];
}

/**
 * The entry that calls the backup if its start has come: also before any zkProof that arrives then, so that who is late
 * depends on the time plan and not on when the wake-up was handled.
 */
export function dueActivation(job: Job, nowMs: number): Entry[] {
  const isDue = job.status === 'awarded' && job.backupStartMs !== null && nowMs >= job.backupStartMs;
  return isDue ? activation(job, 'startTime', nowMs) : [];
}

/** Calls the backup because its start has come and no zkProof has. */
export function activateBackup(state: MarketState, command: CommandOf<'activateBackup'>, nowMs: number): Decision {
  const job = state.jobs.get(command.jobId);
  return job ? accept(...dueActivation(job, nowMs)) : NOTHING;
}

/**
 * Notes that an agent has been silent for longer than its lease. A primary's silence calls the backup at once; the
 * primary may still deliver first. A backup's silence costs it the standby fee.
 */
export function missLease(state: MarketState, command: CommandOf<'missLease'>, nowMs: number): Decision {
  const job = state.jobs.get(command.jobId);
  const held = job && assignmentOf(job, command.prover);
  if (!job || job.status !== 'awarded' || !held) return NOTHING;
  const { role, assignment } = held;
  if (assignment.leaseMissed || assignment.status === 'gaveUp') return NOTHING;
  if (nowMs < leaseEndsMs(state, job, command.lastSeenMs)) return NOTHING;
  const { jobId, prover, lastSeenMs } = command;
  return accept(
    { type: 'leaseMissed', atMs: nowMs, jobId, prover, role, lastSeenMs },
    ...(role === 'primary' ? activation(job, 'leaseMissed', nowMs) : []),
  );
}

/** When a lease ends: one lease after the last sign of life, the award, or the coordinator's own return. */
export function leaseEndsMs(state: MarketState, job: Job, lastSeenMs: number): number {
  return Math.max(lastSeenMs, job.awardedAtMs ?? 0, state.startedAtMs) + pinnedParameters(state, job).leaseMs;
}
