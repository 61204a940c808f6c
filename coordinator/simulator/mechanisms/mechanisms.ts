/** The mechanisms that are compared, by name. */
import { AllPayRace } from './allPayRace.js';
import { LowestBid } from './lowestBid.js';
import { OurMarket } from './ourMarket.js';
import type { OurPolicy } from './ourRules.js';
import { RandomFallback } from './randomFallback.js';
import { ReverseDutch } from './reverseDutch.js';
import type { Mechanism, SimMarket } from './simMarket.js';
import type { Strategy } from './strategy.js';

const OURS = { award: 'cheapest' } as const;

/** Understudy's own variants. */
export const OUR_POLICIES = {
  'vickrey + backup + pool': { ...OURS, pricing: 'vickrey', backup: 'market', pool: 'open' },
  'vickrey + backup': { ...OURS, pricing: 'vickrey', backup: 'market', pool: 'none' },
  'vickrey alone': { ...OURS, pricing: 'vickrey', backup: 'none', pool: 'none' },
  'first + backup + pool': { ...OURS, pricing: 'first', backup: 'market', pool: 'open' },
  'first alone': { ...OURS, pricing: 'first', backup: 'none', pool: 'none' },
} as const satisfies Record<string, OurPolicy>;

const OTHERS = {
  'cheapest bid': (market: SimMarket, strategy?: Strategy) => new LowestBid(market, 'cheapestBid', strategy),
  'second price': (market: SimMarket, strategy?: Strategy) => new LowestBid(market, 'secondPrice', strategy),
  'reverse Dutch': (market: SimMarket, strategy?: Strategy) => new ReverseDutch(market, strategy),
  'random + fallback': (market: SimMarket) => new RandomFallback(market),
  'all-pay race': (market: SimMarket) => new AllPayRace(market),
} as const satisfies Record<string, (market: SimMarket, strategy?: Strategy) => Mechanism>;

export type OurName = keyof typeof OUR_POLICIES;
export type MechanismName = OurName | keyof typeof OTHERS;

export const OUR_NAMES = Object.keys(OUR_POLICIES) as OurName[];
export const MECHANISM_NAMES = [...OUR_NAMES, ...Object.keys(OTHERS)] as MechanismName[];

/** Makes a mechanism for a market. @param strategy - what provers make of their offers; where they bid */
export function mechanismOf(name: MechanismName, market: SimMarket, strategy?: Strategy): Mechanism {
  if (name in OTHERS) return OTHERS[name as keyof typeof OTHERS](market, strategy);
  return new OurMarket(market, OUR_POLICIES[name as OurName], strategy);
}
