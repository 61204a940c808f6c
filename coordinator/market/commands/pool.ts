import { poolBondWei } from '#protocol/bonds.js';
import { poolCommitmentOf } from '#protocol/poolCommitment.js';
import { poolPriceWei } from '#protocol/poolPrice.js';
import { type Rejection, reject } from '#protocol/rejections.js';
import type { Address } from '#protocol/units.js';
import { accept, type CommandOf, type Decision, NOTHING } from '../command.js';
import { eligibility } from '../eligibility.js';
import { sidesOf } from '../fault.js';
import { isForfeited, isOpenCommitment, poolOpening, revealEndsMs } from '../pool.js';
import {
  compactPostings,
  freeWei,
  type Job,
  type MarketState,
  type PoolCommitment,
  pinnedParameters,
  posting,
} from '../state.js';

/** All commitments that a job can get: they stay in memory until it ends, and each costs its prover a bond. */
const POOL_COMMITMENTS_MAX = 10_000;

/** Opens the pool of an awarded job because the time that its sides had promised is over. */
export function openPool(state: MarketState, command: CommandOf<'openPool'>, nowMs: number): Decision {
  const job = state.jobs.get(command.jobId);
  return job ? accept(...poolOpening(state, job, nowMs)) : NOTHING;
}

/**
 * Takes a prover's commitment to a zkProof for a pooled job: fixes what that zkProof earns and locks a small bond, so
 * that holding up others costs something.
 */
export function commitToPool(state: MarketState, command: CommandOf<'commitToPool'>, nowMs: number): Decision {
  const { message, signature, digest } = command;
  const job = state.jobs.get(message.jobId);
  if (!job) return reject('unknownJob', `${message.jobId} is not open`);
  const flaw = entryFlaw(state, job, message.prover, nowMs) ?? commitFlaw(state, job, message.prover, nowMs);
  if (flaw) return { ok: false, rejection: flaw };
  const isKnown = (one: PoolCommitment) => one.prover === message.prover && one.commitment === message.commitment;
  if (job.pool!.commitments.some(isKnown)) return reject('commitPending');
  const parameters = pinnedParameters(state, job);
  const bondWei = poolBondWei(job.maxPriceWei, parameters);
  const heldWei = freeWei(state, message.prover);
  if (heldWei < bondWei) {
    return reject('insufficientFunds', `a commitment locks ${bondWei} wei, ${heldWei} are free`);
  }
  const locked = posting(`account:${message.prover}`, `bond:${message.prover}`, bondWei, 'bondLocked');
  return accept({
    type: 'poolCommitted',
    atMs: nowMs,
    commitId: digest,
    message,
    signature,
    priceWei: poolPriceWei(job.pool!, job.deadlineMs, nowMs).toString(),
    revealByMs: nowMs + parameters.poolRevealMs,
    postings: compactPostings([locked]),
  });
}

/**
 * Why a prover may not deliver a job from the pool, or read its input for that; null for whoever may. The owners of the
 * job's two sides may not: they deliver under their assignments, and nobody is to be its own rescuer.
 */
export function entryFlaw(state: MarketState, job: Job, prover: Address, nowMs: number): Rejection | null {
  if (job.status === 'ended') return reject('jobEnded', `it ended as ${job.outcome}`).rejection;
  if (nowMs >= job.deadlineMs) return reject('jobEnded', 'its deadline has passed').rejection;
  if (!job.pool) return reject('poolClosed').rejection;
  const { request } = state.blocks.get(job.blockId)!;
  const known = state.provers.get(prover);
  if (!known) return reject('unknownProver').rejection;
  const no = eligibility(state, prover, job.circuitId, request, pinnedParameters(state, job), nowMs);
  if (no === 'notChallenged') return reject('challengeNeeded').rejection;
  if (no) return reject('notEligible', no).rejection;
  const isSide = sidesOf(job).some((side) => side.owner === known.owner);
  return isSide ? reject('notEligible', 'its owner holds or held an assignment of the job').rejection : null;
}

function commitFlaw(state: MarketState, job: Job, prover: Address, nowMs: number): Rejection | null {
  const { poolFailuresMax, poolOpenMax } = pinnedParameters(state, job);
  const { commitments } = job.pool!;
  const own = commitments.filter((one) => one.prover === prover);
  if (own.some((one) => isOpenCommitment(job, one, nowMs))) return reject('commitPending').rejection;
  if (job.submissions.some((one) => one.prover === prover && one.verdict === 'pending')) {
    return reject('submissionPending').rejection;
  }
  if (own.filter((one) => isForfeited(job, one, nowMs)).length >= poolFailuresMax) {
    return reject('poolFailures', `${poolFailuresMax} of them`).rejection;
  }
  const open = commitments.filter((one) => isOpenCommitment(job, one, nowMs)).length;
  if (open >= poolOpenMax || commitments.length >= POOL_COMMITMENTS_MAX) {
    return reject('poolFull', `${open} of them`).rejection;
  }
  return null;
}

/**
 * What stands against a zkProof from a prover without an assignment: it must have committed to this very zkProof, under
 * its own name, and be in its time. Null for one that counts.
 */
export function revealFlaw(job: Job, message: CommandOf<'submitProof'>['message'], nowMs: number): Rejection | null {
  const own = job.pool?.commitments.filter((one) => one.prover === message.prover) ?? [];
  if (!job.pool) return reject('notAssigned').rejection;
  const commitment = commitmentBehind(own, message);
  if (!commitment)
    return reject('noPoolCommitment', own.length > 0 ? 'the commitment is to another zkProof' : '').rejection;
  const endsMs = revealEndsMs(job, commitment);
  return nowMs >= endsMs ? reject('revealTooLate', `it ended at ${endsMs}`).rejection : null;
}

/** The commitment that a submission opens. */
export function commitmentBehind(
  commitments: readonly PoolCommitment[],
  { jobId, prover, contentHash }: CommandOf<'submitProof'>['message'],
): PoolCommitment | undefined {
  const wanted = poolCommitmentOf(contentHash, prover, jobId);
  return commitments.find((one) => one.prover === prover && one.commitment === wanted);
}
