/** How large bonds get: the market locks by these rules, and an agent bids by them. Source: ARCHITECTURE.md, "Bonds". */
import type { Parameters } from './parameters.js';

/** What a defaulter owes beyond dearer cover and standby fee, in wei. */
export function lateDamageWei(maxPriceWei: bigint, parameters: Pick<Parameters, 'lateDamageBps'>): bigint {
  return (maxPriceWei * BigInt(parameters.lateDamageBps)) / 10_000n;
}

/** What a commitment in a `commitReveal` round locks, and forfeits when its bid is never opened, in wei. */
export function bidDepositWei(maxPriceWei: bigint, parameters: Pick<Parameters, 'bidForfeitBps'>): bigint {
  return (maxPriceWei * BigInt(parameters.bidForfeitBps)) / 10_000n;
}

/** What a commitment to a pooled job locks, and forfeits when its zkProof does not come or is invalid, in wei. */
export function poolBondWei(maxPriceWei: bigint, parameters: Pick<Parameters, 'poolForfeitBps'>): bigint {
  return (maxPriceWei * BigInt(parameters.poolForfeitBps)) / 10_000n;
}

/**
 * The most that an assignment's bond can come to, in wei: what a candidate must have free to be eligible. Dearer cover
 * and standby fee can each come close to the max price.
 */
export function bondMaxWei(maxPriceWei: bigint, parameters: Pick<Parameters, 'lateDamageBps'>): bigint {
  return 2n * maxPriceWei + lateDamageWei(maxPriceWei, parameters);
}
