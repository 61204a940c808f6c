import { reject } from '#protocol/rejections.js';
import { accept, type CommandOf, type Decision, NOTHING } from '../command.js';
import { depositWeiOf } from '../commitReveal.js';
import { compactPostings, freeWei, type MarketState, pinnedParameters, posting } from '../state.js';
import { entranceFlaw, priceFlaw } from './placeBid.js';

/**
 * Takes the commitment to a bid. The first one of a prover in a round locks its deposit; a later one replaces it and
 * takes a new place in the order.
 */
export function commitBid(state: MarketState, command: CommandOf<'commitBid'>, nowMs: number): Decision {
  const { message, signature } = command;
  const { roundId, prover } = message;
  const round = state.rounds.get(roundId);
  if (!round) return reject('unknownRound', `${roundId} is not open`);
  if (round.sealing !== 'commitReveal') return reject('wrongSealing', 'its sealing is receipt');
  const flaw = entranceFlaw(state, round, prover, nowMs);
  if (flaw) return { ok: false, rejection: flaw };
  const depositWei = round.bids.has(prover) ? 0n : depositWeiOf(state, round);
  const heldWei = freeWei(state, prover);
  if (heldWei < depositWei) return reject('insufficientFunds', `the deposit is ${depositWei} wei, it has ${heldWei}`);
  const postings = compactPostings([posting(`account:${prover}`, `bond:${prover}`, depositWei, 'bidDeposit')]);
  return accept({ type: 'bidCommitted', atMs: nowMs, message, signature, postings });
}

/** Closes a round for commitments: from now on, and for `bidRevealMs`, their bids may be opened. */
export function sealBids(state: MarketState, command: CommandOf<'sealBids'>, nowMs: number): Decision {
  const round = state.rounds.get(command.roundId);
  if (round?.sealing !== 'commitReveal' || round.sealedAtMs !== null || nowMs < round.closesAtMs) return NOTHING;
  // The round of a block that was withdrawn is over.
  if (round.clearedAtMs !== null) return NOTHING;
  const count = round.bids.size;
  const revealsUntilMs = count === 0 ? nowMs : nowMs + pinnedParameters(state, round).bidRevealMs;
  return accept({ type: 'bidsSealed', atMs: nowMs, roundId: round.roundId, count, revealsUntilMs });
}

/** Opens the bid behind a commitment. Only that very bid can be opened, and only by its prover's signature. */
export function openBid(state: MarketState, command: CommandOf<'openBid'>, nowMs: number): Decision {
  const { message, signature, digest } = command;
  const { roundId, prover } = message;
  const round = state.rounds.get(roundId);
  if (!round) return reject('unknownRound', `${roundId} is not open`);
  if (round.sealing !== 'commitReveal') return reject('wrongSealing', 'its sealing is receipt');
  if (round.clearedAtMs !== null) return reject('revealClosed', 'the round is cleared');
  if (round.sealedAtMs === null || round.revealsUntilMs === null) {
    return reject('notSealed', `it takes commitments until ${round.closesAtMs}`);
  }
  if (round.bids.get(prover) !== digest) return reject('notCommitted', `the digest of this bid is ${digest}`);
  if (round.opened.has(prover)) return NOTHING;
  if (nowMs >= round.revealsUntilMs) return reject('revealClosed', `it ended at ${round.revealsUntilMs}`);
  const dear = priceFlaw(message, round);
  if (dear) return { ok: false, rejection: dear };
  return accept({ type: 'bidOpened', atMs: nowMs, message, signature });
}
