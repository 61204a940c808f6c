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
  'first + backup': { ...OURS, pricing: 'first', backup: 'market', pool: 'none' },
  'first alone': { ...OURS, pricing: 'first', backup: 'none', pool: 'none' },
} as const satisfies Record<string, OurPolicy>;

const OTHERS = {
  'cheapest bid': (market: SimMarket) => new LowestBid(market, 'cheapestBid'),
  'second price': (market: SimMarket) => new LowestBid(market, 'secondPrice'),
  'reverse Dutch': (market: SimMarket) => new ReverseDutch(market),
  'random + fallback': (market: SimMarket) => new RandomFallback(market),
  'all-pay race': (market: SimMarket) => new AllPayRace(market),
} as const satisfies Record<string, (market: SimMarket) => Mechanism>;

export type OurName = keyof typeof OUR_POLICIES;
export type MechanismName = OurName | keyof typeof OTHERS;

export const OUR_NAMES = Object.keys(OUR_POLICIES) as OurName[];
export const MECHANISM_NAMES = [...OUR_NAMES, ...Object.keys(OTHERS)] as MechanismName[];

/** Makes a mechanism for a market. @param strategy - what provers make of their offers; only in Understudy's variants */
export function mechanismOf(name: MechanismName, market: SimMarket, strategy?: Strategy): Mechanism {
  if (name in OTHERS) return OTHERS[name as keyof typeof OTHERS](market);
  return new OurMarket(market, OUR_POLICIES[name as OurName], strategy);
}
