/**
 * How jobs end, and who gets what: the one place for payouts, slashes, refunds and compensation.
 *
 * A job's escrow share is its max price. The requester pays price plus standby fee, fixed at the award, whoever
 * delivers; the rest goes back. What the cover costs beyond the price comes out of the primary's bond.
 */
import { lateDamageWei } from '#protocol/bonds.js';
import type { DeliveryRole, Entry, EntryOf, Role } from '#protocol/entries.js';
import type { ExpiryReason } from '#protocol/escalation.js';
import type { Posting } from '#protocol/ledger.js';
import type { BlockRequest } from '#protocol/messages.js';
import type { Address } from '#protocol/units.js';
import { following } from './dependencies.js';
import { excusedAtDeadline, lacksInput, sidesOf } from './fault.js';
import { isForfeited } from './pool.js';
import { setAccount } from './settlement.js';
import {
  type Assignment,
  type Block,
  compactPostings,
  isLate,
  type Job,
  type MarketState,
  type PoolCommitment,
  pinnedParameters,
  posting,
  type Submission,
} from './state.js';

/** Shares of an ended job: everything moves from the block's escrow and from the bonds of its two sides. */
class Payout {
  readonly postings: Posting[] = [];
  private escrowLeft: bigint;
  private readonly job: Job;
  private readonly requester: string;
  private readonly settlement: BlockRequest['settlement'];

  constructor(job: Job, { requester, settlement }: BlockRequest) {
    this.job = job;
    this.escrowLeft = job.maxPriceWei;
    this.requester = `account:${requester}`;
    this.settlement = settlement;
  }

  /** What a zkProof earns waits, where the contract is to check it, for the end of its block. */
  fromEscrow(to: Address, amountWei: bigint, why: Posting['why']): void {
    this.escrowLeft -= amountWei;
    const { blockId } = this.job;
    const target = why === 'price' && this.settlement === 'chain' ? setAccount(blockId) : `account:${to}`;
    this.postings.push(posting(`escrow:${blockId}`, target, amountWei, why));
  }

  fromBond(side: Pick<Assignment, 'prover'>, to: Address | 'requester', amountWei: bigint, why: Posting['why']): void {
    const target = to === 'requester' ? this.requester : `account:${to}`;
    this.postings.push(posting(`bond:${side.prover}`, target, amountWei, why));
  }

  releaseBond(side: Assignment | null): void {
    if (side) this.fromBond(side, side.prover, side.bondWei, 'bondReleased');
  }

  /**
   * Settles what commitments to the pool have locked: forfeited to the requester, or released.
   * @param judgedId - a submission found invalid at this moment
   */
  settleCommitments(nowMs: number, judgedId: string | null = null): void {
    for (const one of this.job.pool?.commitments ?? []) {
      const isInvalid = judgedId !== null && one.submissionId === judgedId;
      if (isInvalid || isForfeited(this.job, one, nowMs))
        this.fromBond(one, 'requester', one.bondWei, 'slashToRequester');
      else this.fromBond(one, one.prover, one.bondWei, 'bondReleased');
    }
  }

  /** Gives back what commitments to the pool have locked, whatever became of them. */
  releaseCommitments(): void {
    for (const one of this.job.pool?.commitments ?? []) this.fromBond(one, one.prover, one.bondWei, 'bondReleased');
  }

  /** Gives the rest of the escrow back and returns all postings. */
  close(): Posting[] {
    this.postings.push(posting(`escrow:${this.job.blockId}`, this.requester, this.escrowLeft, 'refund'));
    return compactPostings(this.postings);
  }
}

/** What the standby earned: nothing when its lease lapsed or it gave up, unless it delivered after all. */
function standbyFeeOf(job: Job, deliveredBy: DeliveryRole): bigint {
  if (!job.backup) return 0n;
  if (deliveredBy === 'backup') return job.standbyFeeWei;
  if (deliveredBy === 'pool' && job.pool?.atFault.includes(job.backup.prover)) return 0n;
  return job.backup.leaseMissed || job.backup.status === 'gaveUp' ? 0n : job.standbyFeeWei;
}

