/**
 * Wake-ups: what must be looked at again, and when. They follow from the state alone, so that a lost queue loses
 * nothing, and a job that is neither ended nor holds one is a bug (I4).
 */
import { clearsAtMs } from './commitReveal.js';
import { awaitsWitness } from './fault.js';
import { type Challenge, type Job, type MarketState, type Round, recordKey } from './state.js';

export type WakeUpKind =
  | 'closeRound'
  | 'sealBids'
  | 'activateBackup'
  | 'expireJob'
  | 'verifyZkProof'
  | 'checkWitness'
  | 'verifyChallenge';

export interface WakeUp {
  kind: WakeUpKind;
  /** A round id or a job id; of a challenge its prover and circuit. */
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

/** A challenge waits for the verdict on its zkProof. */
export function wakeUpsOfChallenge({ prover, circuitId, status, receivedAtMs }: Challenge): WakeUp[] {
  if (status !== 'received' || receivedAtMs === null) return [];
  return [{ kind: 'verifyChallenge', key: recordKey(prover, circuitId), dueMs: receivedAtMs }];
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

/** All wake-ups of a market, by the round, job or challenge that waits. */
export function wakeUpsByEntity({ rounds, jobs, challenges }: MarketState): Map<string, WakeUp[]> {
  const found = new Map<string, WakeUp[]>();
  for (const [roundId, round] of rounds) found.set(roundId, wakeUpsOfRound(round));
  for (const [jobId, job] of jobs) found.set(jobId, wakeUpsOfJob(job));
  for (const [key, challenge] of challenges) found.set(key, wakeUpsOfChallenge(challenge));
  return found;
}
