/**
 * What one prover gains by not telling the truth while all others do: in single rounds, by the market's own expectation, and
 * over a whole market, by what is left at its end.
 */
import { type ClearingInput, type ClearingResult, clear } from '#market/clear.js';
import type { MechanismName } from './mechanisms.js';
import type { Prover } from './population.js';
import { runMarket } from './runMarket.js';
import type { Scenario } from './scenario.js';
import { HONEST, type Offer, type Strategy } from './strategy.js';
import type { Length } from './workload.js';

/** A way to lie: factors on the honest price, standby price and promised time. */
export interface Lie {
  name: string;
  price: number;
  standby: number;
  promised: number;
}

const TRUTH = { price: 1, standby: 1, promised: 1 };

export const PRICE_LIES: readonly Lie[] = [
  { ...TRUTH, name: 'price x 0.5', price: 0.5 },
  { ...TRUTH, name: 'price x 0.8', price: 0.8 },
  { ...TRUTH, name: 'price x 1.25', price: 1.25 },
  { ...TRUTH, name: 'price x 2', price: 2 },
  { ...TRUTH, name: 'standby price 0', standby: 0 },
  { ...TRUTH, name: 'standby price x 3', standby: 3 },
];

export const SPEED_LIES: readonly Lie[] = [
  { ...TRUTH, name: 'promises 0.7 of its time', promised: 0.7 },
  { ...TRUTH, name: 'promises 1.5 of its time', promised: 1.5 },
];

/** The strategy of a market in which one prover lies. */
export function liar(index: number, lie: Lie): Strategy {
  return { ...HONEST, offer: (offer) => (offer.prover.index === index ? lieAbout(offer, lie) : offer) };
}

function lieAbout(offer: Offer, { price, standby, promised }: Lie): Offer {
  return {
    ...offer,
    priceWei: Math.round(offer.priceWei * price),
    standbyWei: Math.round(offer.standbyWei * standby),
    promisedMs: Math.ceil(offer.promisedMs * promised),
  };
}

/** What lying changed for one prover in one market, in wei. */
export interface Gain {
  what: string;
  gainWei: number;
  honestWei: number;
}

/** The profit of liars when they lie, each alone, less that when nobody does, in the same market otherwise. */
export function gainsOverMarket(
  scenario: Scenario,
  mechanism: MechanismName,
  seed: number,
  length: Length,
  liars: readonly number[],
  lies: readonly Lie[],
): Gain[] {
  const honest = runMarket(scenario, mechanism, seed, length).profitWei;
  return liars.flatMap((index) =>
    lies.map((lie) => {
      const { profitWei } = runMarket(scenario, mechanism, seed, length, liar(index, lie));
      return { what: lie.name, gainWei: profitWei[index]! - honest[index]!, honestWei: honest[index]! };
    }),
  );
}

/**
 * What an owner can expect of a clearing when its true prices are those of `truth`, in millionths of a wei: price less cost as
 * primary, fee less cost as backup, and its own bid less its cost when it is called, at the market's chance for that.
 */
export function expectedGain(owner: string, result: ClearingResult, truth: ClearingInput): bigint {
  const bids = new Map(truth.candidates.map(({ bid }) => [bid.prover, bid]));
  let sum = 0n;
  for (const { primary, backup, priceWei, standbyFeeWei } of result.awards) {
    if (primary.owner === owner) sum += (BigInt(priceWei) - BigInt(bids.get(primary.prover)!.priceWei)) * 1_000_000n;
    if (backup?.owner !== owner) continue;
    const { priceWei: trueWei, standbyWei } = bids.get(backup.prover)!;
    sum += (BigInt(standbyFeeWei) - BigInt(standbyWei)) * 1_000_000n;
    sum += BigInt(primary.missPpm) * (BigInt(backup.priceBidWei) - BigInt(trueWei));
  }
  return sum;
}

/** The same in one round; `capped` where a price met the max price. */
export interface RoundGain extends Gain {
  capped: boolean;
}

/** Tries all lies of an owner in a round that was held among honest bidders. */
export function gainsInRound(input: ClearingInput, owner: string, lies: readonly Lie[]): RoundGain[] {
  const honest = clear(input);
  const honestGain = expectedGain(owner, honest, input);
  return lies.map((lie) => {
    const candidates = input.candidates.map((candidate) => {
      if (candidate.owner !== owner) return candidate;
      const { bid } = candidate;
      const priceWei = String(Math.round(Number(bid.priceWei) * lie.price));
      const standbyWei = String(Math.round(Number(bid.standbyWei) * lie.standby));
      return { ...candidate, bid: { ...bid, priceWei, standbyWei } };
    });
    const lied = clear({ ...input, candidates });
    const gainWei = Number(expectedGain(owner, lied, input) - honestGain) / 1e6;
    const capped = [...honest.awards, ...lied.awards].some((award) => isCapped(award, input));
    return { what: lie.name, gainWei, honestWei: Number(honestGain) / 1e6, capped };
  });
}

function isCapped(award: ClearingResult['awards'][number], { maxPriceWei }: ClearingInput): boolean {
  return BigInt(award.priceWei) + BigInt(award.standbyFeeWei) >= maxPriceWei;
}

/** What two identities of one person make of it. `idle`: the second offers nothing. */
export type OwnBackup = 'idle' | 'free standby' | 'feigned silence';

/**
 * A prover with a second identity under another owner, on the same machine. It stands by for nothing, since it keeps no slot;
 * feigning, the first is silent whenever the second is its backup, which then delivers and collects the damage.
 */
export function ownBackup(first: number, second: number, what: OwnBackup): Strategy {
  return {
    offer: (offer) => {
      if (offer.prover.index !== second) return offer;
      return what === 'idle' ? null : { ...offer, standbyWei: 0 };
    },
    keepsSilent: (primary: Prover, backup: Prover | null) =>
      what === 'feigned silence' && primary.index === first && backup?.index === second,
  };
}

/** The joint profit of both identities, in wei, for each behaviour in the same market. */
export function gainAsOwnBackup(
  scenario: Scenario,
  mechanism: MechanismName,
  seed: number,
  length: Length,
  index: number,
): Record<OwnBackup, number> {
  const twice = { ...scenario, secondIdentityOf: index };
  const second = scenario.provers;
  const jointWei = (what: OwnBackup) => {
    const { profitWei } = runMarket(twice, mechanism, seed, length, ownBackup(index, second, what));
    return profitWei[index]! + profitWei[second]!;
  };
  return {
    idle: jointWei('idle'),
    'free standby': jointWei('free standby'),
    'feigned silence': jointWei('feigned silence'),
  };
}
