import { bondMaxWei } from '#protocol/bonds.js';
import type { Bid } from '#protocol/messages.js';
import type { Parameters } from '#protocol/parameters.js';
import type { Address, Hex } from '#protocol/units.js';
import type { RoundView } from '#protocol/views.js';

/** A bid outlives its round's window by this, in milliseconds: downtime of the coordinator may put the closing off. */
export const EXPIRY_MS = 60_000;

/** Why an agent does not bid for a round. */
export type SkipCode = 'circuitUnknown' | 'proofsFail' | 'roundClosed' | 'tooLittleTime' | 'aboveMaxPrice' | 'noBond';

/** What a prover asks for: a fixed price, or one by promised time; amounts in wei. */
export interface Pricing {
  pricePerSecondWei: bigint;
  priceWei: bigint | null;
  standbyWei: bigint | null;
}

/** The open round, as the feed or the list of rounds tells it. */
export type OpenRound = Pick<
  RoundView,
  'roundId' | 'circuitId' | 'jobIds' | 'parametersVersion' | 'sealing' | 'maxPriceWei' | 'deadlineMs' | 'closesAtMs'
>;

export interface BidInput {
  round: OpenRound;
  prover: Address;
  pricing: Pricing;
  /** Promised p95 of one zkProof on this machine, in milliseconds; null for a circuit it cannot prove. */
  promisedMs: number | null;
  /** The newest zkProofs of the circuit failed on this machine: every job won would cost a bond. */
  proofsFail?: boolean;
  /** zkProofs at once. */
  slots: number;
  /** Sum of the promised times of all jobs held, running or standing by, in milliseconds. */
  committedMs: number;
  /** Money that can be locked as bonds. */
  freeWei: bigint;
  /** Those that the round keeps to. */
  parameters: Pick<Parameters, 'deliveryMarginMs' | 'lateDamageBps' | 'bidRevealMs'>;
  /** The coordinator's clock. */
  nowMs: number;
  salt: Hex;
}

/** A bid to sign, or why there is none; the detail is for people. */
export type BidDecision = { ok: true; bid: Bid } | { ok: false; code: SkipCode; detail: string };

/**
 * Decides whether to bid for a round, at what prices and for how many jobs. Pure. In the default pricing nobody's own
 * bid sets its own pay, so the bid is simply what the work is worth to this prover.
 */
export function decideBid(input: BidInput): BidDecision {
  const { round, promisedMs, nowMs } = input;
  if (promisedMs === null) return skip('circuitUnknown', `no prover for circuit ${round.circuitId}`);
  if (input.proofsFail) return skip('proofsFail', `the newest zkProofs of circuit ${round.circuitId} failed here`);
  if (nowMs >= round.closesAtMs) return skip('roundClosed', `it closed at ${round.closesAtMs}`);
  const maxJobs = jobsInTime(input, promisedMs);
  if (maxJobs < 1) return skip('tooLittleTime', `${promisedMs} ms a job do not fit before ${round.deadlineMs}`);
  const maxPriceWei = BigInt(round.maxPriceWei);
  const { priceWei, standbyWei } = pricesOf(input.pricing, promisedMs);
  if (priceWei > maxPriceWei) return skip('aboveMaxPrice', `asks ${priceWei} wei, the round pays ${maxPriceWei}`);
  const bondWei = bondMaxWei(maxPriceWei, input.parameters);
  if (input.freeWei < bondWei) return skip('noBond', `has ${input.freeWei} wei free, a bond may take ${bondWei}`);
  const bid: Bid = {
    roundId: round.roundId,
    prover: input.prover,
    priceWei: priceWei.toString(),
    standbyWei: (standbyWei < maxPriceWei ? standbyWei : maxPriceWei).toString(),
    maxJobs,
    maxConcurrent: input.slots,
    provingMsP95: promisedMs,
    expiresAtMs: round.closesAtMs + EXPIRY_MS,
    salt: input.salt,
  };
  return { ok: true, bid };
}

function skip(code: SkipCode, detail: string): BidDecision {
  return { ok: false, code, detail };
}

/** The two prices of a bid, in wei; a price by time is rounded up. */
export function pricesOf(pricing: Pricing, promisedMs: number): { priceWei: bigint; standbyWei: bigint } {
  const priceWei = pricing.priceWei ?? (pricing.pricePerSecondWei * BigInt(promisedMs) + 999n) / 1_000n;
  return { priceWei, standbyWei: pricing.standbyWei ?? priceWei / 20n };
}

/**
 * How many jobs of the round fit before its deadline behind all that the prover holds, of either kind: a standby duty
 * may be called, so it takes its time too. The same arithmetic as the market's, from the end of the window, or of
 * the time to open bids.
 */
function jobsInTime({ round, slots, committedMs, parameters }: BidInput, promisedMs: number): number {
  const startMs = round.closesAtMs + (round.sealing === 'commitReveal' ? parameters.bidRevealMs : 0);
  const spareMs = round.deadlineMs - parameters.deliveryMarginMs - startMs - promisedMs;
  const queueMs = spareMs * slots - committedMs;
  if (queueMs < 0) return 0;
  return Math.min(round.jobIds.length, 10_000, Math.floor(queueMs / promisedMs) + 1);
}
