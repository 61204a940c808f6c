/**
 * Clearing: who proves each job of a round, who stands by, and at what price. See ARCHITECTURE.md, "Clearing".
 *
 * For each job, in order, the least expected cost C to the requester is chosen among
 *
 *     primary i, backup j (another owner)   C = b_i + s_j + q_i b_j + q_i r_j L
 *     primary i alone                       C = b_i + q_i L
 *     nobody                                C = L
 *
 * with b, s the prices to prove and to stand by, q and r the chances of a miss, L the cost of a miss. Costs are scaled
 * by 10^12 (two probabilities in parts per million), so that all of it is integers.
 */
import { bytesToHex } from '@noble/hashes/utils.js';
import { bondMaxWei, lateDamageWei } from '#protocol/bonds.js';
import type { Award, NoAwardReason } from '#protocol/entries.js';
import type { Bid, BlockRequest } from '#protocol/messages.js';
import type { Parameters } from '#protocol/parameters.js';
import { sha256Bytes } from '#protocol/sha256.js';
import type { Address } from '#protocol/units.js';
import { finishAtMs, type Load, latestStartMs } from './load.js';

const PPM = 1_000_000n;
const SCALE = PPM * PPM;

/** A bid with what the market's record says of its prover. */
export interface Candidate {
  bid: Bid;
  owner: Address;
  /** Free money that can be locked as bonds, in wei. */
  freeWei: bigint;
  load: Load;
  /** The larger of promised and measured. */
  provingMsP95: number;
  missPpm: number;
}

export interface ClearingInput {
  jobIds: string[];
  deadlineMs: number;
  maxPriceWei: bigint;
  missCostWei: bigint;
  policy: Pick<BlockRequest, 'backup' | 'award' | 'pricing'>;
  candidates: Candidate[];
  nowMs: number;
  tieSeed: Uint8Array;
  parameters: Parameters;
}

export interface ClearingResult {
  awards: Award[];
  unawarded: { jobId: string; reason: NoAwardReason }[];
}

/** A candidate while a round is being cleared: its load and money shrink with every job that it wins. */
interface Seat {
  candidate: Candidate;
  priceWei: bigint;
  standbyWei: bigint;
  missPpm: bigint;
  load: Load;
  freeWei: bigint;
  jobsLeft: number;
  tie: string;
  /** For the next job: when it would be done as primary; when it must be called as backup, null if it cannot. */
  finishMs: number;
  latestStartMs: number | null;
  usable: boolean;
}

/** The seats of a round, in the orders in which they are searched: made once, because prices do not change. */
interface Hall {
  input: ClearingInput;
  /** By price, so that a search can stop at the first primary whose price alone exceeds the best cost found. */
  byPrice: Seat[];
  /** By cost as a backup, for each chance of a miss that a primary may have. */
  byCoverCost: Map<bigint, Seat[]>;
}

interface Choice {
  /** Expected cost times 10^12; for award "fastest" the order is by finish first. */
  cost: bigint;
  primary: Seat;
  backup: Seat | null;
}

/**
 * Clears a round. Pure: an auditor who replays it gets the same awards.
 * @returns an award or a reason for every job, in the order of `jobIds`
 */
export function clear(input: ClearingInput): ClearingResult {
  const seats = input.candidates.map((candidate) => seatOf(candidate, input));
  for (const seat of seats) refresh(seat, input);
  const byPrice = [...seats].sort((a, b) => compare(a.priceWei, b.priceWei) || compare(a.tie, b.tie));
  const hall: Hall = { input, byPrice, byCoverCost: new Map() };
  const result: ClearingResult = { awards: [], unawarded: [] };
  for (const jobId of input.jobIds) {
    const choice = choose(hall, null);
    if (choice) {
      const award = price(jobId, choice, hall);
      take(choice, award, input);
      result.awards.push(award);
    } else {
      result.unawarded.push({ jobId, reason: whyNoAward(seats, input) });
    }
  }
  return result;
}

function seatOf(candidate: Candidate, input: ClearingInput): Seat {
  const { bid } = candidate;
  return {
    candidate,
    priceWei: BigInt(bid.priceWei),
    standbyWei: BigInt(bid.standbyWei),
    missPpm: BigInt(candidate.missPpm),
    load: { ...candidate.load },
    freeWei: candidate.freeWei,
    jobsLeft: bid.maxJobs,
    tie: bytesToHex(sha256Bytes(input.tieSeed, new TextEncoder().encode(bid.prover))),
    finishMs: 0,
    latestStartMs: null,
    usable: false,
  };
}

