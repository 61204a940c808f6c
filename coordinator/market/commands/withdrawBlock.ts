import { type Rejection, reject } from '#protocol/rejections.js';
import { accept, type CommandOf, type Decision } from '../command.js';
import { depositWeiOf } from '../commitReveal.js';
import { expireUnsold } from '../ending.js';
import { type Block, compactPostings, type Job, type MarketState, posting, type Round } from '../state.js';
import { checkDate } from './register.js';

/**
 * Withdraws a block: jobs that nobody has been awarded end with a refund, and their rounds with them. What provers have
 * something in already goes on: awarded jobs, rounds whose window has closed, pools with a commitment; but nothing of the
 * block is auctioned or pooled anew.
 */
export function withdrawBlock(state: MarketState, command: CommandOf<'withdrawBlock'>, nowMs: number): Decision {
  const { message, signature, digest: withdrawalId } = command;
  const stale = checkDate(message.issuedAtMs, nowMs);
  if (stale) return stale;
  const block = state.blocks.get(message.blockId);
  if (!block) return reject('unknownBlock', `${message.blockId} is not open`);
  const jobs = block.jobIds.map((jobId) => state.jobs.get(jobId)!);
  const flaw = withdrawalFlaw(block, jobs, message.requester);
  if (flaw) return { ok: false, rejection: flaw };
  const withdrawn = jobs.filter((job) => isWithdrawable(state, job, nowMs));
  const rounds = roundsOf(state, withdrawn);
  const deposits = rounds.flatMap((round) =>
    [...round.bids.keys()].map((prover) =>
      posting(`bond:${prover}`, `account:${prover}`, depositWeiOf(state, round), 'bidDepositReturned'),
    ),
  );
  const ended = withdrawn.map(({ jobId }) => ({ jobId, reason: 'withdrawn' as const }));
  return accept(
    {
      type: 'blockWithdrawn',
      atMs: nowMs,
      withdrawalId,
      message,
      signature,
      jobIds: ended.map(({ jobId }) => jobId),
      roundIds: rounds.map(({ roundId }) => roundId),
      postings: compactPostings(deposits),
    },
    ...(ended.length > 0 ? expireUnsold(state, block, ended, nowMs) : []),
  );
}

function withdrawalFlaw(block: Block, jobs: readonly Job[], requester: string): Rejection | null {
  if (block.request.requester !== requester) return reject('notRequester').rejection;
  if (block.withdrawnAtMs !== null) {
    return reject('nothingToWithdraw', `it was withdrawn at ${block.withdrawnAtMs}`).rejection;
  }
  const isUnsold = ({ status }: Job) => status === 'waiting' || status === 'open' || status === 'pooled';
  return jobs.some(isUnsold) ? null : reject('nothingToWithdraw', 'all of its jobs are awarded or ended').rejection;
}

/** True for a job in which nobody has anything yet: who bids while the window is open binds nobody but itself. */
function isWithdrawable(state: MarketState, job: Job, nowMs: number): boolean {
  if (job.status === 'waiting') return true;
  if (job.status === 'pooled') return job.pool!.commitments.length === 0;
  const round = job.status === 'open' ? state.rounds.get(job.roundId!)! : null;
  return round !== null && round.clearedAtMs === null && round.sealedAtMs === null && nowMs < round.closesAtMs;
}

/** The open rounds of withdrawn jobs: all jobs of an open round are withdrawn together. */
function roundsOf(state: MarketState, jobs: readonly Job[]): Round[] {
  const roundIds = new Set(jobs.flatMap(({ status, roundId }) => (status === 'open' ? roundId! : [])));
  return [...roundIds].map((roundId) => state.rounds.get(roundId)!);
}
