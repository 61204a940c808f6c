/**
 * What a round would have cost without an owner: the basis of its prices. In small rounds and in rounds of one job this
 * is the round cleared again without it; in larger ones its seats are filled again, one by one, at the least cost with
 * everybody else's in place.
 */
import type { Floor } from './floor.js';
import { alone, compareOptions, exactCost, type Option, pairAt } from './option.js';
import type { Profile, Seat } from './seat.js';
import { NEAR, type Terms, UNMET } from './terms.js';

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

class Repair {
  readonly #floor: Floor;
  readonly #byPrice: Seat[];

  constructor(floor: Floor) {
    this.#floor = floor;
    this.#byPrice = floor.seats.filter(({ profile }) => profile.canPrimary).sort((a, b) => a.price - b.price);
    floor.ranks.isFrozen = true;
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
    for (const seat of this.#byPrice) {
      if (best && seat.price > best.cost * (1 + NEAR)) break;
      const { profile } = seat;
      if (!profile.canPrimary || seat.owner === owner) continue;
      const unmet = this.#floor.shareUnmet(seat);
      best = better(best, alone(profile, unmet, terms), terms);
      if (!backup || backup.seat.owner === seat.owner) continue;
      for (let level = 0; level < profile.startsMs.length; level += 1) {
        const limit = best ? best.cost * (1 + NEAR) : Number.POSITIVE_INFINITY;
        best = better(best, pairAt(profile, level, backup, unmet, terms, limit), terms);
      }
    }
    return best;
  }

  /** The best option with the job's primary and another backup, or none. */
  #otherBackup({ primary, unmet }: Option, owner: number): Option | null {
    const { terms, ranks } = this.#floor;
    const share = unmet & UNMET.ownerShare;
    return ranks.best(primary, share, alone(primary, share, terms), owner);
  }
}

function better(best: Option | null, next: Option | null, terms: Terms): Option | null {
  return next && (!best || compareOptions(next, best, terms) < 0) ? next : best;
}