/**
 * Money of a proven job.
 * - the primary before activation: the price
 * - the primary after activation: the price less `lateBps`, which goes to the backup for its work, or stays with the
 *   requester when the backup has given up or gone silent
 * - the backup: its own price for proving and its share of the primary's late damage
 *
 * - a prover of the pool: see {@link payPool}
 *
 * @param nowMs - when the job ends, Unix milliseconds
 */
export function provenPostings(state: MarketState, job: Job, submission: Submission, nowMs: number): Posting[] {
  const payout = new Payout(job, state.blocks.get(job.blockId)!.request);
  const standbyWei = standbyFeeOf(job, submission.role);
  if (job.backup) payout.fromEscrow(job.backup.prover, standbyWei, 'standbyFee');
  if (submission.role === 'pool') payPool(state, job, submission, standbyWei, payout);
  else payAssigned(state, job, submission.role, submission.receivedAtMs, payout);
  payout.settleCommitments(nowMs);
  return payout.close();
}

function payAssigned(state: MarketState, job: Job, role: Role, receivedAtMs: number, payout: Payout): void {
  const primary = job.primary as Assignment;
  if (role === 'backup') {
    payBackup(state, job, payout);
  } else {
    const lateBps = isLate(job, receivedAtMs) ? BigInt(pinnedParameters(state, job).lateBps) : 0n;
    const lateWei = (job.priceWei * lateBps) / 10_000n;
    payout.fromEscrow(primary.prover, job.priceWei - lateWei, 'price');
    if (job.backup?.status === 'active' && !job.backup.leaseMissed) {
      payout.fromEscrow(job.backup.prover, lateWei, 'lateShare');
    }
    payout.releaseBond(primary);
  }
  payout.releaseBond(job.backup);
}

/**
 * Pays a prover of the pool the price of its commitment: from the escrow up to the job's price, the dearer rest out of
 * the bonds of those at fault, the primary's first. They owe late damage besides, and the primary the standby fee that
 * the requester pays; what is left of their bonds is theirs. An unsold job is paid out of the escrow alone.
 */
function payPool(state: MarketState, job: Job, submission: Submission, standbyWei: bigint, payout: Payout): void {
  const pool = job.pool!;
  const { prover } = submission;
  const { priceWei } = pool.commitments.find((one) => one.submissionId === submission.submissionId) as PoolCommitment;
  const isSold = pool.cause === 'sidesSpent';
  const fromEscrowWei = isSold && job.priceWei < priceWei ? job.priceWei : priceWei;
  payout.fromEscrow(prover, fromEscrowWei, 'price');
  let dearerWei = priceWei - fromEscrowWei;
  for (const side of sidesOf(job)) {
    if (!pool.atFault.includes(side.prover)) {
      payout.releaseBond(side);
      continue;
    }
    const coverWei = least(dearerWei, side.bondWei);
    dearerWei -= coverWei;
    payout.fromBond(side, prover, coverWei, 'cover');
    slash(
      state,
      job,
      side,
      { bondWei: side.bondWei - coverWei, feeWei: side === job.primary ? standbyWei : 0n, prover },
      payout,
    );
  }
}

/** Takes late damage, and the standby fee that was paid in vain, out of what is left of a bond. */
function slash(
  state: MarketState,
  job: Job,
  side: Assignment,
  left: { bondWei: bigint; feeWei: bigint; prover: Address },
  payout: Payout,
): void {
  const parameters = pinnedParameters(state, job);
  const damageWei = least(left.bondWei, lateDamageWei(job.maxPriceWei, parameters));
  const feeWei = least(left.bondWei - damageWei, left.feeWei);
  const rescuerWei = (damageWei * BigInt(parameters.slashRescuerBps)) / 10_000n;
  payout.fromBond(side, left.prover, rescuerWei, 'slashToRescuer');
  payout.fromBond(side, 'requester', damageWei - rescuerWei + feeWei, 'slashToRequester');
  payout.fromBond(side, side.prover, left.bondWei - damageWei - feeWei, 'bondReleased');
}

