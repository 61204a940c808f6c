/**
 * What became of each bid of a round, and why: the first test that it failed, with the figures. A bid that could have
 * won is measured against the round's dearest job.
 */
import type { Explanation, UnmetDemand } from '#protocol/explanations.js';
import type { Candidate } from '../clear.js';
import { BackupRanks } from './backupRanks.js';
import type { Floor } from './floor.js';
import { alone, bestPair, better, compareCosts, exactCost, type Option, plainCost } from './option.js';
import type { Seat } from './seat.js';
import { SCALE, type Terms, UNMET } from './terms.js';

/** Rounds of so many bids look at every primary that a losing backup could stand behind. */
const ALL_PRIMARIES_MAX = 64;

/** Explains every candidate of a sale. Leaves the floor as it was. */
export function explainAll(floor: Floor, sold: readonly Option[], jobCount: number): Map<Candidate, Explanation> {
  const explained = new Map<Candidate, Explanation>();
  const losers: Seat[] = [];
  for (const seat of floor.seats) {
    const early = won(seat) ?? refused(seat, floor.terms);
    if (early) explained.set(seat.candidate, early);
    else losers.push(seat);
  }
  if (losers.length === 0) return explained;
  const dearest = sold.length === jobCount ? dearestOf(sold, floor.terms) : null;
  if (dearest) {
    floor.release(dearest);
    floor.ranks = new BackupRanks(floor.seats, floor.terms, true);
  }
  for (const seat of losers)
    explained.set(seat.candidate, dearest ? beaten(seat, dearest, floor) : unwanted(seat, floor.terms));
  if (dearest) floor.take(dearest);
  return explained;
}

function dearestOf(sold: readonly Option[], terms: Terms): Option | null {
  const isFastest = terms.award === 'fastest';
  const order = (a: Option, b: Option) =>
    isFastest ? a.primary.finishMs - b.primary.finishMs : compareCosts(a, b, terms);
  return sold.reduce<Option | null>((dearest, one) => (dearest && order(one, dearest) < 0 ? dearest : one), null);
}

function won({ profile: { primaries, standbys } }: Seat): Explanation | null {
  if (primaries > 0 && standbys > 0) return { code: 'wonBoth', primaryJobs: primaries, backupJobs: standbys };
  if (primaries > 0) return { code: 'wonPrimary', primaryJobs: primaries };
  return standbys > 0 ? { code: 'wonBackup', backupJobs: standbys } : null;
}

/** Why a bid could win nothing, whatever the others bid; null when it could. */
function refused(seat: Seat, terms: Terms): Explanation | null {
  const { candidate, profile } = seat;
  if (candidate.ineligible) return { code: 'ineligible', why: candidate.ineligible };
  if (seat.priceWei > terms.maxWei) {
    return { code: 'aboveMaxPrice', priceWei: String(seat.priceWei), maxPriceWei: String(terms.maxWei) };
  }
  if (profile.canPrimary || profile.canStandby) return null;
  if (seat.isNewcomer && candidate.heldJobs > 0) return { code: 'newcomerHolds', heldJobs: candidate.heldJobs };
  if (profile.finishMs > terms.dueMs) return { code: 'notInTime', finishMs: profile.finishMs, dueMs: terms.dueMs };
  return { code: 'noBond', needsWei: String(terms.primaryBondWei), hasWei: String(candidate.freeWei) };
}

/** Why a bid that could have won did not, by its best seat in the round's dearest job. */
function beaten(seat: Seat, dearest: Option, floor: Floor): Explanation {
  const { terms } = floor;
  const asPrimary = floor.offer(seat);
  const asBackup = terms.backup !== 'none' && seat.profile.canStandby ? backupOffer(seat, dearest, floor) : null;
  if (!asPrimary && !asBackup) return unwanted(seat, terms);
  if (terms.award === 'fastest' && asPrimary && asPrimary.primary.finishMs > dearest.primary.finishMs) {
    return { code: 'slower', finishMs: asPrimary.primary.finishMs, slowestMs: dearest.primary.finishMs };
  }
  const lacks = (option: Option) => option.unmet & ~dearest.unmet;
  if (asPrimary && lacks(asPrimary) && plainCost(asPrimary, terms) <= plainCost(dearest, terms)) {
    return demandOf(seat, lacks(asPrimary), floor);
  }
  const [best] = [asPrimary, asBackup]
    .filter((option): option is Option => option !== null && lacks(option) === 0)
    .sort((a, b) => compareCosts(a, b, terms));
  if (!best) return demandOf(seat, lacks((asPrimary ?? asBackup) as Option), floor);
  const gap = exactCost(best, terms) - exactCost(dearest, terms);
  const byWei = gap > 0n ? (gap + SCALE - 1n) / SCALE : 0n;
  return { code: 'outbid', seat: best === asPrimary ? 'primary' : 'backup', byWei: String(byWei) };
}

/** The best option with a seat as backup: of the dearest job's primary, and in smaller rounds of any other too. */
function backupOffer({ profile }: Seat, dearest: Option, floor: Floor): Option | null {
  const { seats, terms } = floor;
  let best = bestPair(dearest.primary, profile, dearest.unmet & UNMET.ownerShare, terms);
  if (seats.length > ALL_PRIMARIES_MAX) return best;
  for (const other of seats) {
    if (!other.profile.canPrimary) continue;
    best = better(best, bestPair(other.profile, profile, floor.shareUnmet(other), terms), terms);
  }
  return best;
}

function demandOf(seat: Seat, unmet: number, floor: Floor): Explanation {
  if (unmet & UNMET.ownerShare) {
    return { code: 'shareCap', ownerJobs: floor.primariesOf(seat), capJobs: floor.terms.ownerCap };
  }
  const demands = (Object.keys(UNMET) as UnmetDemand[]).filter((demand) => unmet & UNMET[demand]);
  return { code: 'demandUnmet', unmet: demands };
}

/** A bid that nothing stands against but that it is worth less than nothing: with what it would cost alone. */
function unwanted(seat: Seat, terms: Terms): Explanation {
  const { profile } = seat;
  if (!profile.canPrimary) {
    return { code: 'noBond', needsWei: String(terms.primaryBondWei), hasWei: String(seat.candidate.freeWei) };
  }
  const single = alone(profile, 0, { ...terms, award: 'fastest' }) as Option;
  const costWei = (plainCost(single, terms) + SCALE - 1n) / SCALE;
  return { code: 'notWorthIt', costWei: String(costWei), missCostWei: String(terms.lossWei) };
}
