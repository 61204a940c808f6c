/**
 * The cheapest way to clear a small round, exactly: over all sequences of options, the least sum of costs. What an
 * option costs depends on what its seats have won before, so a state is the counts that all seats have won; states are
 * searched layer by layer, one job each, and those that cannot come out under what is known already are left out.
 */
import { alone, bestPair, compareOptions, exactCost, type Option } from './option.js';
import { type Profile, profileOf, type Seat } from './seat.js';
import { type Terms, UNMET } from './terms.js';

/** Rounds of so many jobs and so many bids that could win are cleared exactly. */
export const EXACT_JOBS_MAX = 4;
export const EXACT_SEATS_MAX = 6;

/** A round cleared: what is sold, in order, and the sum of the costs of all its jobs, times 10^12. */
export interface Sale {
  sold: Option[];
  cost: bigint;
}

/** A way to give out the first jobs. */
interface Path {
  profiles: Profile[];
  cost: bigint;
  sold: Option[];
}

/**
 * Clears a round of seats that `seatAll` has seated. Leaves their profiles as they are.
 * @param knownCost - what some way to clear it costs, times 10^12: the lower, the less there is to look at
 */
export function sellExactly(seats: readonly Seat[], jobCount: number, terms: Terms, knownCost?: bigint): Sale {
  return new ExactRound(seats, jobCount, terms).best(knownCost);
}

class ExactRound {
  readonly #terms: Terms;
  readonly #jobCount: number;
  readonly #seats: readonly Seat[];
  readonly #start: Profile[];
  /** Profiles and options that have been worked out, by seat and counts. */
  readonly #profiles = new Map<number, Profile>();
  readonly #options = new Map<number, Option | null>();
  readonly #bounds = new Map<number, bigint>();

  constructor(seats: readonly Seat[], jobCount: number, terms: Terms) {
    this.#terms = terms;
    this.#jobCount = jobCount;
    this.#seats = seats;
    this.#start = seats.map((_, at) => this.#profile(at, 0, 0));
  }