/** Works out anew what a seat can do for the next job. */
function refresh(seat: Seat, input: ClearingInput): void {
  const { nowMs, deadlineMs, parameters } = input;
  const dueMs = deadlineMs - parameters.deliveryMarginMs;
  const { provingMsP95 } = seat.candidate;
  seat.finishMs = finishAtMs(seat.load, nowMs, provingMsP95);
  seat.latestStartMs = latestStartMs(seat.load, nowMs, provingMsP95, dueMs);
  seat.usable =
    seat.priceWei <= input.maxPriceWei && seat.jobsLeft > 0 && isInTime(seat, input) && hasBond(seat, input);
}

function isInTime(seat: Seat, { deadlineMs, parameters }: ClearingInput): boolean {
  return seat.finishMs <= deadlineMs - parameters.deliveryMarginMs;
}

function hasBond(seat: Seat, { maxPriceWei, parameters }: ClearingInput): boolean {
  return seat.freeWei >= bondMaxWei(maxPriceWei, parameters);
}

/** Cheapest choice for the next job without the owner `without`; null when leaving it unsold costs less. */
function choose(hall: Hall, without: Address | null): Choice | null {
  const { missCostWei, policy } = hall.input;
  const isCheapest = policy.award === 'cheapest';
  let best: Choice | null = null;
  for (const primary of hall.byPrice) {
    if (!primary.usable || primary.candidate.owner === without) continue;
    if (isCheapest && best && primary.priceWei * SCALE > best.cost) break;
    const backup = policy.backup === 'none' ? null : bestBackup(primary, hall, without);
    if (backup) best = better(best, { cost: pairCost(primary, backup, hall.input), primary, backup }, hall.input);
    if (policy.backup !== 'required') {
      best = better(best, { cost: aloneCost(primary, hall.input), primary, backup: null }, hall.input);
    }
  }
  return best && isCheapest && best.cost > missCostWei * SCALE ? null : best;
}

function pairCost(primary: Seat, backup: Seat, { missCostWei }: ClearingInput): bigint {
  const q = primary.missPpm;
  return (primary.priceWei + backup.standbyWei) * SCALE + q * backup.priceWei * PPM + q * backup.missPpm * missCostWei;
}

function aloneCost(primary: Seat, { missCostWei }: ClearingInput): bigint {
  return primary.priceWei * SCALE + primary.missPpm * missCostWei * PPM;
}

/** The backup that costs least behind `primary`. */
function bestBackup(primary: Seat, hall: Hall, without: Address | null): Seat | null {
  const ranked = rankedBackups(hall, primary.missPpm);
  const fits = (backup: Seat) =>
    backup.usable && backup.candidate.owner !== without && canCover(primary, backup, hall.input);
  return ranked.find(fits) ?? null;
}

/** All seats by what they cost as backup of a primary that misses with chance `q`; made once for each chance. */
function rankedBackups(hall: Hall, q: bigint): Seat[] {
  const known = hall.byCoverCost.get(q);
  if (known) return known;
  const { missCostWei } = hall.input;
  const priced = hall.byPrice.map((seat) => ({
    seat,
    cost: seat.standbyWei * SCALE + q * seat.priceWei * PPM + q * seat.missPpm * missCostWei,
  }));
  priced.sort((a, b) => compare(a.cost, b.cost) || compare(a.seat.tie, b.seat.tie));
  const ranked = priced.map(({ seat }) => seat);
  hall.byCoverCost.set(q, ranked);
  return ranked;
}

/**
 * True when the backup can still deliver after the primary has had its time and the delivery margin, and both fit under
 * the max price.
 */
function canCover(primary: Seat, backup: Seat, { maxPriceWei, parameters }: ClearingInput): boolean {
  return (
    backup.candidate.owner !== primary.candidate.owner &&
    backup.latestStartMs !== null &&
    primary.finishMs + parameters.deliveryMarginMs <= backup.latestStartMs &&
    primary.priceWei + backup.standbyWei <= maxPriceWei
  );
}

