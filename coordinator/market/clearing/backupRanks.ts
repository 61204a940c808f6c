/**
 * Finds the best backup behind a primary without looking at all of them. Behind a primary that misses with chance q, a
 * backup costs at least s + q (b + r L), r being its least chance of a miss as things stand. Chances are put in classes;
 * each class ranks the backups once by that bound, and a search ends where the bound passes the best cost found. Costs
 * only rise while jobs are given out, so a rank stays a bound; it is made anew when searches in it have become long.
 */
import { compareOptions, type Option, pairAt } from './option.js';
import { missWithin, type Profile, type Seat } from './seat.js';
import { NEAR, PPM, type Terms } from './terms.js';

/** A rank is made anew when its searches have looked at so many seats for each that it holds. */
const LOOKS_PER_SEAT = 8;

/** Lower bounds of the classes of chances, in parts per million, each a tenth above the last. */
const CLASSES = classBounds();

function classBounds(): number[] {
  const bounds = [0];
  for (let bound = 1; bound <= PPM; bound = Math.max(bound + 1, Math.floor(bound * 1.1))) bounds.push(bound);
  return bounds;
}

function classOf(q: number): number {
  let [low, high] = [0, CLASSES.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (CLASSES[middle]! <= q) low = middle;
    else high = middle - 1;
  }
  return low;
}

interface Rank {
  seats: Seat[];
  /** Least cost of each as a backup of this class, in wei, nearly; in rising order. */
  bounds: Float64Array;
  looks: number;
}

export class BackupRanks {
  readonly #terms: Terms;
  readonly #seats: readonly Seat[];
  readonly #ranks: (Rank | undefined)[] = new Array(CLASSES.length);
  /** Set while load is put on seats that is taken off again: a rank made then would be no bound later. */
  isFrozen = false;

  constructor(seats: readonly Seat[], terms: Terms) {
    this.#seats = seats;
    this.#terms = terms;
  }

  /** The best option of `primary` with any backup, if it is better than `best`; owners `without` stay away. */
  best(primary: Profile, unmet: number, best: Option | null, without = -1): Option | null {
    let found = best;
    for (let level = 0; level < primary.startsMs.length; level += 1) {
      if (primary.startsMs[level]! > this.#terms.dueMs) break;
      found = this.#bestAt(primary, level, unmet, found, without);
    }
    return found;
  }

  #bestAt(primary: Profile, level: number, unmet: number, best: Option | null, without: number): Option | null {
    const terms = this.#terms;
    const { seat } = primary;
    const rank = this.#rankOf(classOf(seat.candidate.missPpm[level]!));
    let found = best;
    let limit = limitOf(found);
    let at = 0;
    for (; at < rank.seats.length; at += 1) {
      if (seat.price + rank.bounds[at]! > limit) break;
      const other = rank.seats[at]!;
      if (!other.profile.canStandby || other.owner === seat.owner || other.owner === without) continue;
      const option = pairAt(primary, level, other.profile, unmet, terms, limit);
      if (!option || (found && compareOptions(option, found, terms) >= 0)) continue;
      found = option;
      limit = limitOf(found);
    }
    rank.looks += at;
    return found;
  }

  #rankOf(index: number): Rank {
    const known = this.#ranks[index];
    const isWorn = known && !this.isFrozen && known.looks > LOOKS_PER_SEAT * known.seats.length + LOOKS_PER_SEAT;
    if (known && !isWorn) return known;
    const fresh = this.#rank(CLASSES[index]!, known?.seats ?? this.#seats);
    this.#ranks[index] = fresh;
    return fresh;
  }

  #rank(q: number, seats: readonly Seat[]): Rank {
    const bounded = seats
      .filter(({ profile }) => profile.canStandby)
      .map((seat) => ({ seat, bound: this.#boundOf(seat, q) }));
    bounded.sort((a, b) => a.bound - b.bound);
    const bounds = Float64Array.from(bounded, ({ bound }) => bound);
    return { seats: bounded.map(({ seat }) => seat), bounds, looks: 0 };
  }

  /** Least cost of a seat behind any primary that misses with chance `q` or more. */
  #boundOf({ candidate, profile, price, standby }: Seat, q: number): number {
    const { nowMs, marginMs, dueMs, loss, missLimit, charge } = this.#terms;
    const soonestMs = Math.max(nowMs + marginMs, profile.freeFromMs);
    const r = missWithin(candidate.missPpm, profile.spansMs, dueMs - soonestMs);
    const bound = standby + (q / PPM) * (price + (r / PPM) * loss);
    return q * r > missLimit ? bound + charge * (1 + (q * r) / (PPM * PPM)) : bound;
  }
}

/** What a better option may cost at most, roundings allowed for. */
function limitOf(option: Option | null): number {
  return option ? option.cost * (1 + NEAR) : Number.POSITIVE_INFINITY;
}
