/**
 * What provers ask where they are paid their own bid: above their cost, by the equilibrium of the first-price auction
 * among alike bidders,
 *
 *     bid(c) = c + integral from c to the max price of ((1 - F(y)) / (1 - F(c)))^n dy
 *
 * with F the distribution of the break-even prices and n how many others compete for the job. Without it, paying bids
 * would look cheaper than it is. Source: Krishna, Auction Theory, chapter 2, for a purchase with a reserve price.
 */
import type { Prover } from './population.js';
import type { Scenario } from './scenario.js';

/** Rivals for one job are never fewer: with all capacity taken nobody would have to undercut anybody. */
const RIVALS_MIN = 0.1;

/** How many others compete for a job: the free slots of the market over the jobs of a block. */
export function rivalsOf(scenario: Scenario, provers: readonly Prover[]): number {
  const slots = provers.reduce((sum, prover) => sum + prover.slots, 0);
  return Math.max(RIVALS_MIN, (slots * (1 - scenario.load)) / scenario.jobsPerBlock);
}

/**
 * Equilibrium bids of provers with these break-even prices, in the same order.
 * @param maxWei - nobody asks more; who cannot afford that asks its break-even price
 */
export function shadedBids(breakEvenWei: readonly number[], rivals: number, maxWei: number): number[] {
  const order = breakEvenWei.map((_, index) => index).sort((a, b) => breakEvenWei[a]! - breakEvenWei[b]!);
  const bids = new Array<number>(order.length);
  let area = 0;
  let weightAbove = 0;
  let aboveWei = maxWei;
  for (let rank = order.length - 1; rank >= 0; rank -= 1) {
    const index = order[rank]!;
    const costWei = breakEvenWei[index]!;
    if (costWei >= maxWei) {
      bids[index] = costWei;
      continue;
    }
    const weight = ((order.length - rank) / (order.length + 1)) ** rivals;
    area += ((weight + weightAbove) / 2) * (aboveWei - costWei);
    bids[index] = Math.min(maxWei, Math.ceil(costWei + area / weight));
    weightAbove = weight;
    aboveWei = costWei;
  }
  return bids;
}