function compare<Value extends bigint | number | string>(a: Value, b: Value): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The better of two choices; ties go to the lower hash of tie seed and prover, primary first. */
function better(best: Choice | null, next: Choice, { policy }: ClearingInput): Choice {
  if (!best) return next;
  const byTime = policy.award === 'fastest' ? compare(next.primary.finishMs, best.primary.finishMs) : 0;
  const order =
    byTime ||
    compare(next.cost, best.cost) ||
    compare(next.primary.tie, best.primary.tie) ||
    compare(next.backup?.tie ?? '', best.backup?.tie ?? '');
  return order < 0 ? next : best;
}

/** The award of a choice: price and standby fee are what the absence of each side's owner would have cost. */
function price(jobId: string, choice: Choice, hall: Hall): Award {
  const { input } = hall;
  const { primary, backup } = choice;
  const vickrey = input.policy.pricing === 'vickrey';
  const worth = (seat: Seat, own: bigint) =>
    vickrey ? own + (costWithout(seat.candidate.owner, hall) - choice.cost) / SCALE : own;
  let standbyFeeWei = backup ? worth(backup, backup.standbyWei) : 0n;
  const standbyMaxWei = input.maxPriceWei - primary.priceWei;
  if (standbyFeeWei > standbyMaxWei) standbyFeeWei = standbyMaxWei;
  let priceWei = worth(primary, primary.priceWei);
  if (priceWei > input.maxPriceWei - standbyFeeWei) priceWei = input.maxPriceWei - standbyFeeWei;
  const lateWei = lateDamageWei(input.maxPriceWei, input.parameters);
  const dearerWei = backup && backup.priceWei > priceWei ? backup.priceWei - priceWei : 0n;
  return {
    jobId,
    primary: sideOf(primary, dearerWei + standbyFeeWei + lateWei),
    backup: backup && sideOf(backup, lateWei),
    priceWei: priceWei.toString(),
    standbyFeeWei: standbyFeeWei.toString(),
    primaryDueMs: backup ? backup.latestStartMs! : input.deadlineMs,
    backupStartMs: backup && backup.latestStartMs,
  };
}

/** Least cost when an owner stays away, times 10^12: at most that of leaving the job unsold. */
function costWithout(owner: Address, hall: Hall): bigint {
  return choose(hall, owner)?.cost ?? hall.input.missCostWei * SCALE;
}

function sideOf(seat: Seat, bondWei: bigint): Award['primary'] {
  return {
    prover: seat.candidate.bid.prover,
    owner: seat.candidate.owner,
    priceBidWei: seat.priceWei.toString(),
    bondWei: bondWei.toString(),
    provingMsP95: seat.candidate.provingMsP95,
    slots: seat.load.slots,
    missPpm: seat.candidate.missPpm,
  };
}

/** Books what a choice takes from its seats: time, a unit of the bid, money for the bond. */
function take({ primary, backup }: Choice, award: Award, input: ClearingInput): void {
  primary.load.runningMs += primary.candidate.provingMsP95;
  primary.jobsLeft -= 1;
  primary.freeWei -= BigInt(award.primary.bondWei);
  refresh(primary, input);
  if (backup && award.backup) {
    backup.load.standbyMs += backup.candidate.provingMsP95;
    backup.jobsLeft -= 1;
    backup.freeWei -= BigInt(award.backup.bondWei);
    refresh(backup, input);
  }
}

/** Why a job stays unsold: the first test that leaves nobody. */
function whyNoAward(seats: Seat[], input: ClearingInput): NoAwardReason {
  if (seats.length === 0) return 'noBids';
  const affordable = seats.filter((seat) => seat.priceWei <= input.maxPriceWei);
  if (affordable.length === 0) return 'allAboveMaxPrice';
  const unspent = affordable.filter((seat) => seat.jobsLeft > 0);
  if (unspent.length === 0) return 'noCapacity';
  const inTime = unspent.filter((seat) => isInTime(seat, input));
  if (inTime.length === 0) return 'noneInTime';
  const usable = seats.filter((seat) => seat.usable);
  if (usable.length === 0) return 'noBond';
  const isCovered = usable.some((primary) => usable.some((backup) => canCover(primary, backup, input)));
  return input.policy.backup === 'required' && !isCovered ? 'noBackup' : 'notWorthIt';
}
