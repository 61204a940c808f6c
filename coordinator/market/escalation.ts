/** The steps of jobs that nobody bought (next round, pool, expiry), each with typed reasons and counts for the log. */
import type { Entry } from '#protocol/entries.js';
import type { EscalationCounts, ExpiryReason, NoAwardReason, NoPoolReason } from '#protocol/escalation.js';
import type { Explanation } from '#protocol/explanations.js';
import { following } from './dependencies.js';
import { expireAwarded, expireUnsold } from './ending.js';
import { openRound, revealMsOf } from './openRound.js';
import { hasPoolTime, unsoldPoolOpening } from './pool.js';
import { type Job, type MarketState, parametersOf, pinnedParameters, type Round } from './state.js';

const NO_COUNTS: EscalationCounts = {
  bids: 0,
  won: 0,
  expired: 0,
  ineligible: 0,
  aboveMaxPrice: 0,
  notInTime: 0,
  noBond: 0,
  newcomerHolds: 0,
  shareCap: 0,
  demandUnmet: 0,
  outbid: 0,
  notWorthIt: 0,
  commits: 0,
  unrevealed: 0,
  invalid: 0,
};

/** The counts of a step, nought where nothing is given. */
export function countsOf(some: Partial<EscalationCounts>): EscalationCounts {
  return { ...NO_COUNTS, ...some };
}

/**
 * What follows for the unsold jobs of a cleared round: the next round of the schedule while there is one and time, then
 * the pool if the requester lets it open, then their end with a refund. Of a withdrawn block: their end.
 * @param nowMs - when the round is cleared, Unix milliseconds
 */
export function escalate(
  state: MarketState,
  round: Round,
  unawarded: { jobId: string; reason: NoAwardReason }[],
  counts: EscalationCounts,
  nowMs: number,
): Entry[] {
  if (unawarded.length === 0) return [];
  const block = state.blocks.get(round.blockId)!;
  const jobIds = unawarded.map(({ jobId }) => jobId);
  const step = (next: 'round' | 'pool' | 'expiry'): Entry => ({
    type: 'jobsEscalated',
    atMs: nowMs,
    roundId: round.roundId,
    next,
    jobIds,
    reasons: reasonsOf(unawarded.map(({ reason }) => reason)),
    counts,
  });
  if (hasNextRound(state, round, nowMs)) {
    const next = { jobIds, deadlineMs: round.deadlineMs, step: round.step + 1 };
    return [step('round'), openRound(block, next, state.parametersVersion, nowMs)];
  }
  if (
    block.withdrawnAtMs === null &&
    block.request.pool === 'open' &&
    hasPoolTime(pinnedParameters(state, round), round, nowMs)
  ) {
    const opened = jobIds.flatMap((jobId) => unsoldPoolOpening(block.request, jobId, nowMs));
    if (opened.length > 0) return [step('pool'), ...opened];
  }
  return [step('expiry'), ...expireUnsold(state, block, unawarded, nowMs)];
}

/**
 * Ends a job at its deadline: an awarded one at the cost of those at fault, an unsold one with the last step of its
 * escalation. With what follows from its end.
 * @param judgedId - a submission whose invalidity the entries before this one bring
 */
export function expiry(state: MarketState, job: Job, nowMs: number, judgedId: string | null = null): Entry[] {
  const block = state.blocks.get(job.blockId)!;
  if (job.status === 'awarded') {
    return [expireAwarded(state, job, nowMs, judgedId), ...following(state, block, { expired: [job.jobId] }, nowMs)];
  }
  const { commitments } = job.pool!;
  const unrevealed = commitments.filter(({ submissionId }) => submissionId === null).length;
  const invalid = commitments.length - unrevealed;
  const reason: NoPoolReason =
    commitments.length === 0 ? 'noPoolCommit' : invalid === 0 ? 'noPoolReveal' : 'noPoolProof';
  return [
    {
      type: 'jobsEscalated',
      atMs: nowMs,
      roundId: job.roundId!,
      next: 'expiry',
      jobIds: [job.jobId],
      reasons: reasonsOf([reason]),
      counts: countsOf({ commits: commitments.length, unrevealed, invalid }),
    },
    ...expireUnsold(state, block, [{ jobId: job.jobId, reason }], nowMs, judgedId),
  ];
}

function hasNextRound(state: MarketState, round: Round, nowMs: number): boolean {
  const { request, withdrawnAtMs } = state.blocks.get(round.blockId)!;
  if (withdrawnAtMs !== null) return false;
  const windowMs = request.bidWindowsMs[round.step + 1];
  if (windowMs === undefined) return false;
  // A round that is opened now goes by the newest parameters.
  const parameters = parametersOf(state);
  return hasPoolTime(parameters, round, nowMs + windowMs + revealMsOf(request, parameters));
}

/** How often each reason was given, in the order in which they came up. */
export function reasonsOf(given: readonly ExpiryReason[]): { reason: ExpiryReason; jobs: number }[] {
  const counted = new Map<ExpiryReason, number>();
  for (const reason of given) counted.set(reason, (counted.get(reason) ?? 0) + 1);
  return [...counted].map(([reason, jobs]) => ({ reason, jobs }));
}

/** Counts a round's bids by what became of them. */
export function countBids(explanations: readonly Explanation[]): EscalationCounts {
  const counts = countsOf({ bids: explanations.length });
  for (const { code } of explanations) counts[WHAT_COUNTS[code]] += 1;
  return counts;
}

/** Under which count an explanation of a bid goes. */
const WHAT_COUNTS: Record<Explanation['code'], keyof EscalationCounts> = {
  wonPrimary: 'won',
  wonBackup: 'won',
  wonBoth: 'won',
  ineligible: 'ineligible',
  expired: 'expired',
  aboveMaxPrice: 'aboveMaxPrice',
  notInTime: 'notInTime',
  noBond: 'noBond',
  newcomerHolds: 'newcomerHolds',
  shareCap: 'shareCap',
  demandUnmet: 'demandUnmet',
  outbid: 'outbid',
  slower: 'outbid',
  notWorthIt: 'notWorthIt',
};
