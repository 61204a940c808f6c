import { ITEM_WEI_MAX } from '#protocol/jobSet.js';
import type { BlockRequest } from '#protocol/messages.js';
import type { Parameters } from '#protocol/parameters.js';
import { reject } from '#protocol/rejections.js';
import { jobIdOf } from '#protocol/units.js';
import { accept, type CommandOf, type Decision } from '../command.js';
import { jobDeadlines, longestPath } from '../dependencies.js';
import { leastMsOf, openRounds } from '../openRound.js';
import { SETTLED_SIGNALS_MAX } from '../settlement.js';
import { freeWei, type MarketState, parametersOf, posting } from '../state.js';

const DEADLINE_MS_MAX = 2_592_000_000;

/**
 * Takes a block that `splitBlock`, or the circuit's witness generator, has found provable: reserves the escrow (jobs
 * times max price) and opens the first round over all of its jobs that wait for no other.
 */
export function submitBlock(state: MarketState, command: CommandOf<'submitBlock'>, nowMs: number): Decision {
  const no = checkRequest(state, command, nowMs);
  if (no) return no;
  const { message, signature, digest: blockId } = command;
  const jobs = command.jobs.map((job, index) => ({ jobId: jobIdOf(blockId, index), ...job }));
  const escrowWei = BigInt(message.maxPriceWei) * BigInt(jobs.length);
  const postings = [posting(`account:${message.requester}`, `escrow:${blockId}`, escrowWei, 'escrow')];
  const deadlines = jobDeadlines(afterOf(command), nowMs, message.deadlineMs);
  const first = jobs.flatMap(({ jobId, after }, index) =>
    after === undefined ? [{ jobId, deadlineMs: deadlines[index]! }] : [],
  );
  return accept(
    { type: 'blockSubmitted', atMs: nowMs, blockId, message, signature, jobs, postings },
    ...openRounds({ blockId, request: message, roundCount: 0 }, first, state.parametersVersion, nowMs),
  );
}

function afterOf({ jobs }: Pick<CommandOf<'submitBlock'>, 'jobs'>): number[][] {
  return jobs.map(({ after }) => after ?? []);
}

/** Why the order of a block's jobs cannot be kept; null when it can. Places are those of the block's list. */
function orderFlaw(command: CommandOf<'submitBlock'>): Decision | null {
  for (const [index, { after }] of command.jobs.entries()) {
    if (after === undefined) continue;
    const isSound = after.length > 0 && new Set(after).size === after.length && after.every((one) => one < index);
    if (!isSound) return reject('invalidBlock', `job ${index} must come after other, earlier jobs`);
  }
  return null;
}

function checkRequest(state: MarketState, command: CommandOf<'submitBlock'>, nowMs: number): Decision | null {
  const { message, jobs } = command;
  const parameters = parametersOf(state);
  const circuit = state.circuits.get(message.circuitId);
  if (!circuit) return reject('unknownCircuit', `${message.circuitId} is not registered`);
  if (message.award === 'fastest' && message.pricing !== 'first') return reject('unsupportedPolicy');
  const unsettled = checkSettlement(state, message);
  if (unsettled) return unsettled;
  if (BigInt(message.maxPriceWei) === 0n) return reject('zeroMaxPrice');
  const wrongSchedule = checkSchedule(message, parameters);
  if (wrongSchedule) return wrongSchedule;
  const { jobsPerBlockMax } = parameters;
  if (message.deadlineMs <= nowMs) return reject('deadlinePassed', `it passed ${nowMs - message.deadlineMs} ms ago`);
  const wrongOrder = orderFlaw(command);
  if (wrongOrder) return wrongOrder;
  const path = longestPath(afterOf(command));
  const earliestMs = nowMs + path * leastMsOf(message, parameters);
  if (message.deadlineMs < earliestMs) {
    const why = path > 1 ? `, with ${path} jobs one after another` : '';
    return reject('deadlineTooNear', `the earliest possible is ${earliestMs}${why}`);
  }
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

/** The contract checks Groth16 zkProofs only, with few enough signals for one transaction. */
function checkSettlement(state: MarketState, message: BlockRequest): Decision | null {
  const { settlement, circuitId, maxPriceWei } = message;
  if (settlement === undefined) return null;
  if (!state.settlement) return reject('noChain');
  const { protocol, signalCount } = state.circuits.get(circuitId)!;
  if (protocol !== 'groth16' || signalCount > SETTLED_SIGNALS_MAX) {
    return reject('unsupportedPolicy', `settlement on chain needs Groth16 and at most ${SETTLED_SIGNALS_MAX} signals`);
  }
  if (BigInt(maxPriceWei) > ITEM_WEI_MAX)
    return reject('unsupportedPolicy', `the contract pays at most ${ITEM_WEI_MAX}`);
  return null;
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
