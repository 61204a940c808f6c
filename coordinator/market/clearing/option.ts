/**
 * What a job can be sold as: a primary with a backup from a start time on, or a primary alone, at its expected cost to
 * the requester. Source: ARCHITECTURE.md, "Clearing".
 */
import { missWithin, type Profile } from './seat.js';
import { NEAR, PPM, SCALE, type Terms, UNMET } from './terms.js';

export interface Option {
  primary: Profile;
  backup: Profile | null;
  /** When the backup is called at the latest; null without one. */
  startMs: number | null;
  /** Chances of a miss in parts per million: of the primary by the start (alone: by the deadline), of the backup from there. */
  q: number;
  r: number;
  /** Bits of UNMET. */
  unmet: number;
  /** Expected cost in wei with its charges, nearly. */
  cost: number;
  /** The same times 10^12, exactly; worked out when needed. */
  exact: bigint | null;
}

const ALL_MISS = PPM * PPM;

/** Expected cost times 10^12 without charges, exactly. */
export function plainCost({ primary, backup, q, r }: Option, { lossWei }: Terms): bigint {
  if (!backup) return primary.seat.priceWei * SCALE + BigInt(q * PPM) * lossWei;
  const certainWei = primary.seat.priceWei + backup.seat.standbyWei;
  return certainWei * SCALE + BigInt(q * PPM) * backup.seat.priceWei + BigInt(q * r) * lossWei;
}

/** Expected cost times 10^12 with its charges, exactly. */
export function exactCost(option: Option, terms: Terms): bigint {
  if (option.exact === null) option.exact = plainCost(option, terms) + exactCharge(option, terms);
  return option.exact;
}

function exactCharge({ unmet, q, r }: Option, { chargeWei }: Terms): bigint {
  if (unmet === 0) return 0n;
  const charges = BigInt(countOf(unmet)) * chargeWei * SCALE;
  return unmet & UNMET.success ? charges + chargeWei * BigInt(q * r) : charges;
}

/** How many demands are unmet. */
export function countOf(unmet: number): number {
  return (unmet & 1) + ((unmet >> 1) & 1) + ((unmet >> 2) & 1) + ((unmet >> 3) & 1);
}

/** What the unmet demands of an option add to its cost, in wei, nearly. */
export function chargeOf(unmet: number, missBoth: number, { charge }: Terms): number {
  if (unmet === 0) return 0;
  return charge * (countOf(unmet) + (unmet & UNMET.success ? missBoth / ALL_MISS : 0));
}

/** Chance, in parts per million, that a primary has not delivered by the deadline. */
export function missByDeadline({ seat, startsMs }: Profile, { deadlineMs }: Terms): number {
  return missWithin(seat.candidate.missPpm, startsMs, deadlineMs);
}

/** A primary alone, with the charges of the policy and of `unmet`; null when it is worth less than nothing. */
export function alone(primary: Profile, unmet: number, terms: Terms): Option | null {
  const { seat } = primary;
  const q = missByDeadline(primary, terms);
  let bits = unmet;
  if (terms.backup === 'required') bits |= UNMET.backup;
  if (seat.isNewcomer) bits |= UNMET.establishedBackup;
  if (q * PPM > terms.missLimit) bits |= UNMET.success;
  const plain = seat.price + (q / PPM) * terms.loss;
  const cost = plain + chargeOf(bits, q * PPM, terms);
  const option: Option = { primary, backup: null, startMs: null, q, r: PPM, unmet: bits, cost, exact: null };
  return isWorthIt(option, plain, terms) ? option : null;
}

/**
 * A pair with the backup's start at one point of the primary's grid; null when the backup has not the time, the two
 * are dearer than the max price, it is worth less than nothing, or it costs more than `limit` (in wei, nearly).
 */
export function pairAt(
  primary: Profile,
  level: number,
  backup: Profile,
  unmet: number,
  terms: Terms,
  limit = Number.POSITIVE_INFINITY,
): Option | null {
  const startMs = primary.startsMs[level]!;
  const availableMs = terms.dueMs - (startMs > backup.freeFromMs ? startMs : backup.freeFromMs);
  if (backup.standbyPromisedMs > availableMs) return null;
  const [one, other] = [primary.seat, backup.seat];
  const q = one.candidate.missPpm[level]!;
  const r = missWithin(other.candidate.missPpm, backup.spansMs, availableMs);
  const certain = one.price + other.standby;
  const plain = certain + (q / PPM) * (other.price + (r / PPM) * terms.loss);
  const bits = q * r > terms.missLimit ? unmet | UNMET.success : unmet;
  const cost = bits === 0 ? plain : plain + chargeOf(bits, q * r, terms);
  if (cost > limit || certain > terms.max * (1 + NEAR)) return null;
  if (certain > terms.max * (1 - NEAR) && one.priceWei + other.standbyWei > terms.maxWei) return null;
  const option: Option = { primary, backup, startMs, q, r, unmet: bits, cost, exact: null };
  return isWorthIt(option, plain, terms) ? option : null;
}

/** An option may be sold when it costs no more than leaving the job unsold; the fastest is sold whatever it costs. */
function isWorthIt(option: Option, plain: number, terms: Terms): boolean {
  if (terms.award === 'fastest' || plain < terms.loss * (1 - NEAR)) return true;
  return plain <= terms.loss * (1 + NEAR) && plainCost(option, terms) <= terms.lossWei * SCALE;
}

/** The best start for a pair; null when there is none. */
export function bestPair(primary: Profile, backup: Profile, unmet: number, terms: Terms): Option | null {
  if (primary.seat.owner === backup.seat.owner) return null;
  let best: Option | null = null;
  for (let level = 0; level < primary.startsMs.length; level += 1) {
    const option = pairAt(primary, level, backup, unmet, terms);
    if (option && (!best || compareOptions(option, best, terms) < 0)) best = option;
  }
  return best;
}

/** Which of two costs is lower, exactly. */
export function compareCosts(a: Option, b: Option, terms: Terms): number {
  const gap = a.cost - b.cost;
  if (Math.abs(gap) > NEAR * (a.cost + b.cost)) return gap;
  const [exactA, exactB] = [exactCost(a, terms), exactCost(b, terms)];
  return exactA < exactB ? -1 : exactA > exactB ? 1 : 0;
}

/**
 * The order in which options are preferred: by cost; for award "fastest" by unmet demands, then by the primary's
 * finish, then by cost. Ties go to the lower hash of the primary, then of the backup, then to the later start.
 */
export function compareOptions(a: Option, b: Option, terms: Terms): number {
  if (terms.award === 'fastest') {
    const byTime = countOf(a.unmet) - countOf(b.unmet) || a.primary.finishMs - b.primary.finishMs;
    if (byTime !== 0) return byTime;
  }
  return (
    compareCosts(a, b, terms) ||
    compareTies(a.primary.seat.tie, b.primary.seat.tie) ||
    compareTies(a.backup?.seat.tie ?? '', b.backup?.seat.tie ?? '') ||
    (b.startMs ?? 0) - (a.startMs ?? 0)
  );
}

/** The preferred one of two options, the first of which may be missing, the second too. */
export function better(best: Option | null, next: Option | null, terms: Terms): Option | null {
  return next && (!best || compareOptions(next, best, terms) < 0) ? next : best;
}

/** What a better option may cost at most, in wei, roundings allowed for. */
export function limitOf(option: Option | null): number {
  return option ? option.cost * (1 + NEAR) : Number.POSITIVE_INFINITY;
}

function compareTies(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
