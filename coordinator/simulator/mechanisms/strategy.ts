/** What a prover makes of its honest offer. */
import type { Offer } from './ourRules.js';

export type Strategy = (honest: Offer) => Offer;

export const honest: Strategy = (offer) => offer;
