/** The terms of a block request that a requester need not think about, and its escalation schedule. */
import type { BlockRequest } from './messages.js';

/** Everything of a block request that is a choice. */
export type BlockTerms = Omit<BlockRequest, 'requester' | 'nonce' | 'circuitId' | 'blockHash'>;

/** What must be chosen, beside anything else that may be. Prices in wei per job, times in milliseconds. */
export interface TermsChoice
  extends Partial<Omit<BlockTerms, 'bidWindowsMs' | 'roundPricesWei' | 'maxPriceWei' | 'missCostWei'>> {
  deadlineMs: number;
  /** Window of the first round. */
  bidWindowMs: number;
  maxPriceWei: bigint;
  /** The most that the first round pays; the max price unless given. */
  startPriceWei?: bigint;
  /** The max price unless given. */
  missCostWei?: bigint;
  rounds?: number;
}

/** Rounds of a schedule that nobody has chosen. */
export const DEFAULT_ROUNDS = 3;

/**
 * Completes a requester's terms by the defaults: cover as the market finds it worth, Vickrey prices, sealed bids with
 * receipts, pool open, and {@link scheduleOf}.
 */
export function blockTerms(choice: TermsChoice): BlockTerms {
  const { bidWindowMs, maxPriceWei, startPriceWei = maxPriceWei, missCostWei = maxPriceWei, rounds, ...rest } = choice;
  return {
    label: 'block',
    backup: 'market',
    minSuccessPpm: 0,
    maxOwnerShareBps: 10_000,
    allowedOwners: [],
    award: 'cheapest',
    pricing: 'vickrey',
    sealing: 'receipt',
    pool: 'open',
    ...rest,
    ...scheduleOf(bidWindowMs, startPriceWei, maxPriceWei, rounds ?? DEFAULT_ROUNDS),
    maxPriceWei: maxPriceWei.toString(),
    missCostWei: missCostWei.toString(),
  };
}

/** A schedule of `rounds` rounds: each window twice as long as the one before, prices rising evenly to the max price. */
export function scheduleOf(
  bidWindowMs: number,
  startPriceWei: bigint,
  maxPriceWei: bigint,
  rounds: number,
): Pick<BlockRequest, 'bidWindowsMs' | 'roundPricesWei'> {
  const steps = Array.from({ length: rounds }, (_, step) => step);
  const risenWei = (step: number) => ((maxPriceWei - startPriceWei) * BigInt(step)) / BigInt(Math.max(1, rounds - 1));
  return {
    bidWindowsMs: steps.map((step) => bidWindowMs * 2 ** step),
    roundPricesWei: steps.map((step) =>
      (step === rounds - 1 ? maxPriceWei : startPriceWei + risenWei(step)).toString(),
    ),
  };
}
