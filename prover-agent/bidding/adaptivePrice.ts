import { least, most } from './costModel.js';

/** What a round of `first` pricing shows afterwards: the most that this prover could have asked and still have won. */
export interface ClearedPrice {
  /** In wei. */
  winningWei: bigint;
}

/** Rounds that are looked back on: few, so that a market that has changed is soon followed. */
export const CLEARED_MAX = 40;
/** With fewer rounds nothing is concluded. */
export const CLEARED_MIN = 5;

/**
 * What to ask where each is paid its own bid (`first` pricing): of all prices at which a looked-back round would still
 * have been won, and of the ordinary price, the one that would have earned most over its cost, more recent rounds
 * counting for more. Never below cost; at most what the round pays. Pure.
 *
 * @param cleared - of the same circuit, oldest first
 * @param priceWei - what is asked while too little is known
 */
export function adaptivePriceWei(
  cleared: readonly ClearedPrice[],
  { costWei, priceWei, maxPriceWei }: { costWei: bigint; priceWei: bigint; maxPriceWei: bigint },
): bigint {
  const newest = cleared.slice(-CLEARED_MAX);
  if (newest.length < CLEARED_MIN) return priceWei;
  const candidates = [...newest.map(({ winningWei }) => least(winningWei, maxPriceWei)), least(priceWei, maxPriceWei)]
    .filter((one) => one >= costWei)
    .toSorted((a, b) => (a < b ? -1 : 1));
  let best = most(costWei, candidates[0] ?? costWei);
  let bestGain = 0n;
  for (const asked of candidates) {
    const wins = newest.reduce((sum, { winningWei }, place) => sum + (winningWei >= asked ? weightOf(place) : 0n), 0n);
    const gain = (asked - costWei) * wins;
    if (gain > bestGain) [best, bestGain] = [asked, gain];
  }
  return best;
}

/** The newest round counts about three times as much as the oldest. */
function weightOf(place: number): bigint {
  return BigInt(CLEARED_MAX / 2 + place);
}
