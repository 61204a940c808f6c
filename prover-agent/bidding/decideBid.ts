import { bondMaxWei, lateDamageWei } from '#protocol/bonds.js';
import type { Bid } from '#protocol/messages.js';
import type { Parameters } from '#protocol/parameters.js';
import type { Address, Hex } from '#protocol/units.js';
import type { RoundView } from '#protocol/views.js';
import { adaptivePriceWei, type ClearedPrice } from './adaptivePrice.js';
import { type CostSettings, least, most, type PricedWork, pricesOf, withOverrides } from './costModel.js';
import { type WantedWork, whyUnwanted } from './priceOverride.js';
import type { RequestTerms } from './requestTerms.js';
import { type StandbyOdds, standbyPriceWei } from './standbyPrice.js';

/** A bid outlives its round's window by this, in milliseconds: downtime of the coordinator may put the closing off. */
export const EXPIRY_MS = 60_000;

/** Why an agent does not bid for a round. */
export type SkipCode =
  | 'circuitUnknown'
  | 'proofsFail'
  | 'roundClosed'
  | 'notWanted'
  | 'tooLittleTime'
  | 'aboveMaxPrice'
  | 'noBond'
  | 'bondAtRisk';

/** How prices are found: cost and margin, or what cleared rounds of `first` pricing teach. */
export const STRATEGIES = ['cost-plus', 'adaptive'] as const;

/** What the operator has set for bidding; amounts in wei. */
export interface Pricing extends CostSettings, WantedWork {
  strategy: (typeof STRATEGIES)[number];
  /** The most that may be locked as bonds at once, open bids included; null: all that is free. */
  maxBondWei: bigint | null;
}

/** The open round, as the feed or the list of rounds tells it. */
export type OpenRound = Pick<
  RoundView,
  'roundId' | 'circuitId' | 'jobIds' | 'parametersVersion' | 'sealing' | 'maxPriceWei' | 'deadlineMs' | 'closesAtMs'
>;

/** What a prover knows of a round without asking anybody. */
export interface RoundInput {
  round: OpenRound;
  pricing: Pricing;
  circuitName: string | null;
  /** Promised p95 of one zkProof on this machine, in milliseconds; null for a circuit it cannot prove. */
  promisedMs: number | null;
  /** The newest zkProofs of the circuit failed on this machine: every job won would cost a bond. */
  proofsFail?: boolean;
  /** zkProofs at once. */
  slots: number;
  /** Sum of the promised times of all jobs held, running or standing by, in milliseconds. */
  committedMs: number;
  /** Those that the round keeps to. */
  parameters: Pick<Parameters, 'deliveryMarginMs' | 'lateDamageBps' | 'bidRevealMs'>;
  /** The coordinator's clock. */
  nowMs: number;
}

export interface BidInput extends RoundInput {
  prover: Address;
  request: RequestTerms;
  /** How standing by has gone. */
  odds: StandbyOdds;
  /** What cleared rounds of the circuit under `first` pricing have shown, oldest first. */
  cleared: readonly ClearedPrice[];
  /** Money that can be locked as bonds. */
  freeWei: bigint;
  /** What is locked, and what other open bids may come to lock. */
  atRiskWei: bigint;
  salt: Hex;
}

/** Why there is no bid: the figures go with the code, the detail is for people. */
export interface Skip {
  ok: false;
  code: SkipCode;
  figures: Readonly<Record<string, string | number>>;
  detail: string;
}

/** A bid to sign with the most that its bonds can come to and what a job costs, in wei; or why there is none. */
export type BidDecision = { ok: true; bid: Bid; bondsWei: bigint; costWei: bigint } | Skip;

/** What stands against a bid before it is known who asks and what money there is; null when nothing does. Pure. */
export function whyNot(input: RoundInput, requester: Address | null = null): Skip | null {
  const { round, promisedMs, nowMs, pricing, circuitName } = input;
  const { circuitId, closesAtMs } = round;
  if (promisedMs === null) return skip('circuitUnknown', { circuitId }, `no prover for circuit ${circuitId}`);
  if (input.proofsFail) return skip('proofsFail', { circuitId }, `the newest zkProofs of ${circuitId} failed here`);
  if (nowMs >= closesAtMs) return skip('roundClosed', { closesAtMs }, `it closed at ${closesAtMs}`);
  const unwanted = whyUnwanted(pricing, { circuitId, circuitName, requester });
  if (unwanted) return skip('notWanted', {}, unwanted);
  return jobsInTime(input, promisedMs) < 1 ? tooLittleTime(input, promisedMs) : null;
}

/**
 * Decides whether to bid for a round, at what prices and for how many jobs. Pure. In the default pricing nobody's own
 * bid sets its own pay, so the bid is what the work is worth to this prover, and a cleverer one would be worse.
 */