function least(one: bigint, other: bigint): bigint {
  return one < other ? one : other;
}

/**
 * Pays the rescuer: its price from the escrow up to the job's price, the dearer rest out of the primary's bond. A primary
 * that is not at fault keeps its bond, and the rescuer gets no more than the job's price.
 */
function payBackup(state: MarketState, job: Job, payout: Payout): void {
  const primary = job.primary as Assignment;
  const backup = job.backup as Assignment;
  const fromEscrowWei = backup.priceBidWei < job.priceWei ? backup.priceBidWei : job.priceWei;
  const dearerWei = backup.priceBidWei - fromEscrowWei;
  payout.fromEscrow(backup.prover, fromEscrowWei, 'price');
  if (lacksInput(primary)) {
    payout.releaseBond(primary);
    return;
  }
  payout.fromBond(primary, backup.prover, dearerWei, 'cover');
  const parameters = pinnedParameters(state, job);
  const damageWei = lateDamageWei(job.maxPriceWei, parameters);
  const rescuerWei = (damageWei * BigInt(parameters.slashRescuerBps)) / 10_000n;
  payout.fromBond(primary, backup.prover, rescuerWei, 'slashToRescuer');
  payout.fromBond(primary, 'requester', damageWei - rescuerWei + job.standbyFeeWei, 'slashToRequester');
  payout.fromBond(primary, primary.prover, primary.bondWei - dearerWei - damageWei - job.standbyFeeWei, 'bondReleased');
}

/**
 * Ends an awarded job at its deadline: the escrow goes back in full, and the bonds of those at fault compensate the
 * requester. A backup that was never called, or too late, is not at fault.
 */
export function expireAwarded(
  state: MarketState,
  job: Job,
  nowMs: number,
  judgedId: string | null = null,
): EntryOf<'jobExpired'> {
  const payout = new Payout(job, state.blocks.get(job.blockId)!.request);
  const excused = excusedAtDeadline(state, job);
  for (const side of sidesOf(job)) {
    // What a bond holds for dearer cover was not needed.
    const feeWei = side === job.primary ? job.standbyFeeWei : 0n;
    const owedWei = excused.includes(side.prover)
      ? 0n
      : lateDamageWei(job.maxPriceWei, pinnedParameters(state, job)) + feeWei;
    payout.fromBond(side, 'requester', owedWei, 'slashToRequester');
    payout.fromBond(side, side.prover, side.bondWei - owedWei, 'bondReleased');
  }
  payout.settleCommitments(nowMs, judgedId);
  const postings = payout.close();
  return { type: 'jobExpired', atMs: nowMs, jobId: job.jobId, reason: 'deadlinePassed', excused, postings };
}

/** Ends a job that cannot be proven: everybody gets back what is its own, whatever it has done. */
export function expireUnsatisfiable(state: MarketState, job: Job, nowMs: number): EntryOf<'jobExpired'> {
  const payout = new Payout(job, state.blocks.get(job.blockId)!.request);
  const sides = sidesOf(job);
  for (const side of sides) payout.releaseBond(side);
  payout.releaseCommitments();
  const excused = sides.map(({ prover }) => prover);
  return {
    type: 'jobExpired',
    atMs: nowMs,
    jobId: job.jobId,
    reason: 'unsatisfiable',
    excused,
    postings: payout.close(),
  };
}

/** Ends jobs that nobody bought and no pool has brought: refunds, and what follows from their end. */
export function expireUnsold(
  state: MarketState,
  block: Block,
  unsold: { jobId: string; reason: ExpiryReason }[],
  nowMs: number,
  judgedId: string | null = null,
): Entry[] {
  const entries = unsold.map(({ jobId, reason }): Entry => {
    const payout = new Payout(state.jobs.get(jobId)!, block.request);
    payout.settleCommitments(nowMs, judgedId);
    return { type: 'jobExpired', atMs: nowMs, jobId, reason, excused: [], postings: payout.close() };
  });
  return [...entries, ...following(state, block, { expired: unsold.map(({ jobId }) => jobId) }, nowMs)];
}
