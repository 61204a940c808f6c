import type { Bid } from '#protocol/messages.js';
import { type Rejection, reject } from '#protocol/rejections.js';
import type { Address } from '#protocol/units.js';
import { needsChallenge } from '../challenge.js';
import { accept, type CommandOf, type Decision } from '../command.js';
import { type MarketState, pinnedParameters, type Round } from '../state.js';

/**
 * Takes a sealed bid: its digest is logged as the commitment, its prices stay sealed until the round is cleared. A
 * prover's later bid for the round replaces the earlier one.
 */
export function placeBid(state: MarketState, command: CommandOf<'placeBid'>, nowMs: number): Decision {
  const round = state.rounds.get(command.message.roundId);
  if (!round) return reject('unknownRound', `${command.message.roundId} is not open`);
  if (round.sealing !== 'receipt') return reject('wrongSealing', 'its sealing is commitReveal');
  const flaw = bidFlaw(command.message, round);
  if (flaw) return { ok: false, rejection: flaw };
  return logBid(state, round, command.message.prover, command.digest, nowMs);
}

/** What is wrong with a bid by itself; null when it may count. Checked at arrival. */
export function bidFlaw(bid: Bid, round: Round): Rejection | null {
  const dear = priceFlaw(bid, round);
  if (dear) return dear;
  if (bid.expiresAtMs < round.closesAtMs) {
    return reject('bidExpired', `the round closes at ${round.closesAtMs}`).rejection;
  }
  return null;
}

/** The part of {@link bidFlaw} that does not change while the round is open: checked again when a bid is opened. */
export function priceFlaw(bid: Bid, round: Round): Rejection | null {
  const isDear = BigInt(bid.priceWei) > round.maxPriceWei || BigInt(bid.standbyWei) > round.maxPriceWei;
  return isDear ? reject('aboveMaxPrice', `the max price is ${round.maxPriceWei} wei`).rejection : null;
}

/** The part of taking a bid that needs only its commitment, which is all that a replay sees before the clearing. */
export function logBid(
  state: MarketState,
  round: Round,
  prover: Bid['prover'],
  commitment: CommandOf<'placeBid'>['digest'],
  nowMs: number,
): Decision {
  const flaw = entranceFlaw(state, round, prover, nowMs);
  if (flaw) return { ok: false, rejection: flaw };
  return accept({ type: 'bidPlaced', atMs: nowMs, roundId: round.roundId, prover, commitment });
}

/** Why a prover may not bid in a round now, whatever it bids; null when it may. */
export function entranceFlaw(state: MarketState, round: Round, prover: Address, nowMs: number): Rejection | null {
  if (!state.provers.has(prover)) return reject('unknownProver').rejection;
  if (round.withdrawn) return reject('roundClosed', 'its block was withdrawn').rejection;
  if (round.clearedAtMs !== null || round.sealedAtMs !== null || nowMs >= round.closesAtMs) {
    return reject('roundClosed', `it closed at ${round.closesAtMs}`).rejection;
  }
  const parameters = pinnedParameters(state, round);
  if (needsChallenge(state, prover, round.circuitId, parameters)) return reject('challengeNeeded').rejection;
  const isFull = !round.bids.has(prover) && round.bids.size >= parameters.bidsPerRoundMax;
  return isFull ? reject('roundFull', `${parameters.bidsPerRoundMax} bids`).rejection : null;
}
