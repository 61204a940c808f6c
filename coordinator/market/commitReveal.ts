/**
 * Rounds whose bids nobody knows while they are taken (`commitReveal`): provers commit to the digests of their bids and
 * lock a deposit; once the window has closed and the log holds all commitments, they open the bids. See ARCHITECTURE.md,
 * "Sealing".
 */

import { bidDepositWei } from '#protocol/bonds.js';
import type { Posting } from '#protocol/ledger.js';
import type { Address } from '#protocol/units.js';
import { type MarketState, type OpenedBid, pinnedParameters, posting, type Round } from './state.js';

/** When a round may be cleared, Unix milliseconds; null while its commitments are not sealed. */
export function clearsAtMs(round: Round): number | null {
  return round.sealing === 'receipt' ? round.closesAtMs : round.revealsUntilMs;
}

/** True while a round waits for bids to be opened. */
export function isRevealing(round: Round): boolean {
  return round.sealedAtMs !== null && round.clearedAtMs === null && round.opened.size < round.bids.size;
}

/** The bids that were opened, in the order of their commitments. */
export function openedInOrder(round: Round): OpenedBid[] {
  return [...round.bids.keys()].flatMap((prover) => round.opened.get(prover) ?? []);
}

/** What each prover with a commitment in a round has locked, in wei; nothing in a `receipt` round. */
export function depositWeiOf(state: MarketState, round: Round): bigint {
  return round.sealing === 'receipt' ? 0n : bidDepositWei(round.maxPriceWei, pinnedParameters(state, round));
}

/**
 * What becomes of the deposits when a round is cleared: back to whoever opened, or was kept from it by the coordinator;
 * else to the requester, who was promised bids.
 */
export function depositPostings(state: MarketState, round: Round, requester: Address): Posting[] {
  const depositWei = depositWeiOf(state, round);
  if (depositWei === 0n) return [];
  return [...round.bids.keys()].map((prover) =>
    round.opened.has(prover) || round.revealExcused
      ? posting(`bond:${prover}`, `account:${prover}`, depositWei, 'bidDepositReturned')
      : posting(`bond:${prover}`, `account:${requester}`, depositWei, 'bidForfeited'),
  );
}
