/**
 * The pool: whoever is eligible may deliver a job that nobody bought, or whose two sides are spent. A prover commits to
 * its zkProof before it shows it, so that a stolen one comes too late; the price rises until the deadline.
 * See ARCHITECTURE.md, "Pool".
 */
import type { Entry, EntryOf } from '#protocol/entries.js';
import type { BlockRequest } from '#protocol/messages.js';
import type { Parameters } from '#protocol/parameters.js';
import type { Address } from '#protocol/units.js';
import { atFaultOf, awaitsWitness, sidesOf } from './fault.js';
import type { Assignment, Job, MarketState, PoolCommitment, Round, Submission } from './state.js';

/** When a commitment's zkProof must have come: never after the deadline. Unix milliseconds. */
export function revealEndsMs(job: Job, { revealByMs }: PoolCommitment): number {
  return Math.min(revealByMs, job.deadlineMs);
}

/** True while a commitment waits for its zkProof. */
export function isOpenCommitment(job: Job, commitment: PoolCommitment, nowMs: number): boolean {
  return commitment.submissionId === null && nowMs < revealEndsMs(job, commitment);
}

/**
 * True when a commitment is forfeited: its zkProof was invalid, or did not come in its time. One whose time the deadline
 * cuts short is not: no zkProof is taken any more that might still have come.
 */
export function isForfeited(job: Job, commitment: PoolCommitment, nowMs: number): boolean {
  const { submissionId, revealByMs } = commitment;
  if (submissionId === null) return nowMs >= revealByMs && revealByMs <= job.deadlineMs;
  return job.submissions.some((one) => one.submissionId === commitment.submissionId && one.verdict === 'invalid');
}

/**
 * True while something with an earlier claim may still end the job: a zkProof without a verdict, or a commitment that
 * waits for its zkProof. Claims stand in the order of the log.
 */
export function isBehindAnother(job: Job, { claimIndex }: Submission, nowMs: number): boolean {
  const isBehindProof = job.submissions.some((one) => one.verdict === 'pending' && one.claimIndex < claimIndex);
  return isBehindProof || openCommitmentsBefore(job, claimIndex, nowMs).length > 0;
}

/** Commitments with an earlier claim that wait for their zkProofs. */
export function openCommitmentsBefore(job: Job, claimIndex: number, nowMs: number): PoolCommitment[] {
  const commitments = job.pool?.commitments ?? [];
  return commitments.filter((one) => one.entryIndex < claimIndex && isOpenCommitment(job, one, nowMs));
}

/** From when on both sides of an awarded job are spent, Unix milliseconds; null while there is no such moment. */
export function spentAtMs(job: Job): number | null {
  const moments = sidesOf(job).map((side) => side.spentAtMs);
  return moments.reduce<number | null>(
    (latest, one) => (latest === null || one === null ? null : Math.max(latest, one)),
    0,
  );
}

/** A side that is spent at this very moment, and whether by its own word or zkProof. */
export interface Fresh {
  prover: Address;
  byItself: boolean;
}

/** What the entries before a `poolOpened` of the same moment bring. */
export interface JustNow {
  fresh?: Fresh | null;
  /** A submission that has its verdict now. */
  judgedId?: string;
  isWitnessChecked?: boolean;
}

/** True while an awarded job may come into the pool: the requester lets it, and no witness is being looked for. */
export function canOpenPool(job: Job, isWitnessChecked = false): boolean {
  const isAwarded = job.status === 'awarded' && !job.pool;
  return isAwarded && job.poolPolicy === 'open' && (isWitnessChecked || !awaitsWitness(job));
}

/**
 * The entry that opens the pool of an awarded job whose sides are both spent; none while a zkProof or the witness is
 * being checked, or when the requester wants no pool.
 */
export function poolOpening(state: MarketState, job: Job, nowMs: number, justNow: JustNow = {}): Entry[] {
  const { fresh = null, judgedId, isWitnessChecked } = justNow;
  if (!canOpenPool(job, isWitnessChecked) || nowMs >= job.deadlineMs) return [];
  if (job.submissions.some((one) => one.verdict === 'pending' && one.submissionId !== judgedId)) return [];
  const isSpent = (side: Assignment) =>
    side.prover === fresh?.prover || (side.spentAtMs !== null && side.spentAtMs <= nowMs);
  if (!sidesOf(job).every(isSpent)) return [];
  const atFault = atFaultOf(state, job, nowMs, fresh);
  const bondsWei = atFault.reduce((sum, { bondWei }) => sum + bondWei, 0n);
  const coveredWei = job.priceWei + bondsWei;
  const toWei = atFault.length === 0 ? job.priceWei : coveredWei < job.maxPriceWei ? coveredWei : job.maxPriceWei;
  const provers = atFault.map(({ prover }) => prover);
  return [openingOf(job.jobId, 'sidesSpent', job.priceWei, toWei, provers, nowMs)];
}

/**
 * The entry that opens the pool of a job that nobody bought. It pays from the schedule's first price up to the max
 * price, but no more than what a miss costs the requester: as in a clearing, cover dearer than the miss is not bought.
 */
export function unsoldPoolOpening(request: BlockRequest, jobId: string, nowMs: number): Entry[] {
  const [firstWei, maxWei, missWei] = [request.roundPricesWei[0]!, request.maxPriceWei, request.missCostWei].map(
    BigInt,
  );
  const toWei = request.award === 'cheapest' && missWei! < maxWei! ? missWei! : maxWei!;
  if (toWei === 0n) return [];
  return [openingOf(jobId, 'unsold', firstWei! < toWei ? firstWei! : toWei, toWei, [], nowMs)];
}

function openingOf(
  jobId: string,
  cause: EntryOf<'poolOpened'>['cause'],
  fromWei: bigint,
  toWei: bigint,
  atFault: Address[],
  nowMs: number,
): Entry {
  const prices = { fromWei: fromWei.toString(), toWei: toWei.toString() };
  return { type: 'poolOpened', atMs: nowMs, jobId, cause, ...prices, atFault };
}

/** True when there is time left to prove before a round's deadline. */
export function hasPoolTime(
  { provingTimeMsMin, deliveryMarginMs }: Pick<Parameters, 'provingTimeMsMin' | 'deliveryMarginMs'>,
  { deadlineMs }: Pick<Round, 'deadlineMs'>,
  nowMs: number,
): boolean {
  return nowMs + provingTimeMsMin + deliveryMarginMs <= deadlineMs;
}
