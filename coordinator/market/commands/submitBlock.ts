import type { Entry } from '#protocol/entries.js';
import type { BlockRequest } from '#protocol/messages.js';
import type { Parameters } from '#protocol/parameters.js';
import { reject } from '#protocol/rejections.js';
import { jobIdOf, roundIdOf } from '#protocol/units.js';
import { accept, type CommandOf, type Decision } from '../command.js';
import { freeWei, type MarketState, parametersOf, posting } from '../state.js';

const DEADLINE_MS_MAX = 2_592_000_000;

/**
 * Takes a block that `splitBlock`, or the circuit's witness generator, has found provable: reserves the escrow (jobs times max price) and opens the first
 * round over all of its jobs.
 */
export function submitBlock(state: MarketState, command: CommandOf<'submitBlock'>, nowMs: number): Decision {
  const no = checkRequest(state, command, nowMs);
  if (no) return no;
  const { message, signature, digest: blockId } = command;
  const jobs = command.jobs.map((job, index) => ({ jobId: jobIdOf(blockId, index), ...job }));
  const escrowWei = BigInt(message.maxPriceWei) * BigInt(jobs.length);
  const postings = [posting(`account:${message.requester}`, `escrow:${blockId}`, escrowWei, 'escrow')];
  return accept(
    { type: 'blockSubmitted', atMs: nowMs, blockId, message, signature, jobs, postings },
    openRound(
      { blockId, request: message, roundCount: 0 },
      jobs.map((job) => job.jobId),
      0,
      state.parametersVersion,
      nowMs,
    ),
  );
}

/** The entry that opens a block's next round over the given jobs: a step of its schedule, under the newest parameters. */
export function openRound(
  block: {
    blockId: CommandOf<'submitBlock'>['digest'];
    request: CommandOf<'submitBlock'>['message'];
    roundCount: number;
  },
  jobIds: string[],
  step: number,
  parametersVersion: number,
  nowMs: number,
): Entry {
  const { circuitId, roundPricesWei, deadlineMs, bidWindowsMs } = block.request;
  return {
    type: 'roundOpened',
    atMs: nowMs,
    roundId: roundIdOf(block.blockId, block.roundCount),
    blockId: block.blockId,
    circuitId,
    jobIds,
    step,
    parametersVersion,
    sealing: block.request.sealing,
    maxPriceWei: roundPricesWei[step]!,
    deadlineMs,
    closesAtMs: nowMs + bidWindowsMs[step]!,
  };
}

function checkRequest(state: MarketState, command: CommandOf<'submitBlock'>, nowMs: number): Decision | null {
  const { message, jobs } = command;
  const parameters = parametersOf(state);
  const circuit = state.circuits.get(message.circuitId);
  if (!circuit) return reject('unknownCircuit', `${message.circuitId} is not registered`);
  if (message.award === 'fastest' && message.pricing !== 'first') return reject('unsupportedPolicy');
  if (BigInt(message.maxPriceWei) === 0n) return reject('zeroMaxPrice');
  const wrongSchedule = checkSchedule(message, parameters);
  if (wrongSchedule) return wrongSchedule;
  const { provingTimeMsMin, jobsPerBlockMax } = parameters;
  if (message.deadlineMs <= nowMs) return reject('deadlinePassed', `it passed ${nowMs - message.deadlineMs} ms ago`);
  const biddingMs = message.bidWindowsMs[0]! + revealMsOf(message, parameters);
  const earliestMs = nowMs + biddingMs + provingTimeMsMin + parameters.deliveryMarginMs;
  if (message.deadlineMs < earliestMs) return reject('deadlineTooNear', `the earliest possible is ${earliestMs}`);
  if (message.deadlineMs > nowMs + DEADLINE_MS_MAX) return reject('deadlineTooFar');
  if (jobs.length === 0) return reject('invalidBlock', 'it has nothing to prove');
  if (jobs.length > jobsPerBlockMax) return reject('tooManyJobs', `${jobs.length} jobs, at most ${jobsPerBlockMax}`);
  const lastNonce = state.requesters.get(message.requester)?.nonce ?? 0;
  if (message.nonce <= lastNonce) return reject('duplicateBlock', `the last nonce was ${lastNonce}`);
  const escrowWei = BigInt(message.maxPriceWei) * BigInt(jobs.length);
  const heldWei = freeWei(state, message.requester);
  if (heldWei < escrowWei) return reject('insufficientFunds', `needs ${escrowWei} wei in escrow, has ${heldWei}`);
  return null;
}

/** How long a round of a request goes on behind its window, so that bids can be opened, in milliseconds. */
export function revealMsOf({ sealing }: Pick<BlockRequest, 'sealing'>, { bidRevealMs }: Parameters): number {
  return sealing === 'commitReveal' ? bidRevealMs : 0;
}

function checkSchedule(message: BlockRequest, parameters: Parameters): Decision | null {
  const { bidWindowsMs, roundPricesWei, maxPriceWei } = message;
  const { bidWindowMsMin, bidWindowMsMax, roundsPerJobMax } = parameters;
  const rounds = bidWindowsMs.length;
  if (rounds !== roundPricesWei.length) {
    return reject('badSchedule', `${rounds} windows and ${roundPricesWei.length} prices`);
  }
  if (rounds > roundsPerJobMax) return reject('badSchedule', `${rounds} rounds, at most ${roundsPerJobMax}`);
  const fall = roundPricesWei.findIndex((price, step) => step > 0 && BigInt(price) < BigInt(roundPricesWei[step - 1]!));
  if (fall >= 0) return reject('badSchedule', `the price of round ${fall} is below that of the round before`);
  if (roundPricesWei.at(-1) !== maxPriceWei) return reject('badSchedule', `the last price is not ${maxPriceWei}`);
  if (bidWindowsMs.some((windowMs) => windowMs < bidWindowMsMin || windowMs > bidWindowMsMax)) {
    return reject('bidWindow', `it must be from ${bidWindowMsMin} to ${bidWindowMsMax} ms`);
  }
  return null;
}
