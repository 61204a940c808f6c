/** How a round is sold: small ones at the least cost of all, larger ones the best option first. */
import type { BlockRequest } from '#protocol/messages.js';
import { type CostOfAbsence, repairedAbsence } from './absence.js';
import { costOfSale, EXACT_JOBS_MAX, EXACT_SEATS_MAX, type Sale, sellExactly } from './exactRound.js';
import { Floor, sellGreedily } from './floor.js';
import { improve } from './improve.js';
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
  const { sold, isExact, cost } = saleOf(seats, jobCount, terms);
  seatAll(seats, terms);
  const floor = new Floor(seats, terms);
  for (const option of sold) floor.take(option);
  if (pricing === 'first') return { floor, sold, absence: null };
  return { floor, sold, absence: isExact ? clearedAgain(seats, jobCount, terms, cost) : repairedAbsence(floor, sold) };
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

/** Sells the jobs of a round to seats that `seatAll` has seated; leaves the seats anyhow. */
function saleOf(seats: readonly Seat[], jobCount: number, terms: Terms): Sale & { isExact: boolean } {
  const usable = seats.filter(({ profile }) => profile.canPrimary || profile.canStandby);
  if (isSmall(usable, jobCount, terms)) return { ...sellExactly(usable, jobCount, terms), isExact: true };
  const sold = sellJobByJob(usable, jobCount, terms);
  // The best option for a single job is the cheapest round.
  return { sold, cost: costOfSale(sold, jobCount, terms), isExact: jobCount === 1 };
}

/** The way of larger rounds: the best option first, then improved; the fastest are left as they are. */
export function sellJobByJob(seats: readonly Seat[], jobCount: number, terms: Terms): Option[] {
  const sold = sellGreedily(new Floor(seats, terms), jobCount);
  return terms.award === 'cheapest' ? improve(seats, sold, jobCount, terms) : sold;
}

/** True for rounds whose cheapest clearing is found by looking at all. The fastest are found job by job anyway. */
function isSmall(usable: readonly Seat[], jobCount: number, { award }: Terms): boolean {
  return award === 'cheapest' && jobCount <= EXACT_JOBS_MAX && usable.length <= EXACT_SEATS_MAX;
}
