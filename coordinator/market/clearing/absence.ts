/**
 * What a round would have cost without an owner: the basis of its prices. In small rounds and in rounds of one job this
 * is the round cleared again without it; in larger ones its seats are filled again, one by one, at the least cost with
 * everybody else's in place.
 */
import { BackupRanks } from './backupRanks.js';
import type { Floor } from './floor.js';
import { alone, better, exactCost, limitOf, missByDeadline, type Option, pairAt } from './option.js';
import { missWithin, type Profile, type Seat } from './seat.js';
import { PPM, UNMET } from './terms.js';

/** By how much the round would have cost more without an owner, times 10^12; negative when it would have cost less. */
export type CostOfAbsence = (owner: number) => bigint;

/** For a larger round that was sold from `floor`, which must stand as it stood after the sale. */
export function repairedAbsence(floor: Floor, sold: readonly Option[]): CostOfAbsence {
  const held = new Map<number, Option[]>();
  for (const option of sold) {
    for (const side of option.backup ? [option.primary, option.backup] : [option.primary]) {
      const list = held.get(side.seat.owner);
      if (list) list.push(option);
      else held.set(side.seat.owner, [option]);
    }
  }
  const repair = new Repair(floor);
  return (owner) => repair.costWithout(owner, held.get(owner) ?? []);
}

/** A seat that could be primary, with a bound on what a job with it costs, in wei and nearly. */
interface Place {
  seat: Seat;
  bound: number;
}

/** Ratio of one class of cover costs to the next: see {@link Repair}. */
const CLASS_RATIO = 1.2;

/**
 * Fills seats again. A job whose backup costs y when it is called (its price, and the loss if it misses too) costs with
 * another primary at least b + q y, q being the primary's chance to miss the deadline. Cover costs are put in classes,
 * and each class ranks the primaries by that bound once; a search ends where the bound passes the best cost found.
 */
class Repair {
  readonly #floor: Floor;
  readonly #seats: Seat[];
  readonly #missPpm: ReadonlyMap<Seat, number>;
  readonly #alone: Place[];
  readonly #ranks = new Map<number, Place[]>();

  constructor(floor: Floor) {
    const { terms } = floor;
    this.#floor = floor;
    this.#seats = floor.seats.filter(({ profile }) => profile.canPrimary);
    this.#missPpm = new Map(this.#seats.map((seat) => [seat, missByDeadline(seat.profile, terms)]));
    this.#alone = this.#rank((seat) => alone(seat.profile, floor.shareUnmet(seat), terms)?.cost ?? null);
    floor.ranks = new BackupRanks(floor.seats, terms, true);
  }

  costWithout(owner: number, jobs: readonly Option[]): bigint {
    const { terms } = this.#floor;
    const moved: { seat: Seat; profile: Profile }[] = [];
    let dearer = 0n;
    for (const job of jobs) {
      const isPrimary = job.primary.seat.owner === owner;
      const instead = isPrimary ? this.#otherPrimary(job, owner) : this.#otherBackup(job, owner);
      dearer += (instead ? exactCost(instead, terms) : terms.nobody) - exactCost(job, terms);
      const side = isPrimary ? instead?.primary : instead?.backup;
      if (side)
        moved.push({ seat: side.seat, profile: this.#floor.put(side.seat, isPrimary ? 1 : 0, isPrimary ? 0 : 1) });
    }
    for (const { seat, profile } of moved.reverse()) seat.profile = profile;
    return dearer;
  }

  /** The best option with another primary, the job's backup kept or let go. */
  #otherPrimary({ backup }: Option, owner: number): Option | null {
    const { terms } = this.#floor;
    let best: Option | null = null;
    for (const { seat, bound } of this.#alone) {
      if (bound > limitOf(best)) break;
      if (!seat.profile.canPrimary || seat.owner === owner) continue;
      best = better(best, alone(seat.profile, this.#floor.shareUnmet(seat), terms), terms);
    }
    return backup ? this.#otherBehind(backup, owner, best) : best;
  }

  #otherBehind(backup: Profile, owner: number, alone: Option | null): Option | null {
    const { terms } = this.#floor;
    const { seat: other } = backup;
    let best = alone;
    for (const { seat, bound } of this.#rankFor(backup)) {
      if (bound + other.standby > limitOf(best)) break;
      const { profile } = seat;
      if (!profile.canPrimary || seat.owner === owner || seat.owner === other.owner) continue;
      const unmet = this.#floor.shareUnmet(seat);
      for (let level = 0; level < profile.startsMs.length; level += 1) {
        best = better(best, pairAt(profile, level, backup, unmet, terms, limitOf(best)), terms);
      }
    }
    return best;
  }

  /** The primaries in the order of the least that a job with this backup costs with them, but for its standby price. */
  #rankFor({ seat: { candidate, price }, spansMs }: Profile): Place[] {
    const { terms } = this.#floor;
    const r = missWithin(candidate.missPpm, spansMs, terms.dueMs - terms.nowMs - terms.marginMs);
    const coverCost = price + (r / PPM) * terms.loss;
    const index = coverCost > 1 ? Math.floor(Math.log(coverCost) / Math.log(CLASS_RATIO)) : -1;
    let rank = this.#ranks.get(index);
    if (!rank) {
      // A little lower than the class begins, in case that a rounding has put it too high.
      const least = index < 0 ? 0 : CLASS_RATIO ** index * (1 - 1e-6);
      rank = this.#rank((seat) => seat.price + (this.#missPpm.get(seat)! / PPM) * least);
      this.#ranks.set(index, rank);
    }
    return rank;
  }

  #rank(boundOf: (seat: Seat) => number | null): Place[] {
    const places = this.#seats.flatMap((seat) => {
      const bound = boundOf(seat);
      return bound === null ? [] : [{ seat, bound }];
    });
    return places.sort((a, b) => a.bound - b.bound);
  }

  /** The best option with the job's primary and another backup, or none. */
  #otherBackup({ primary, unmet }: Option, owner: number): Option | null {
    const { terms, ranks } = this.#floor;
    const share = unmet & UNMET.ownerShare;
    return ranks.best(primary, share, alone(primary, share, terms), owner);
  }
}
