/**
 * Wake-ups: what must be looked at again, and when. They follow from the state alone, so that a lost queue loses
 * nothing, and a job that is neither ended nor holds one is a bug (I4).
 */
import { clearsAtMs } from './commitReveal.js';
import { awaitsWitness } from './fault.js';
import type { Job, Round } from './state.js';

export type WakeUpKind = 'closeRound' | 'sealBids' | 'activateBackup' | 'expireJob' | 'verifyZkProof' | 'checkWitness';

export interface WakeUp {
  kind: WakeUpKind;
  /** A round id or a job id. */
  key: string;
  dueMs: number;
}

/** A round waits for the end of its window, then, where bids are committed to, for the end of their opening. */
export function wakeUpsOfRound(round: Round): WakeUp[] {
  if (round.clearedAtMs !== null) return [];
  const dueMs = clearsAtMs(round);
  return dueMs === null
    ? [{ kind: 'sealBids', key: round.roundId, dueMs: round.closesAtMs }]
    : [{ kind: 'closeRound', key: round.roundId, dueMs }];
}

/** An awarded job waits for its backup's start, for verdicts, for the check of its witness, and for its deadline. An open one waits for its round. */
export function wakeUpsOfJob(job: Job): WakeUp[] {
  if (job.status !== 'awarded') return [];
  const found: WakeUp[] = [{ kind: 'expireJob', key: job.jobId, dueMs: job.deadlineMs }];
  if (job.backup?.status === 'standby' && job.backupStartMs !== null && job.backupStartMs < job.deadlineMs) {
    found.push({ kind: 'activateBackup', key: job.jobId, dueMs: job.backupStartMs });
  }
  const pending = job.submissions.find(({ verdict }) => verdict === 'pending');
  if (pending) found.push({ kind: 'verifyZkProof', key: job.jobId, dueMs: pending.receivedAtMs });
  if (awaitsWitness(job)) {
    found.push({ kind: 'checkWitness', key: job.jobId, dueMs: job.witnessClaimedAtMs as number });
  }
  return found;
}
