import type { EntryOf } from '#protocol/entries.js';
import type { Address } from '#protocol/units.js';
import { CLEARED_MAX, type ClearedPrice } from './adaptivePrice.js';
import { least, most } from './costModel.js';

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
 * The most that a prover could have asked in a round and still have proven a job of it, by the figures that the market
 * gives with each bid: they count how likely each is to miss, which prices alone do not tell. Null when the round does not
 * say. In wei.
 *
 * - It lost, or stood by: its price less what it was too dear by; a twentieth less when that is not said.
 * - It won: its price and what the closest of the others was too dear by, but less than what a winner asked that had room
 *   for a job more; all that the round paid when there was nobody else.
 * - It did not bid: less than the dearest bid that won; all that the round paid when jobs were left for want of bids.
 */
export function winningWei(clearing: Clearing, prover: Address, maxPriceWei: bigint): bigint | null {
  const { bids, awards, unawarded, explanations } = clearing;
  const at = bids.findIndex(({ message }) => message.prover === prover);
  const why = explanations[at];
  const ownWei = BigInt(bids[at]?.message.priceWei ?? 0);
  if (why?.code === 'outbid' && why.seat === 'primary') return belowOrNull(ownWei - BigInt(why.byWei));
  if (why?.code === 'notWorthIt') return belowOrNull(ownWei - (BigInt(why.costWei) - BigInt(why.missCostWei)));
  if (why?.code === 'wonPrimary' || why?.code === 'wonBoth')
    return most(ownWei, headroomWei(clearing, at, maxPriceWei));
  if (unawarded.length > 0) return unawarded.some(({ reason }) => WANTED_MORE.has(reason)) ? maxPriceWei : null;
  const won = awards.map(({ primary }) => BigInt(primary.priceBidWei));
  if (won.length === 0) return null;
  const dearestWei = won.reduce(most);
  // It was too dear to prove by a sum that nobody says: a twentieth less each time comes down to it in a few rounds.
  return belowOrNull(why ? (least(ownWei, dearestWei) * 19n) / 20n : dearestWei);
}

/** What a winner could have asked before somebody else had been cheaper. */
function headroomWei({ bids, awards, explanations }: Clearing, at: number, maxPriceWei: bigint): bigint {
  const own = bids[at]!.message;
  const seats = new Map<string, number>();
  for (const { primary, backup } of awards) {
    for (const side of backup ? [primary, backup] : [primary])
      seats.set(side.prover, (seats.get(side.prover) ?? 0) + 1);
  }
  const limits = bids.flatMap(({ message: { prover, priceWei, maxJobs } }, other) => {
    const why = explanations[other];
    if (other === at || !why) return [];
    if (why.code === 'outbid' && why.seat === 'primary') return [BigInt(own.priceWei) + BigInt(why.byWei)];
    // Who stood by, or was closest to it, could have proven the job too, for its own price.
    if (why.code === 'outbid' || why.code === 'wonBackup') return [BigInt(priceWei)];
    return /^won/.test(why.code) && (seats.get(prover) ?? 0) < maxJobs ? [BigInt(priceWei)] : [];
  });
  return limits.length > 0 ? limits.reduce(least) - 1n : maxPriceWei;
}

/** A wei less, so that no tie has to be won; null where that is nothing. */
function belowOrNull(wei: bigint): bigint | null {
  return wei > 1n ? wei - 1n : null;
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
