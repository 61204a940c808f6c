/**
 * A bid at the table: what its prover can do for the next job, given what it has won in this round already. Profiles
 * are never changed: winning a job gives a seat its next one.
 */
import { bytesToHex } from '@noble/hashes/utils.js';
import { sha256Bytes } from '#protocol/sha256.js';
import type { Candidate } from '../clear.js';
import { finishAtMs, freeFromMs, standbyPromisedMs } from '../load.js';
import { PPM, type Terms } from './terms.js';

export interface Seat {
  candidate: Candidate;
  /** Number of its owner in this round. */
  owner: number;
  /** Ties go to the lower one. */
  tie: string;
  priceWei: bigint;
  price: number;
  standbyWei: bigint;
  standby: number;
  /** Has the money for the bonds of all jobs that its bid takes. */
  isRich: boolean;
  /** Held to the newcomers' rule. */
  isNewcomer: boolean;
  /** What it can do as things stand. */
  profile: Profile;
}

/** What a seat can do for the next job when it has won `primaries` and `standbys` in this round. Times in milliseconds. */
export interface Profile {
  seat: Seat;
  primaries: number;
  standbys: number;
  canPrimary: boolean;
  canStandby: boolean;
  /** As primary: when it would be done, how long that takes from now, and its backup's start for each point of the grid. */
  finishMs: number;
  promisedMs: number;
  startsMs: readonly number[];
  /** As backup: from when its slots are free of running work, how long it takes from then on, for each point of the grid. */
  freeFromMs: number;
  standbyPromisedMs: number;
  spansMs: readonly number[];
}

const NO_TIMES: readonly number[] = [];

/** The seats of a round, in the order of their ties, so that the order of bids has no say. */
export function seatsOf(candidates: readonly Candidate[], tieSeed: Uint8Array): Seat[] {
  const owners = new Map<string, number>();
  const encoder = new TextEncoder();
  const seats = candidates.map((candidate): Seat => {
    const { bid, owner } = candidate;
    if (!owners.has(owner)) owners.set(owner, owners.size);
    const [priceWei, standbyWei] = [BigInt(bid.priceWei), BigInt(bid.standbyWei)];
    return {
      candidate,
      owner: owners.get(owner)!,
      tie: bytesToHex(sha256Bytes(tieSeed, encoder.encode(bid.prover))),
      priceWei,
      price: Number(priceWei),
      standbyWei,
      standby: Number(standbyWei),
      isRich: false,
      isNewcomer: false,
      profile: null as never,
    };
  });
  return seats.sort((a, b) => (a.tie < b.tie ? -1 : 1));
}

/**
 * Puts all seats at the table as nothing is won yet, and settles whether newcomers are held to their rule: they are if
 * somebody established could be a primary.
 */
export function seatAll(seats: readonly Seat[], terms: Terms): void {
  for (const seat of seats) {
    seat.isNewcomer = false;
    seat.isRich = BigInt(seat.candidate.bid.maxJobs) * terms.primaryBondWei <= seat.candidate.freeWei;
    seat.profile = profileOf(seat, 0, 0, terms);
  }
  terms.holdsNewcomers = seats.some(({ candidate, profile }) => !candidate.isNewcomer && profile.canPrimary);
  if (!terms.holdsNewcomers) return;
  for (const seat of seats) {
    if (!seat.candidate.isNewcomer) continue;
    seat.isNewcomer = true;
    seat.profile = profileOf(seat, 0, 0, terms);
  }
}

/** What a seat can do once it has won so much. Capacity and times depend on the counts alone. */
export function profileOf(seat: Seat, primaries: number, standbys: number, terms: Terms): Profile {
  const { load, provingMsP95 } = seat.candidate;
  const own = {
    runningMs: load.runningMs + primaries * provingMsP95,
    standbyMs: load.standbyMs + standbys * provingMsP95,
    slots: load.slots,
  };
  const finishMs = finishAtMs(own, terms.nowMs, provingMsP95);
  const promisedMs = finishMs - terms.nowMs;
  const freeMs = freeFromMs(own, terms.nowMs);
  const standbyMs = standbyPromisedMs(own, provingMsP95);
  const isOpen = hasRoom(seat, primaries + standbys, terms);
  const canPrimary = isOpen && finishMs <= terms.dueMs && hasBond(seat, primaries + 1, standbys, terms);
  const canStandby =
    isOpen && !seat.isNewcomer && freeMs + standbyMs <= terms.dueMs && hasBond(seat, primaries, standbys + 1, terms);
  const times = { finishMs, promisedMs, freeFromMs: freeMs, standbyPromisedMs: standbyMs };
  return {
    seat,
    primaries,
    standbys,
    canPrimary,
    canStandby,
    ...times,
    startsMs: canPrimary ? startsOf(promisedMs, terms) : NO_TIMES,
    spansMs: canStandby ? terms.grid.map((pct) => Math.ceil((standbyMs * pct) / 100)) : NO_TIMES,
  };
}

function hasRoom({ candidate, isNewcomer, priceWei }: Seat, won: number, terms: Terms): boolean {
  if (candidate.ineligible !== null || priceWei > terms.maxWei || won >= candidate.bid.maxJobs) return false;
  return !isNewcomer || candidate.heldJobs + won === 0;
}

function hasBond({ candidate, isRich }: Seat, primaries: number, standbys: number, terms: Terms): boolean {
  if (isRich) return true;
  const needsWei = BigInt(primaries) * terms.primaryBondWei + BigInt(standbys) * terms.backupBondWei;
  return needsWei <= candidate.freeWei;
}

/** For each point of the grid: the moment by which a primary that takes so long has delivered, transport included. */
function startsOf(promisedMs: number, { nowMs, marginMs, grid }: Terms): number[] {
  return grid.map((pct) => nowMs + marginMs + Math.ceil((promisedMs * pct) / 100));
}

/** Chance of a miss, in parts per million, within `availableMs` for the spans of a curve. */
export function missWithin(curve: readonly number[], spansMs: readonly number[], availableMs: number): number {
  for (let level = spansMs.length - 1; level >= 0; level -= 1) {
    if (spansMs[level]! <= availableMs) return curve[level]!;
  }
  return PPM;
}
