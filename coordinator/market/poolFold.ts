/** What the entries of escalation and pool change: a part of `evolve`. */
import type { EntryOf } from '#protocol/entries.js';
import type { EscalationCounts } from '#protocol/escalation.js';
import { commitmentBehind } from './commands/pool.js';
import { sidesOf } from './fault.js';
import { type Assignment, type Job, type MarketState, pinnedParameters, type Submission } from './state.js';

/** Keeps where unsold jobs went with their round. Steps of single jobs to the same place become one. */
export function foldEscalation(state: MarketState, entry: EntryOf<'jobsEscalated'>): void {
  const { next, jobIds, reasons, counts } = entry;
  const { escalations } = state.rounds.get(entry.roundId)!;
  const isAlike = (one: (typeof escalations)[number]) => one.next === next && one.counts.bids === 0;
  const same = counts.bids === 0 && next === 'expiry' ? escalations.find(isAlike) : undefined;
  if (!same) {
    escalations.push({ next, jobIds: [...jobIds], reasons: structuredClone(reasons), counts: { ...counts } });
    return;
  }
  same.jobIds.push(...jobIds);
  for (const { reason, jobs } of reasons) {
    const known = same.reasons.find((one) => one.reason === reason);
    if (known) known.jobs += jobs;
    else same.reasons.push({ reason, jobs });
  }
  for (const what of Object.keys(counts) as (keyof EscalationCounts)[]) same.counts[what] += counts[what];
}

export function foldPoolOpened(job: Job, entry: EntryOf<'poolOpened'>): void {
  const { cause, fromWei, toWei, atFault, atMs } = entry;
  const prices = { fromWei: BigInt(fromWei), toWei: BigInt(toWei) };
  job.pool = { cause, openedAtMs: atMs, ...prices, atFault: [...atFault], commitments: [] };
  if (cause === 'unsold') job.status = 'pooled';
}

/** @param entryIndex - where the commitment stands in the log: its place in the order of claims */
export function foldPoolCommitted(job: Job, entry: EntryOf<'poolCommitted'>, entryIndex: number): void {
  const { message, priceWei, revealByMs, postings, atMs } = entry;
  const { prover, commitment } = message;
  const bondWei = postings.reduce((sum, { amountWei }) => sum + BigInt(amountWei), 0n);
  const amounts = { priceWei: BigInt(priceWei), bondWei };
  const open = { committedAtMs: atMs, revealByMs, submissionId: null };
  job.pool!.commitments.push({ prover, commitment, entryIndex, ...amounts, ...open });
}

/** Where a received zkProof stands in the order of claims; one from the pool stands where its commitment stands. */
export function claimOf(
  job: Job,
  { role, message, submissionId }: EntryOf<'proofReceived'>,
  entryIndex: number,
): number {
  if (role !== 'pool') return entryIndex;
  const commitment = commitmentBehind(job.pool!.commitments, message)!;
  commitment.submissionId = submissionId;
  return commitment.entryIndex;
}

/** A side has failed by itself at this moment: it gave up, missed its lease or used up its zkProofs. */
export function spend(side: Assignment, atMs: number): void {
  side.spentAtMs = Math.min(side.spentAtMs ?? atMs, atMs);
}

/** A backup is called: its promised time runs, behind which the pool may open. */
export function foldCall(state: MarketState, job: Job, backup: Assignment, atMs: number): void {
  const { deliveryMarginMs } = pinnedParameters(state, job);
  backup.spentAtMs ??= Math.max(atMs, backup.freeFromMs) + backup.promisedMs + deliveryMarginMs;
}

/** Sides that a job delivered from the pool does not count against: they were spent through no fault of theirs. */
export function excusedByPool(job: Job, { role }: Submission): Assignment['prover'][] {
  if (role !== 'pool' || !job.pool) return [];
  const { atFault } = job.pool;
  return sidesOf(job).flatMap(({ prover }) => (atFault.includes(prover) ? [] : [prover]));
}

/**
 * Puts off what the coordinator's downtime took the time of: the price's rise, and zkProofs that were still to come.
 * Whoever had to show one gets the whole time again, however short the gap: its message may have been under way.
 */
export function shiftPool(state: MarketState, job: Job, gapMs: number, atMs: number): void {
  if (!job.pool) return;
  job.pool.openedAtMs = Math.min(job.pool.openedAtMs + gapMs, atMs);
  const againMs = atMs + pinnedParameters(state, job).poolRevealMs;
  for (const one of job.pool.commitments) {
    if (one.submissionId === null && one.revealByMs >= atMs - gapMs) one.revealByMs = Math.max(one.revealByMs, againMs);
  }
}
