/** What provers offer, and what some make of it. */
import type { Prover } from './population.js';
import type { Scenario } from './scenario.js';

/** A prover's offer for a round; prices in wei. */
export interface Offer {
  prover: Prover;
  priceWei: number;
  standbyWei: number;
  maxJobs: number;
  promisedMs: number;
}

/** The offer of a prover that asks `priceWei`; what it asks for standing by is raised as much above its cost. */
export function offerOf(prover: Prover, priceWei: number, scenario: Scenario, ownWei = priceWei): Offer {
  const standbyWei = Math.round((prover.standbyCostWei * priceWei) / ownWei);
  return { prover, priceWei, standbyWei, maxJobs: scenario.jobsPerBid, promisedMs: prover.promisedMs };
}

export interface Strategy {
  /** What is offered instead; null for nothing at all. */
  offer(honest: Offer): Offer | null;
  /** True when a primary that could prove keeps silent, for its backup's sake. */
  keepsSilent(primary: Prover, backup: Prover | null): boolean;
}

export const HONEST: Strategy = { offer: (offer) => offer, keepsSilent: () => false };
