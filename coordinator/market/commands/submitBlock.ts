import type { Entry } from '#protocol/entries.js';
import { reject } from '#protocol/rejections.js';
import { jobIdOf, roundIdOf } from '#protocol/units.js';
import { accept, type CommandOf, type Decision } from '../command.js';
import { freeWei, type MarketState, parametersOf, posting } from '../state.js';

const DEADLINE_MS_MAX = 2_592_000_000;

/**
 * Takes a block that `splitBlock` has found provable: reserves the escrow (jobs times max price) and opens the first
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
      nowMs,
    ),
  );
}

/** The entry that opens a block's next round over the given jobs. */
export function openRound(
  block: {
    blockId: CommandOf<'submitBlock'>['digest'];
    request: CommandOf<'submitBlock'>['message'];
    roundCount: number;
  },
  jobIds: string[],
  nowMs: number,
): Entry {
  const { circuitId, maxPriceWei, deadlineMs, bidWindowMs } = block.request;
  return {
    type: 'roundOpened',
    atMs: nowMs,
    roundId: roundIdOf(block.blockId, block.roundCount),
    blockId: block.blockId,
    circuitId,
    jobIds,
    maxPriceWei,
    deadlineMs,
    closesAtMs: nowMs + bidWindowMs,
  };
}

function checkRequest(state: MarketState, command: CommandOf<'submitBlock'>, nowMs: number): Decision | null {
  const { message, jobs } = command;
  const parameters = parametersOf(state);
  const circuit = state.circuits.get(message.circuitId);
  if (!circuit) return reject('unknownCircuit', `${message.circuitId} is not registered`);
  if (circuit.kind !== 'transferRollup') return reject('unsupportedCircuit');
  if (message.award === 'fastest' && message.pricing !== 'first') return reject('unsupportedPolicy');
  if (BigInt(message.maxPriceWei) === 0n) return reject('zeroMaxPrice');
  const { bidWindowMsMin, bidWindowMsMax, provingTimeMsMin, jobsPerBlockMax } = parameters;
  if (message.bidWindowMs < bidWindowMsMin || message.bidWindowMs > bidWindowMsMax) {
    return reject('bidWindow', `it must be from ${bidWindowMsMin} to ${bidWindowMsMax} ms`);
  }
  if (message.deadlineMs <= nowMs) return reject('deadlinePassed', `it passed ${nowMs - message.deadlineMs} ms ago`);
  const earliestMs = nowMs + message.bidWindowMs + provingTimeMsMin + parameters.deliveryMarginMs;
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
