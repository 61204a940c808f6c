import type { NoAwardReason } from '#protocol/escalation.js';
import type { Floor } from './floor.js';

/** Why jobs stay unsold: the first test that leaves nobody, as the seats stand after all that was sold. */
export function whyUnsold({ seats, terms }: Floor): NoAwardReason {
  if (seats.length === 0) return 'noBids';
  const eligible = seats.filter(({ candidate }) => candidate.ineligible === null);
  if (eligible.length === 0) return 'noneEligible';
  const affordable = eligible.filter(({ priceWei }) => priceWei <= terms.maxWei);
  if (affordable.length === 0) return 'allAboveMaxPrice';
  const unspent = affordable.filter(({ candidate, profile, isNewcomer }) => {
    const won = profile.primaries + profile.standbys;
    return won < candidate.bid.maxJobs && (!isNewcomer || candidate.heldJobs + won === 0);
  });
  if (unspent.length === 0) return 'noCapacity';
  const inTime = unspent.filter(({ profile }) => profile.finishMs <= terms.dueMs);
  if (inTime.length === 0) return 'noneInTime';
  return inTime.some(({ profile }) => profile.canPrimary) ? 'notWorthIt' : 'noBond';
}
