/**
 * Wake-ups: what must be looked at again, and when. They follow from the state alone, so that a lost queue loses
 * nothing, and a job that is neither ended nor holds one is a bug (I4).
 */
import type { Hex } from '#protocol/units.js';
import { clearsAtMs } from './commitReveal.js';
import { awaitsWitness } from './fault.js';
import { canOpenPool, openCommitmentsBefore, revealEndsMs, spentAtMs } from './pool.js';
import { type JobSet, nextRootAtMs, type Settlement } from './settlement.js';
import { type Challenge, type Job, type MarketState, type Round, recordKey, type Submission } from './state.js';

export type WakeUpKind =
  | 'closeRound'
  | 'sealBids'
  | 'activateBackup'
  | 'expireJob'
  | 'verifyZkProof'
  | 'checkWitness'
  | 'verifyChallenge'
  | 'openPool'
  | 'computeBalanceRoot'
  | 'commitJobSet';

export interface WakeUp {
  kind: WakeUpKind;
  /** A round id or a job id; of a challenge its prover and circuit; `chain`, or a set's id. */
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

/** The entity that waits for the next balance root. */
export const CHAIN_ENTITY = 'chain';

/** The entity of a job set, which waits to be committed. */
export function setEntity(setId: Hex): string {
  return `set:${setId}`;
}

/** The chain waits for its next balance root, unless the newest is still to be posted. */
export function wakeUpsOfChain(settlement: Settlement): WakeUp[] {
  const dueMs = nextRootAtMs(settlement);
  return dueMs === null ? [] : [{ kind: 'computeBalanceRoot', key: CHAIN_ENTITY, dueMs }];
}

/** A job set waits to be committed from the end of its block on. */
export function wakeUpsOfSet({ setId, completedAtMs, setRoot }: JobSet): WakeUp[] {
  if (completedAtMs === null || setRoot !== null) return [];
  return [{ kind: 'commitJobSet', key: setId, dueMs: completedAtMs }];
}

/**
 * An awarded job waits for its backup's start, for its pool, for verdicts, for the check of its witness, and for its
 * deadline; a pooled one for verdicts and its deadline. An open one waits for its round.
 */
export function wakeUpsOfJob(job: Job): WakeUp[] {
  if (job.status !== 'awarded' && job.status !== 'pooled') return [];
  const found: WakeUp[] = [{ kind: 'expireJob', key: job.jobId, dueMs: job.deadlineMs }];
  if (job.backup?.status === 'standby' && job.backupStartMs !== null && job.backupStartMs < job.deadlineMs) {
    found.push({ kind: 'activateBackup', key: job.jobId, dueMs: job.backupStartMs });
  }
  if (awaitsWitness(job)) {
    found.push({ kind: 'checkWitness', key: job.jobId, dueMs: job.witnessClaimedAtMs as number });
  }
  const pending = job.submissions.filter(({ verdict }) => verdict === 'pending');
  if (pending.length > 0) {
    found.push({
      kind: 'verifyZkProof',
      key: job.jobId,
      dueMs: Math.min(...pending.map((one) => countsAtMs(job, one))),
    });
  }
  const opensAtMs = pending.length > 0 || !canOpenPool(job) ? null : spentAtMs(job);
  if (opensAtMs !== null && opensAtMs < job.deadlineMs) {
    found.push({ kind: 'openPool', key: job.jobId, dueMs: opensAtMs });
  }
  return found;
}

/**
 * When a zkProof that is found valid can end its job: at its receipt, or when the last earlier commitment to the pool
 * has had its time. Until then its verdict is not final.
 */
function countsAtMs(job: Job, submission: Submission): number {
  const { claimIndex, receivedAtMs } = submission;
  const open = openCommitmentsBefore(job, claimIndex, receivedAtMs);
  return Math.max(receivedAtMs, ...open.map((one) => revealEndsMs(job, one)));
}

/** All wake-ups of a market, by the round, job, challenge or set that waits. */
export function wakeUpsByEntity({ rounds, jobs, challenges, settlement }: MarketState): Map<string, WakeUp[]> {
  const found = new Map<string, WakeUp[]>();
  for (const [roundId, round] of rounds) found.set(roundId, wakeUpsOfRound(round));
  for (const [jobId, job] of jobs) found.set(jobId, wakeUpsOfJob(job));
  for (const [key, challenge] of challenges) found.set(key, wakeUpsOfChallenge(challenge));
  if (settlement) found.set(CHAIN_ENTITY, wakeUpsOfChain(settlement));
  for (const [setId, set] of settlement?.sets ?? []) found.set(setEntity(setId), wakeUpsOfSet(set));
  return found;
}
