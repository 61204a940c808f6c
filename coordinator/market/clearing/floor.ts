/**
 * The table at which a round is cleared job by job: the seats as they stand, and the best option of each as primary.
 * Winning only ever makes a seat dearer or unable, so an offer made earlier is a bound on what it can offer now, and
 * only the offers at the top of a heap are made again.
 */
import { BackupRanks } from './backupRanks.js';
import { alone, compareOptions, type Option } from './option.js';
import { type Profile, profileOf, type Seat } from './seat.js';
import { type Terms, UNMET } from './terms.js';

export class Floor {
  readonly terms: Terms;
  readonly seats: readonly Seat[];
  ranks: BackupRanks;
  /** Jobs of this round that each owner is primary of. */
  readonly #primaries = new Map<number, number>();

  /** @param seats - already seated by `seatAll` under the same terms */
  constructor(seats: readonly Seat[], terms: Terms) {
    this.seats = seats;
    this.terms = terms;
    this.ranks = new BackupRanks(seats, terms);
  }

  /** Bits of what an option with this seat as primary leaves unmet by the owner's share. */
  shareUnmet(seat: Seat): number {
    return this.primariesOf(seat) >= this.terms.ownerCap ? UNMET.ownerShare : 0;
  }

  /** Jobs of this round that the owner of a seat is primary of. */
  primariesOf({ owner }: Seat): number {
    return this.#primaries.get(owner) ?? 0;
  }

  /** The best option with `seat` as primary, without the owner `without` as backup; null when it can sell nothing. */
  offer(seat: Seat, without = -1): Option | null {
    const { profile } = seat;
    if (!profile.canPrimary) return null;
    const unmet = this.shareUnmet(seat);
    const single = alone(profile, unmet, this.terms);
    return this.terms.backup === 'none' ? single : this.ranks.best(profile, unmet, single, without);
  }

  /** Whether nothing that an offer was made of has changed since. */
  isFresh({ primary, backup, unmet }: Option): boolean {
    if (primary.seat.profile !== primary || (backup && backup.seat.profile !== backup)) return false;
    return (unmet & UNMET.ownerShare) === this.shareUnmet(primary.seat);
  }

  /** Books what an option takes from its seats. */
  take({ primary, backup }: Option): void {
    const { seat } = primary;
    this.#primaries.set(seat.owner, this.primariesOf(seat) + 1);
    this.put(seat, 1, 0);
    if (backup) this.put(backup.seat, 0, 1);
  }

  /** The reverse of {@link take}. Costs may fall by it: the ranks must be frozen at no more load than is left. */
  release({ primary, backup }: Option): void {
    const { seat } = primary;
    this.#primaries.set(seat.owner, this.primariesOf(seat) - 1);
    this.put(seat, -1, 0);
    if (backup) this.put(backup.seat, 0, -1);
  }

  /** Gives a seat more jobs, or takes some off again by negative numbers. @returns its profile before */
  put(seat: Seat, primaries: number, standbys: number): Profile {
    const before = seat.profile;
    seat.profile = profileOf(seat, before.primaries + primaries, before.standbys + standbys, this.terms);
    return before;
  }
}

/**
 * Sells jobs one by one, the best option first, until `jobCount` are sold or nothing can be.
 * @returns the options taken, in that order
 */
export function sellGreedily(floor: Floor, jobCount: number): Option[] {
  const heap = new OfferHeap(floor.terms);
  for (const seat of floor.seats) {
    const offer = floor.offer(seat);
    if (offer) heap.push(offer);
  }
  const sold: Option[] = [];
  while (sold.length < jobCount) {
    const top = heap.top();
    if (!top) break;
    if (floor.isFresh(top)) {
      floor.take(top);
      sold.push(top);
    }
    heap.replaceTop(floor.offer(top.primary.seat));
  }
  return sold;
}

/** A binary heap of offers, the preferred one on top. */
class OfferHeap {
  readonly #terms: Terms;
  readonly #offers: Option[] = [];

  constructor(terms: Terms) {
    this.#terms = terms;
  }

  top(): Option | undefined {
    return this.#offers[0];
  }

  push(offer: Option): void {
    const offers = this.#offers;
    let at = offers.push(offer) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (compareOptions(offers[parent]!, offer, this.#terms) <= 0) break;
      offers[at] = offers[parent]!;
      at = parent;
    }
    offers[at] = offer;
  }

  /** Puts another offer in the place of the top, or none. */
  replaceTop(offer: Option | null): void {
    const offers = this.#offers;
    const next = offer ?? offers.pop();
    if (!next || offers.length === 0) return;
    this.#sink(next);
  }

  #sink(offer: Option): void {
    const offers = this.#offers;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= offers.length) break;
      if (child + 1 < offers.length && compareOptions(offers[child + 1]!, offers[child]!, this.#terms) < 0) child += 1;
      if (compareOptions(offers[child]!, offer, this.#terms) >= 0) break;
      offers[at] = offers[child]!;
      at = child;
    }
    offers[at] = offer;
  }
}
