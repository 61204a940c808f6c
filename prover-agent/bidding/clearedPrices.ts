import type { EntryOf } from '#protocol/entries.js';
import type { Address } from '#protocol/units.js';
import { CLEARED_MAX, type ClearedPrice } from './adaptivePrice.js';
import { most } from './costModel.js';

/** A cleared round as the log or the coordinator's view of it tells it. */
export type Clearing = Pick<EntryOf<'roundCleared'>, 'bids' | 'awards' | 'unawarded' | 'explanations'>;

/** Why jobs stayed unsold though a bid at the round's max price could have had them. */
const WANTED_MORE: ReadonlySet<string> = new Set([
  'noBids',
  'noneEligible',
  'allAboveMaxPrice',
  'noCapacity',
  'noneInTime',
  'noBond',
]);

/**
 * The most that a prover could have asked in a round and still have proven a job of it, going by prices alone; null when
 * the round does not tell.
 *
 * - Jobs were left for want of bids: what the round paid at most.
 * - It won: the cheapest of the others that had room for one job more; without such, the round's max price.
 * - It did not: the dearest bid that won.
 */
export function winningWei(
  { bids, awards, unawarded, explanations }: Clearing,
  prover: Address,
  maxPriceWei: bigint,
): bigint | null {
  if (unawarded.length > 0) return unawarded.some(({ reason }) => WANTED_MORE.has(reason)) ? maxPriceWei : null;
  const own = bids.find(({ message }) => message.prover === prover)?.message;
  const hasWon = awards.some(({ primary }) => primary.prover === prover);
  if (!own || !hasWon) {
    const won = awards.map(({ primary }) => BigInt(primary.priceBidWei));
    return won.length > 0 ? won.reduce(most) : null;
  }
  const seats = new Map<string, number>();
  for (const { primary, backup } of awards) {
    for (const side of backup ? [primary, backup] : [primary])
      seats.set(side.prover, (seats.get(side.prover) ?? 0) + 1);
  }
  const couldHave = bids.filter(({ message }, at) => {
    const hasRoom = (seats.get(message.prover) ?? 0) < message.maxJobs;
    const isServing = /^won|^outbid$/.test(explanations[at]?.code ?? '');
    return message.prover !== prover && hasRoom && isServing;
  });
  const prices = couldHave.map(({ message }) => BigInt(message.priceWei));
  const ownWei = BigInt(own.priceWei);
  const nextWei = prices.length > 0 ? prices.reduce((a, b) => (a < b ? a : b)) : maxPriceWei;
  return most(ownWei, nextWei);
}

/** What the newest cleared rounds of each circuit have shown. */
export class ClearedPrices {
  readonly #byCircuit = new Map<string, ClearedPrice[]>();

  of(circuitId: string): readonly ClearedPrice[] {
    return this.#byCircuit.get(circuitId) ?? [];
  }

  /** Takes a round of `first` pricing; one that tells nothing is passed by. */
  learn(circuitId: string, clearing: Clearing, prover: Address, maxPriceWei: bigint): void {
    const wei = winningWei(clearing, prover, maxPriceWei);
    if (wei === null) return;
    this.#byCircuit.set(circuitId, [...this.of(circuitId), { winningWei: wei }].slice(-CLEARED_MAX));
  }
}
