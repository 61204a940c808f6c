/**
 * Improves a round that was sold job by job: any two jobs are sold anew among the seats of both, and single jobs among
 * all. Costs are those that the seats have in place of the jobs taken off, so they are never too low; in the end the
 * round is put together again in order.
 */
import { BackupRanks } from './backupRanks.js';
import { costOfSale } from './exactRound.js';
import { Floor } from './floor.js';
import { alone, bestPair, better, type Option } from './option.js';
import { type Profile, type Seat, seatAll } from './seat.js';
import type { Terms } from './terms.js';

/** Up to so many jobs, pairs of them are tried; so many pairs at most, all in all. */
const JOBS_MAX = 32;
const PAIRS_MAX = 400;
/** Single jobs are sold anew among all seats in rounds of so many jobs times seats at most. */
const REINSERT_MAX = 1_000;
/** How often a round is put together again and improved further. */
const ROUNDS_MAX = 6;
/** What is gained must be more than roundings, as a part of the cost. */
const LEAST_GAIN = 1e-9;

/**
 * Improves a sale where it can. Leaves the seats anyhow.
 * @returns the options in order; those given when nothing better was found
 */
export function improve(seats: readonly Seat[], sold: readonly Option[], jobCount: number, terms: Terms): Option[] {
  let best = [...sold];
  if (jobCount < 2 || sold.length === 0 || (sold.length === jobCount && jobCount > JOBS_MAX)) return best;
  let pairsLeft = PAIRS_MAX;
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const improvement = new Improvement(seats, best, jobCount, terms, pairsLeft);
    const found = improvement.run();
    pairsLeft = improvement.pairsLeft;
    if (!found) break;
    const again = inOrder(seats, found, terms);
    if (!again || costOfSale(again, jobCount, terms) >= costOfSale(best, jobCount, terms)) break;
    best = again;
  }
  return best;
}

class Improvement {
  readonly #floor: Floor;
  readonly #terms: Terms;
  /** Null for jobs that nobody has. */
  readonly #jobs: (Option | null)[];
  readonly #nobody: number;
  pairsLeft: number;
  #isChanged = false;

  constructor(seats: readonly Seat[], sold: readonly Option[], jobCount: number, terms: Terms, pairsLeft: number) {
    seatAll(seats, terms);
    this.pairsLeft = pairsLeft;
    this.#terms = terms;
    this.#floor = new Floor(seats, terms);
    this.#floor.ranks = new BackupRanks(seats, terms, true);
    for (const option of sold) this.#floor.take(option);
    this.#jobs = [...sold];
    for (let unsold = sold.length; unsold < jobCount; unsold += 1) this.#jobs.push(null);
    this.#nobody = Number(terms.nobody) / 1e12;
  }

  /** The jobs that are sold after all improvements; null when there are none. */
  run(): Option[] | null {
    this.#sellUnsold();
    let isBetter = this.#jobs.length <= JOBS_MAX;
    while (isBetter && this.pairsLeft > 0) {
      isBetter = this.#sweepSingles();
      isBetter = this.#sweepPairs() || isBetter;
    }
    return this.#isChanged ? this.#jobs.filter((option) => option !== null) : null;
  }

