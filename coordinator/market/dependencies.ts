/**
 * Jobs of a block that wait for earlier ones: how the block's time is shared out among them, and what follows when one
 * ends. See ARCHITECTURE.md, "Jobs that wait for others".
 */
import type { Entry } from '#protocol/entries.js';
import type { DependencyReason } from '#protocol/escalation.js';
import { leastMsOf, openRounds } from './openRound.js';
import { type Block, type Job, type MarketState, parametersOf, posting } from './state.js';

/** For each job the places of those that come before it, all below its own. */
type After = readonly (readonly number[])[];

/** How many jobs the longest path has that begins at each job, itself included. */
function heightsOf(after: After): number[] {
  const heights = after.map(() => 1);
  for (let index = after.length - 1; index >= 0; index -= 1) {
    for (const before of after[index]!) heights[before] = Math.max(heights[before]!, heights[index]! + 1);
  }
  return heights;
}

/** How many jobs the longest path of a block has. */
export function longestPath(after: After): number {
  return heightsOf(after).reduce((longest, height) => Math.max(longest, height), 1);
}

/**
 * Works the jobs' deadlines back from the block's: each job on the longest path gets an equal share of the time from the
 * submission on, and a job leaves a share to each of those that may still have to follow it. All jobs of a block are of
 * one circuit, so that nothing says that one needs more than another.
 *
 * @returns one deadline a job, Unix milliseconds; the block's own where nothing waits for the job
 */
export function jobDeadlines(after: After, submittedAtMs: number, deadlineMs: number): number[] {
  const heights = heightsOf(after);
  const shareMs = Math.floor((deadlineMs - submittedAtMs) / longestPath(after));
  return heights.map((height) => deadlineMs - (height - 1) * shareMs);
}

/**
 * What follows when jobs of a block end: jobs all of whose predecessors are proven are auctioned; jobs behind one that has
 * expired, or that became ready too late to be auctioned, expire with a refund; and with its last job the block is
 * complete.
 */
export function following(
  state: MarketState,
  block: Block,
  ended: { proven?: readonly string[]; expired?: readonly string[] },
  nowMs: number,
): Entry[] {
  const { proven = [], expired = [] } = ended;
  const provenCount = block.provenCount + proven.length;
  const expiredCount = block.expiredCount + expired.length;
  if (!block.isOrdered) return completion(block, provenCount, expiredCount, nowMs);
  const { ready, lost } = nextJobs(state, block, new Set(proven), new Set(expired), nowMs);
  return [
    ...openRounds(block, ready, state.parametersVersion, nowMs),
    ...lost.map(({ job, reason }) => refusal(block, job, reason, nowMs)),
    ...completion(block, provenCount, expiredCount + lost.length, nowMs),
  ];
}

/** Waiting jobs that can begin now, and those that never will. Jobs come after those that they wait for. */
function nextJobs(state: MarketState, block: Block, proven: Set<string>, expired: Set<string>, nowMs: number) {
  const ready: Job[] = [];
  const lost: { job: Job; reason: DependencyReason }[] = [];
  const gone = new Set(expired);
  const isProven = (jobId: string) => proven.has(jobId) || state.jobs.get(jobId)!.outcome === 'proven';
  const leastMs = leastMsOf(block.request, parametersOf(state));
  for (const job of block.jobIds.map((jobId) => state.jobs.get(jobId)!)) {
    if (job.status !== 'waiting' || gone.has(job.jobId)) continue;
    const isLost = job.after.some((before) => gone.has(before));
    if (!isLost && !job.after.every(isProven)) continue;
    if (!isLost && nowMs + leastMs <= job.deadlineMs) {
      ready.push(job);
      continue;
    }
    gone.add(job.jobId);
    lost.push({ job, reason: isLost ? 'predecessorExpired' : 'readyTooLate' });
  }
  return { ready, lost };
}

function refusal({ blockId, request }: Block, job: Job, reason: DependencyReason, nowMs: number): Entry {
  const refund = posting(`escrow:${blockId}`, `account:${request.requester}`, job.maxPriceWei, 'refund');
  return { type: 'jobExpired', atMs: nowMs, jobId: job.jobId, reason, excused: [], postings: [refund] };
}

/** The block's completion, if these are all of its jobs. */
function completion({ blockId, jobIds }: Block, proven: number, expired: number, nowMs: number): Entry[] {
  if (proven + expired < jobIds.length) return [];
  return [{ type: 'blockCompleted', atMs: nowMs, blockId, proven, expired }];
}
