/** How the price of a pooled job rises: the market fixes it by the time of a commitment, and an agent waits for it. */

/** What a `poolOpened` says of its price; amounts in wei, the moment in Unix milliseconds. */
export interface PoolRamp {
  openedAtMs: number;
  fromWei: bigint;
  toWei: bigint;
}

/** What a zkProof earns that is committed to at `nowMs`, in wei: rises evenly from the opening to the deadline. */
export function poolPriceWei({ openedAtMs, fromWei, toWei }: PoolRamp, deadlineMs: number, nowMs: number): bigint {
  const wholeMs = deadlineMs - openedAtMs;
  if (wholeMs <= 0) return toWei;
  const passedMs = Math.min(Math.max(0, nowMs - openedAtMs), wholeMs);
  return fromWei + ((toWei - fromWei) * BigInt(passedMs)) / BigInt(wholeMs);
}

/** The first moment at which the pool pays a price, Unix milliseconds; null when it never does. */
export function poolReachesAtMs({ openedAtMs, fromWei, toWei }: PoolRamp, deadlineMs: number, priceWei: bigint) {
  if (priceWei <= fromWei) return openedAtMs;
  if (priceWei > toWei) return null;
  const [riseWei, wholeWei, wholeMs] = [priceWei - fromWei, toWei - fromWei, BigInt(deadlineMs - openedAtMs)];
  return openedAtMs + Number((riseWei * wholeMs + wholeWei - 1n) / wholeWei);
}