export function decideBid(input: BidInput): BidDecision {
  const { round, request } = input;
  const stands = whyNot(input, request.requester);
  if (stands) return stands;
  const promisedMs = input.promisedMs as number;
  const maxPriceWei = BigInt(round.maxPriceWei);
  const { priceWei, standbyWei, costWei } = askedPrices(input, workOf(input, promisedMs), maxPriceWei);
  if (priceWei > maxPriceWei) {
    const figures = { priceWei: String(priceWei), costWei: String(costWei), maxPriceWei: String(maxPriceWei) };
    return skip('aboveMaxPrice', figures, `asks ${priceWei} wei (cost ${costWei}), the round pays ${maxPriceWei}`);
  }
  const bondWei = bondMaxWei(most(request.maxPriceWei, maxPriceWei), input.parameters);
  if (input.freeWei < bondWei) {
    const figures = { needsWei: String(bondWei), hasWei: String(input.freeWei) };
    return skip('noBond', figures, `has ${input.freeWei} wei free, a bond may take ${bondWei}`);
  }
  const inTime = jobsInTime(input, promisedMs);
  const maxJobs = least(BigInt(inTime), bondsLeft(input, bondWei) ?? BigInt(inTime));
  if (maxJobs < 1n) return bondAtRisk(input, bondWei);
  const bid: Bid = {
    roundId: round.roundId,
    prover: input.prover,
    priceWei: priceWei.toString(),
    standbyWei: least(standbyWei, maxPriceWei).toString(),
    maxJobs: Number(maxJobs),
    maxConcurrent: input.slots,
    provingMsP95: promisedMs,
    expiresAtMs: round.closesAtMs + EXPIRY_MS,
    salt: input.salt,
  };
  return { ok: true, bid, bondsWei: maxJobs * bondWei, costWei };
}

function skip(code: SkipCode, figures: Skip['figures'], detail: string): Skip {
  return { ok: false, code, figures, detail };
}

function workOf({ round, circuitName, request, slots }: BidInput, promisedMs: number): PricedWork {
  return { circuitId: round.circuitId, circuitName, requester: request.requester, promisedMs, slots };
}

/**
 * The two prices of a bid and the cost that neither strategy goes below, in wei. An adaptive prover asks its bare cost
 * where the market sets the price (`vickrey`): a margin would lose work and never raise its pay.
 */
function askedPrices(
  { pricing, request, odds, cleared, parameters }: BidInput,
  work: PricedWork,
  maxPriceWei: bigint,
): { priceWei: bigint; standbyWei: bigint; costWei: bigint } {
  const prices = pricesOf(pricing, work);
  const { costWei } = prices;
  let { priceWei } = prices;
  if (pricing.strategy === 'adaptive') {
    priceWei = request.pricing === 'first' ? adaptivePriceWei(cleared, { costWei, priceWei, maxPriceWei }) : costWei;
  }
  const { standbyWei: fixedStandbyWei, busyPercent } = withOverrides(pricing, work);
  const damageWei = lateDamageWei(most(request.maxPriceWei, maxPriceWei), parameters);
  const standbyWei = fixedStandbyWei ?? standbyPriceWei(prices, { odds, busyPercent, damageWei });
  return { priceWei, standbyWei, costWei };
}

/** For how many more jobs the cap on bonds leaves room; null without a cap. */
function bondsLeft({ pricing, atRiskWei }: BidInput, bondWei: bigint): bigint | null {
  if (pricing.maxBondWei === null) return null;
  return bondWei === 0n ? null : most(0n, pricing.maxBondWei - atRiskWei) / bondWei;
}

function bondAtRisk({ pricing, atRiskWei }: BidInput, bondWei: bigint): Skip {
  const { maxBondWei } = pricing;
  const figures = { atRiskWei: String(atRiskWei), bondWei: String(bondWei), maxBondWei: String(maxBondWei) };
  const detail = `${atRiskWei} wei are at risk already, a job may take ${bondWei}, at most ${maxBondWei} may be`;
  return skip('bondAtRisk', figures, detail);
}

function tooLittleTime(input: RoundInput, promisedMs: number): Skip {
  const { committedMs, round } = input;
  const figures = { promisedMs, committedMs, leftMs: Math.max(0, dueMs(input) - startMs(input)) };
  const detail = `${promisedMs} ms a job, behind ${committedMs} ms that are promised, do not fit before ${round.deadlineMs}`;
  return skip('tooLittleTime', figures, detail);
}

/**
 * How many jobs of the round fit before its deadline behind all that the prover holds, of either kind: a standby duty
 * may be called, so it takes its time too. The same arithmetic as the market's, from the end of the window, or of
 * the time to open bids.
 */
function jobsInTime(input: RoundInput, promisedMs: number): number {
  const { round, slots, committedMs } = input;
  const queueMs = (dueMs(input) - startMs(input) - promisedMs) * slots - committedMs;
  if (queueMs < 0) return 0;
  return Math.min(round.jobIds.length, 10_000, Math.floor(queueMs / promisedMs) + 1);
}

function startMs({ round, parameters }: RoundInput): number {
  return round.closesAtMs + (round.sealing === 'commitReveal' ? parameters.bidRevealMs : 0);
}

function dueMs({ round, parameters }: RoundInput): number {
  return round.deadlineMs - parameters.deliveryMarginMs;
}
