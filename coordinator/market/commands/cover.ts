import type { ActivationCause, Entry } from '#protocol/entries.js';
import { accept, type CommandOf, type Decision, NOTHING } from '../command.js';
import { poolOpening } from '../pool.js';
import { assignmentOf, type Job, type MarketState, pendingCount, pinnedParameters } from '../state.js';

/** The entry that calls the backup; none when there is no backup left to call, or no time. */
export function activation(
  job: Job,
  cause: ActivationCause,
  nowMs: number,
  expectedEndMs: number | null = null,
): Entry[] {
  if (job.backup?.status !== 'standby' || nowMs >= job.deadlineMs) return [];
  return [{ type: 'backupActivated', atMs: nowMs, jobId: job.jobId, prover: job.backup.prover, cause, expectedEndMs }];
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
 * Calls the backup because the primary's own agent expects to end more than the margin after its due time. The primary
 * may still deliver, and is on time until that due time.
 */
export function predictMiss(state: MarketState, command: CommandOf<'predictMiss'>, nowMs: number): Decision {
  const { jobId, expectedEndMs } = command;
  const job = state.jobs.get(jobId);
  if (!job || job.status !== 'awarded' || !isPredictedMiss(state, job, expectedEndMs)) return NOTHING;
  const called = dueActivation(job, nowMs);
  return accept(...(called.length > 0 ? called : activation(job, 'predictedMiss', nowMs, expectedEndMs)));
}

/** True when a primary that still works would end too late by its own word, and its backup is not called yet. */
export function isPredictedMiss(state: MarketState, job: Job, expectedEndMs: number): boolean {
  const { primary, backup } = job;
  if (primary?.status !== 'active' || backup?.status !== 'standby' || pendingCount(job) > 0) return false;
  return expectedEndMs > primary.dueMs + pinnedParameters(state, job).deliveryMarginMs;
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
    ...poolOpening(state, job, nowMs, { fresh: { prover, byItself: false } }),
  );
}

/**
 * When a lease ends: one lease after the last sign of life, the award, or the coordinator's own return. Never for an agent
 * that has not found the coordinator yet which carries the market on from an export.
 */
export function leaseEndsMs(state: MarketState, job: Job, lastSeenMs: number): number {
  const { importedAtMs } = state;
  if (importedAtMs > 0 && (job.awardedAtMs ?? 0) <= importedAtMs && lastSeenMs <= importedAtMs) {
    return Number.POSITIVE_INFINITY;
  }
  return Math.max(lastSeenMs, job.awardedAtMs ?? 0, state.startedAtMs) + pinnedParameters(state, job).leaseMs;
}