  best(knownCost: bigint | undefined): Sale {
    const { nobody } = this.#terms;
    let layer: Path[] = [{ profiles: this.#start, cost: 0n, sold: [] }];
    let best: Path | null = null;
    let bestCost = knownCost ?? this.#greedyCost();
    for (let left = this.#jobCount; left >= 0; left -= 1) {
      for (const path of layer) {
        const cost = path.cost + BigInt(left) * nobody;
        if (cost > bestCost || (best && cost === bestCost && !this.#isBefore(path, best))) continue;
        best = path;
        bestCost = cost;
      }
      if (left > 0) layer = this.#nextLayer(layer, left, bestCost);
    }
    return { sold: best?.sold ?? [], cost: bestCost };
  }

  /** All states one job further that may still come out at `limit` or less; of ways to one state the best. */
  #nextLayer(layer: Path[], left: number, limit: bigint): Path[] {
    const next = new Map<string, Path>();
    for (const path of layer) {
      for (const [option, primaryAt, backupAt] of this.#optionsOf(path)) {
        const cost = path.cost + exactCost(option, this.#terms);
        const profiles = this.#after(path.profiles, primaryAt, backupAt);
        if (cost + this.#restBound(profiles, left - 1) > limit) continue;
        const key = keyOf(profiles);
        const known = next.get(key);
        const reached: Path = { profiles, cost, sold: [...path.sold, option] };
        if (!known || cost < known.cost || (cost === known.cost && this.#isBefore(reached, known))) {
          next.set(key, reached);
        }
      }
    }
    return [...next.values()];
  }

  /** Every option for the next job with the places of its seats. */
  *#optionsOf({ profiles, sold }: Path): Generator<[Option, number, number]> {
    const { backup, ownerCap } = this.#terms;
    for (let i = 0; i < profiles.length; i += 1) {
      const primary = profiles[i]!;
      if (!primary.canPrimary) continue;
      const owned = sold.reduce((sum, one) => sum + (one.primary.seat.owner === primary.seat.owner ? 1 : 0), 0);
      const unmet = owned >= ownerCap ? UNMET.ownerShare : 0;
      const single = this.#option(i, primary, -1, null, unmet);
      if (single) yield [single, i, -1];
      if (backup === 'none') continue;
      for (let j = 0; j < profiles.length; j += 1) {
        const pair = profiles[j]!.canStandby ? this.#option(i, primary, j, profiles[j]!, unmet) : null;
        if (pair) yield [pair, i, j];
      }
    }
  }

  #option(i: number, primary: Profile, j: number, backup: Profile | null, unmet: number): Option | null {
    const key = (this.#placeOf(i, primary) * 10_000 + (backup ? this.#placeOf(j, backup) + 1 : 0)) * 16 + unmet;
    let option = this.#options.get(key);
    if (option === undefined) {
      option = backup ? bestPair(primary, backup, unmet, this.#terms) : alone(primary, unmet, this.#terms);
      this.#options.set(key, option);
    }
    return option;
  }

  #after(profiles: readonly Profile[], primaryAt: number, backupAt: number): Profile[] {
    const next = [...profiles];
    const primary = profiles[primaryAt]!;
    next[primaryAt] = this.#profile(primaryAt, primary.primaries + 1, primary.standbys);
    if (backupAt >= 0) {
      const backup = profiles[backupAt]!;
      next[backupAt] = this.#profile(backupAt, backup.primaries, backup.standbys + 1);
    }
    return next;
  }

  #profile(at: number, primaries: number, standbys: number): Profile {
    const place = (at * (this.#jobCount + 1) + primaries) * (this.#jobCount + 1) + standbys;
    let profile = this.#profiles.get(place);
    if (!profile) {
      profile = profileOf(this.#seats[at]!, primaries, standbys, this.#terms);
      this.#profiles.set(place, profile);
    }
    return profile;
  }

  #placeOf(at: number, { primaries, standbys }: Profile): number {
    return (at * (this.#jobCount + 1) + primaries) * (this.#jobCount + 1) + standbys;
  }

  /** The least that `left` more jobs can cost: each primary queued behind itself only, behind it the freshest backup. */
  #restBound(profiles: readonly Profile[], left: number): bigint {
    const { nobody } = this.#terms;
    const ahead = profiles.map(() => 0);
    let sum = 0n;
    for (let count = 0; count < left; count += 1) {
      let least = nobody;
      let leastAt = -1;
      for (let at = 0; at < profiles.length; at += 1) {
        const { primaries, standbys } = profiles[at]!;
        const bound = this.#boundOf(at, primaries + ahead[at]!, standbys);
        if (bound < least) [least, leastAt] = [bound, at];
      }
      if (leastAt < 0) return sum + BigInt(left - count) * nobody;
      ahead[leastAt]! += 1;
      sum += least;
    }
    return sum;
  }

  /** Least cost of one more job with this primary, whatever the others have won. */
  #boundOf(at: number, primaries: number, standbys: number): bigint {
    const place = (at * (this.#jobCount + 1) + primaries) * (this.#jobCount + 1) + standbys;
    const known = this.#bounds.get(place);
    if (known !== undefined) return known;
    const primary = this.#profile(at, primaries, standbys);
    let bound = this.#terms.nobody;
    if (primary.canPrimary) {
      for (const option of this.#freshOptions(at, primary)) {
        const cost = exactCost(option, this.#terms);
        if (cost < bound) bound = cost;
      }
    }
    this.#bounds.set(place, bound);
    return bound;
  }

  *#freshOptions(at: number, primary: Profile): Generator<Option> {
    const single = this.#option(at, primary, -1, null, 0);
    if (single) yield single;
    if (this.#terms.backup === 'none') return;
    for (let j = 0; j < this.#start.length; j += 1) {
      const pair = this.#start[j]!.canStandby ? this.#option(at, primary, j, this.#start[j]!, 0) : null;
      if (pair) yield pair;
    }
  }

  /** What the round costs when the best option is taken for each job in turn: at least the least cost. */
  #greedyCost(): bigint {
    const { nobody } = this.#terms;
    let path: Path = { profiles: this.#start, cost: 0n, sold: [] };
    for (let left = this.#jobCount; left > 0; left -= 1) {
      let best: [Option, number, number] | null = null;
      for (const one of this.#optionsOf(path)) {
        if (!best || compareOptions(one[0], best[0], this.#terms) < 0) best = one;
      }
      if (!best) return path.cost + BigInt(left) * nobody;
      const [option, primaryAt, backupAt] = best;
      const cost = path.cost + exactCost(option, this.#terms);
      path = { profiles: this.#after(path.profiles, primaryAt, backupAt), cost, sold: [...path.sold, option] };
    }
    return path.cost;
  }

  /** The order of equally dear paths: by their options, one after the other. */
  #isBefore(path: Path, other: Path): boolean {
    for (let at = 0; at < path.sold.length; at += 1) {
      const next = other.sold[at];
      if (!next) return true;
      const order = compareOptions(path.sold[at]!, next, this.#terms);
      if (order !== 0) return order < 0;
    }
    return false;
  }
}

function keyOf(profiles: readonly Profile[]): string {
  let key = '';
  for (const { primaries, standbys } of profiles) key += String.fromCharCode(primaries, standbys);
  return key;
}

/** The cost of a sale times 10^12, all of its jobs counted. */
export function costOfSale(sold: readonly Option[], jobCount: number, terms: Terms): bigint {
  return sold.reduce((sum, one) => sum + exactCost(one, terms), 0n) + BigInt(jobCount - sold.length) * terms.nobody;
}
