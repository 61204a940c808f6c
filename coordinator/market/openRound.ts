import type { Entry } from '#protocol/entries.js';
import type { BlockRequest } from '#protocol/messages.js';
import type { Parameters } from '#protocol/parameters.js';
import { roundIdOf } from '#protocol/units.js';
import type { Block } from './state.js';

/** What a round is opened for: jobs of one block that have one deadline. */
export interface RoundPlan {
  jobIds: string[];
  deadlineMs: number;
  /** Which step of the block's schedule it is, from 0. */
  step: number;
}

/** The entry that opens a block's next round: a step of its schedule, under the newest parameters. */
export function openRound(
  block: Pick<Block, 'blockId' | 'request' | 'roundCount'>,
  { jobIds, deadlineMs, step }: RoundPlan,
  parametersVersion: number,
  nowMs: number,
): Entry {
  const { circuitId, roundPricesWei, bidWindowsMs, sealing } = block.request;
  return {
    type: 'roundOpened',
    atMs: nowMs,
    roundId: roundIdOf(block.blockId, block.roundCount),
    blockId: block.blockId,
    circuitId,
    jobIds,
    step,
    parametersVersion,
    sealing,
    maxPriceWei: roundPricesWei[step]!,
    deadlineMs,
    closesAtMs: nowMs + bidWindowsMs[step]!,
  };
}

/** Opens one round, at the first step, for all jobs that share a deadline: the nearest deadline first. */
export function openRounds(
  block: Pick<Block, 'blockId' | 'request' | 'roundCount'>,
  jobs: readonly { jobId: string; deadlineMs: number }[],
  parametersVersion: number,
  nowMs: number,
): Entry[] {
  const byDeadline = new Map<number, string[]>();
  for (const { jobId, deadlineMs } of jobs) {
    byDeadline.set(deadlineMs, [...(byDeadline.get(deadlineMs) ?? []), jobId]);
  }
  return [...byDeadline]
    .sort(([one], [other]) => one - other)
    .map(([deadlineMs, jobIds], index) => {
      const next = { ...block, roundCount: block.roundCount + index };
      return openRound(next, { jobIds, deadlineMs, step: 0 }, parametersVersion, nowMs);
    });
}

/** How long a round of a request goes on behind its window, so that bids can be opened, in milliseconds. */
export function revealMsOf({ sealing }: Pick<BlockRequest, 'sealing'>, { bidRevealMs }: Parameters): number {
  return sealing === 'commitReveal' ? bidRevealMs : 0;
}

/** The least time from the opening of a job's first round to its deadline, in milliseconds. */
export function leastMsOf(request: Pick<BlockRequest, 'sealing' | 'bidWindowsMs'>, parameters: Parameters): number {
  const { provingTimeMsMin, deliveryMarginMs } = parameters;
  return request.bidWindowsMs[0]! + revealMsOf(request, parameters) + provingTimeMsMin + deliveryMarginMs;
}
