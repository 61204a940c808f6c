/**
 * Finds the best backup behind a primary without looking at all of them. Behind a primary that misses with chance q, a
 * backup costs at least s + q (b + r L), r being its least chance of a miss as things stand. Chances are put in classes;
 * each class ranks the backups by that bound, and a search ends where the bound passes the best cost found. Costs only
 * rise while jobs are given out: a seat that has won is moved down its rank when a search meets it.
 */
import { compareOptions, limitOf, type Option, pairAt } from './option.js';
import { missWithin, type Profile, type Seat } from './seat.js';
import { PPM, type Terms } from './terms.js';

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

/** A seat in a rank: its bound, in wei and nearly, and the profile that it was worked out for. */
interface Place {
  seat: Seat;
  profile: Profile;
  bound: number;
}

export class BackupRanks {
  readonly #terms: Terms;
  readonly #start: readonly { seat: Seat; profile: Profile }[];
  readonly #isFrozen: boolean;
  /** By class, in rising order of bounds. */
  readonly #ranks: (Place[] | undefined)[] = new Array(CLASSES.length);

  /**
   * @param isFrozen - whether load that is put on seats may be taken off again, down to what they have now: then the
   *   bounds stay as they are now
   */
  constructor(seats: readonly Seat[], terms: Terms, isFrozen = false) {
    this.#terms = terms;
    this.#start = seats.filter(({ profile }) => profile.canStandby).map((seat) => ({ seat, profile: seat.profile }));
    this.#isFrozen = isFrozen;
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
    const index = classOf(seat.candidate.missPpm[level]!);
    const rank = this.#rankOf(index);
    let found = best;
    let limit = limitOf(found);
    for (let at = 0; at < rank.length; at += 1) {
      const place = rank[at]!;
      if (seat.price + place.bound > limit) break;
      const other = place.seat;
      if (place.profile !== other.profile && !this.#isFrozen) {
        this.#settle(rank, at, CLASSES[index]!);
        at -= 1;
        continue;
      }
      if (!other.profile.canStandby || other.owner === seat.owner || other.owner === without) continue;
      const option = pairAt(primary, level, other.profile, unmet, terms, limit);
      if (!option || (found && compareOptions(option, found, terms) >= 0)) continue;
      found = option;
      limit = limitOf(found);
    }
    return found;
  }

  /** Moves a seat that has won since to where it belongs now, or out of the rank. */
  #settle(rank: Place[], at: number, q: number): void {
    const { seat } = rank[at]!;
    if (!seat.profile.canStandby) {
      rank.splice(at, 1);
      return;
    }
    const moved = { seat, profile: seat.profile, bound: this.#boundOf(seat, seat.profile, q) };
    let to = at;
    for (; to + 1 < rank.length && rank[to + 1]!.bound < moved.bound; to += 1) rank[to] = rank[to + 1]!;
    rank[to] = moved;
  }

  #rankOf(index: number): Place[] {
    let rank = this.#ranks[index];
    if (!rank) {
      const q = CLASSES[index]!;
      rank = this.#start.map(({ seat, profile }) => ({ seat, profile, bound: this.#boundOf(seat, profile, q) }));
      rank.sort((a, b) => a.bound - b.bound);
      this.#ranks[index] = rank;
    }
    return rank;
  }

  /** Least cost of a seat behind any primary that misses with chance `q` or more. */
  #boundOf({ candidate, price, standby }: Seat, profile: Profile, q: number): number {
    const { nowMs, marginMs, dueMs, loss, missLimit, charge } = this.#terms;
    const soonestMs = Math.max(nowMs + marginMs, profile.freeFromMs);
    const r = missWithin(candidate.missPpm, profile.spansMs, dueMs - soonestMs);
    const bound = standby + (q / PPM) * (price + (r / PPM) * loss);
    return q * r > missLimit ? bound + charge * (1 + (q * r) / (PPM * PPM)) : bound;
  }
}
