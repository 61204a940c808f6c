import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import type { Entry } from '#protocol/entries.js';
import type { Explanation } from '#protocol/explanations.js';
import type { Posting } from '#protocol/ledger.js';
import { sha256Bytes } from '#protocol/sha256.js';
import type { Hex } from '#protocol/units.js';
import { type Candidate, type ClearingInput, clear } from '../clear.js';
import { accept, type CommandOf, type Decision, NOTHING } from '../command.js';
import { clearsAtMs, depositPostings, depositWeiOf, openedInOrder } from '../commitReveal.js';
import { eligibility } from '../eligibility.js';
import { countBids, escalate } from '../escalation.js';
import { loadOf } from '../load.js';
import { CLEARING_AGE_MS_MAX, isSameInput } from '../preparedClearing.js';
import { missCurve, provingMsP95 } from '../record.js';
import {
  type Block,
  compactPostings,
  freeWei,
  type MarketState,
  type OpenedBid,
  pinnedParameters,
  posting,
  type Round,
  recordKey,
} from '../state.js';

/**
 * Clears a round whose window has closed: publishes all bids, awards its jobs and locks the bonds. Jobs without an
 * award go a step further: see escalation.ts. Nothing happens when a prepared clearing
 * is too old, or read what has changed since.
 */
export function closeRound(state: MarketState, command: CommandOf<'closeRound'>, nowMs: number): Decision {
  const round = state.rounds.get(command.roundId);
  const dueMs = round && clearsAtMs(round);
  if (!round || round.clearedAtMs !== null || dueMs === null || nowMs < dueMs!) return NOTHING;
  const { asOfMs = nowMs, prepared } = command;
  if (asOfMs < dueMs! || asOfMs > nowMs || nowMs - asOfMs > CLEARING_AGE_MS_MAX) return NOTHING;
  const bids = round.sealing === 'receipt' ? bidsInOrder(round, command.bids) : openedInOrder(round);
  const input = clearingInput(state, round, bids, asOfMs);
  if (prepared && !isSameInput(prepared.input, input)) return NOTHING;
  const { awards, unawarded, explanations } = prepared?.result ?? clear(input);
  const postings: Posting[] = depositPostings(state, round, blockOf(state, round).request.requester);
  for (const { primary, backup } of awards) {
    for (const side of backup ? [primary, backup] : [primary]) {
      postings.push(posting(`account:${side.prover}`, `bond:${side.prover}`, BigInt(side.bondWei), 'bondLocked'));
    }
  }
  const explained = withExpired(bids, round, explanations);
  const cleared: Entry = {
    type: 'roundCleared',
    atMs: nowMs,
    roundId: round.roundId,
    asOfMs,
    bids: bids.map(({ message, signature }) => ({ message, signature })),
    tieSeed: `0x${bytesToHex(input.tieSeed)}`,
    awards,
    unawarded,
    explanations: explained,
    postings: compactPostings(postings),
  };
  return accept(cleared, ...escalate(state, round, unawarded, countBids(explained), nowMs));
}

/**
 * What clearing reads of the state. Also used to explain and to recompute a round. A bid that expired before the window
 * closed binds nobody: the coordinator's downtime may have put the closing off.
 */
export function clearingInput(
  state: MarketState,
  round: Round,
  bids: readonly OpenedBid[],
  nowMs: number,
): ClearingInput {
  const parameters = pinnedParameters(state, round);
  const { request } = blockOf(state, round);
  return {
    jobIds: round.jobIds,
    deadlineMs: round.deadlineMs,
    maxPriceWei: round.maxPriceWei,
    requestMaxPriceWei: BigInt(request.maxPriceWei),
    missCostWei: BigInt(request.missCostWei),
    policy: policyOf(request),
    candidates: bids
      .filter(({ message }) => message.expiresAtMs >= round.closesAtMs)
      .map(({ message }) => candidateOf(state, round, message, nowMs)),
    nowMs,
    tieSeed: tieSeedOf(round),
    parameters,
  };
}

/** Puts those of bids that had expired among the explanations of the bids that counted. */
function withExpired(
  bids: readonly OpenedBid[],
  { closesAtMs }: Round,
  explanations: readonly Explanation[],
): Explanation[] {
  let next = 0;
  return bids.map(({ message: { expiresAtMs } }) =>
    expiresAtMs >= closesAtMs ? explanations[next++]! : { code: 'expired', expiresAtMs, closesAtMs },
  );
}

/** The tie seed: SHA-256 of the round's commitments in the order of the log, so that nobody chooses it alone. */
export function tieSeedOf(round: Round): Uint8Array {
  return sha256Bytes(...[...round.bids.values()].map((commitment) => hexToBytes(commitment.slice(2))));
}

/** What clearing needs of a request: no more, so that a prepared clearing is compared and copied quickly. */
function policyOf(request: Block['request']): ClearingInput['policy'] {
  const { backup, award, pricing, minSuccessPpm, maxOwnerShareBps } = request;
  return { backup, award, pricing, minSuccessPpm, maxOwnerShareBps };
}

function candidateOf(state: MarketState, round: Round, bid: Candidate['bid'], nowMs: number): Candidate {
  const parameters = pinnedParameters(state, round);
  const record = state.records.get(recordKey(bid.prover, round.circuitId));
  const held = state.commitments.get(bid.prover);
  const { owner } = state.provers.get(bid.prover)!;
  return {
    bid,
    owner,
    // The deposit of an opened bid is given back by the clearing itself, before bonds are locked.
    freeWei: freeWei(state, bid.prover) + depositWeiOf(state, round),
    load: loadOf(held?.values() ?? [], bid.maxConcurrent),
    provingMsP95: provingMsP95(bid.provingMsP95, record, parameters),
    missPpm: missCurve(record, parameters, nowMs),
    isNewcomer: (record?.accepted ?? 0) < parameters.newcomerJobs,
    heldJobs: held?.size ?? 0,
    ineligible: eligibility(state, bid.prover, round.circuitId, blockOf(state, round).request, parameters, nowMs),
  };
}

function blockOf(state: MarketState, round: Round): Block {
  return state.blocks.get(round.blockId)!;
}

/** The bids behind the commitments, in their order. Throws when one is missing: a clearing never drops a bid. */
function bidsInOrder(round: Round, bids: CommandOf<'closeRound'>['bids']): CommandOf<'closeRound'>['bids'] {
  const byDigest = new Map<Hex, CommandOf<'closeRound'>['bids'][number]>(bids.map((bid) => [bid.digest, bid]));
  return [...round.bids.values()].map((commitment) => {
    const bid = byDigest.get(commitment);
    if (!bid) throw new Error(`the sealed bid behind commitment ${commitment} of ${round.roundId} is missing`);
    return bid;
  });
}
