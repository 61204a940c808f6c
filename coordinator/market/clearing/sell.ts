/** How a round is sold: small ones at the least cost of all, larger ones the best option first. */
import type { BlockRequest } from '#protocol/messages.js';
import { type CostOfAbsence, repairedAbsence } from './absence.js';
import { costOfSale, EXACT_JOBS_MAX, EXACT_SEATS_MAX, type Sale, sellExactly } from './exactRound.js';
import { Floor, sellGreedily } from './floor.js';
import type { Option } from './option.js';
import { type Seat, seatAll } from './seat.js';
import type { Terms } from './terms.js';

export interface Sold {
  /** The table after the sale. */
  floor: Floor;
  sold: Option[];
  /** What each owner's absence would have cost; the floor must not be used after it was asked. Null when nobody asks. */
  absence: CostOfAbsence | null;
}

/** Sells the jobs of a round to seats that `seatAll` has seated. */
export function sell(seats: readonly Seat[], jobCount: number, terms: Terms, pricing: BlockRequest['pricing']): Sold {
  const floor = new Floor(seats, terms);
  const usable = usableOf(seats);
  const isExact = isSmall(usable, jobCount, terms);
  const sold = isExact ? sellExactly(usable, jobCount, terms).sold : sellGreedily(floor, jobCount);
  if (isExact) for (const option of sold) floor.take(option);
  if (pricing === 'first') return { floor, sold, absence: null };
  if (!isExact && jobCount > 1) return { floor, sold, absence: repairedAbsence(floor, sold) };
  return { floor, sold, absence: clearedAgain(seats, jobCount, terms, costOfSale(sold, jobCount, terms)) };
}

/** Clears the round again without an owner, as if it had never bid. */
function clearedAgain(seats: readonly Seat[], jobCount: number, terms: Terms, cost: bigint): CostOfAbsence {
  return (owner) => {
    const others = seats.filter((seat) => seat.owner !== owner);
    const without = { ...terms };
    seatAll(others, without);
    return saleOf(others, jobCount, without).cost - cost;
  };
}

function saleOf(seats: readonly Seat[], jobCount: number, terms: Terms): Sale {
  const usable = usableOf(seats);
  if (isSmall(usable, jobCount, terms)) return sellExactly(usable, jobCount, terms);
  const sold = sellGreedily(new Floor(usable, terms), jobCount);
  return { sold, cost: costOfSale(sold, jobCount, terms) };
}

function usableOf(seats: readonly Seat[]): Seat[] {
  return seats.filter(({ profile }) => profile.canPrimary || profile.canStandby);
}

/** True for rounds whose cheapest clearing is found by looking at all. The fastest are found job by job anyway. */
function isSmall(usable: readonly Seat[], jobCount: number, { award }: Terms): boolean {
  return award === 'cheapest' && jobCount <= EXACT_JOBS_MAX && usable.length <= EXACT_SEATS_MAX;
}