  /** Splits jobs with a backup in two where jobs have found no seat: each at most once. */
  #sellUnsold(): void {
    let next = 0;
    for (const [unsold, option] of this.#jobs.entries()) {
      if (option) continue;
      let isSold = false;
      for (; !isSold && next < unsold; next += 1) isSold = this.#tryPair(next, unsold);
      if (!isSold) break;
    }
  }

  #costOf(option: Option | null): number {
    return option ? option.cost : this.#nobody;
  }

  #sweepSingles(): boolean {
    const { seats } = this.#floor;
    if (seats.length * this.#jobs.length > REINSERT_MAX) return false;
    let isBetter = false;
    for (let at = 0; at < this.#jobs.length; at += 1) {
      const before = this.#jobs[at]!;
      this.#release(before);
      let best: Option | null = null;
      for (const seat of seats) best = better(best, this.#floor.offer(seat), this.#terms);
      const isGain = this.#costOf(best) < this.#costOf(before) * (1 - LEAST_GAIN);
      this.#jobs[at] = isGain ? best : before;
      this.#take(this.#jobs[at]!);
      isBetter ||= isGain;
    }
    this.#isChanged ||= isBetter;
    return isBetter;
  }

  /** Tries pairs of jobs, those that were sold furthest apart first: they differ most. */
  #sweepPairs(): boolean {
    const count = this.#jobs.length;
    let isBetter = false;
    for (let apart = count - 1; apart > 0; apart -= 1) {
      for (let at = 0; at + apart < count; at += 1) {
        if (this.pairsLeft === 0) return isBetter;
        this.pairsLeft -= 1;
        isBetter = this.#tryPair(at, at + apart) || isBetter;
      }
    }
    return isBetter;
  }

  /** Sells two jobs anew among the seats that they have. */
  #tryPair(one: number, other: number): boolean {
    const [first, second] = [this.#jobs[one]!, this.#jobs[other]!];
    if (!first && !second) return false;
    this.#release(first);
    this.#release(second);
    const seats = [...new Set([first, second].flatMap(seatsOfOption))];
    let least = (this.#costOf(first) + this.#costOf(second)) * (1 - LEAST_GAIN);
    let found: [Option, Option | null] | null = null;
    for (const option of this.#optionsAmong(seats)) {
      if (option.cost > least) continue;
      this.#take(option);
      let rest: Option | null = null;
      for (const next of this.#optionsAmong(seats)) rest = better(rest, next, this.#terms);
      const cost = option.cost + this.#costOf(rest);
      if (cost < least) [least, found] = [cost, [option, rest]];
      this.#release(option);
    }
    if (found) [this.#jobs[one], this.#jobs[other]] = found;
    this.#take(this.#jobs[one]!);
    this.#take(this.#jobs[other]!);
    this.#isChanged ||= found !== null;
    return found !== null;
  }

  #optionsAmong(seats: readonly Seat[]): Option[] {
    const options: (Option | null)[] = [];
    for (const { profile } of seats) {
      if (!profile.canPrimary) continue;
      const unmet = this.#floor.shareUnmet(profile.seat);
      options.push(alone(profile, unmet, this.#terms));
      if (this.#terms.backup === 'none') continue;
      for (const { profile: other } of seats) {
        if (other.canStandby) options.push(bestPair(profile, other, unmet, this.#terms));
      }
    }
    return options.filter((option) => option !== null);
  }

  #take(option: Option | null): void {
    if (option) this.#floor.take(option);
  }

  #release(option: Option | null): void {
    if (option) this.#floor.release(option);
  }
}

function seatsOfOption(option: Option | null): Seat[] {
  if (!option) return [];
  return option.backup ? [option.primary.seat, option.backup.seat] : [option.primary.seat];
}

function sameSeats(option: Option, floor: Floor, terms: Terms): Option | null {
  const { profile } = option.primary.seat;
  const other = option.backup?.seat.profile;
  if (!profile.canPrimary || (other && !other.canStandby)) return null;
  const unmet = floor.shareUnmet(profile.seat);
  return other ? bestPair(profile, other, unmet, terms) : alone(profile, unmet, terms);
}

/** Sells the same jobs to the same seats one after the other, those first that found them freshest; null when it fails. */
function inOrder(seats: readonly Seat[], jobs: readonly Option[], terms: Terms): Option[] | null {
  seatAll(seats, terms);
  const floor = new Floor(seats, terms);
  const wonBefore = ({ primaries, standbys }: Profile) => primaries + standbys;
  const rankOf = ({ primary, backup }: Option) => wonBefore(primary) + (backup ? wonBefore(backup) : 0);
  const sorted = jobs.map((option, at) => ({ option, at, rank: rankOf(option) }));
  sorted.sort((a, b) => a.rank - b.rank || a.at - b.at);
  const again: Option[] = [];
  for (const { option } of sorted) {
    const next = sameSeats(option, floor, terms);
    if (!next) return null;
    floor.take(next);
    again.push(next);
  }
  return again;
}
