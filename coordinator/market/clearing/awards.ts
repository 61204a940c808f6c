/** Prices and bonds: from the options that a round was sold as to its awards. Source: ARCHITECTURE.md, "Prices". */
import type { Award } from '#protocol/entries.js';
import type { UnmetDemand } from '#protocol/explanations.js';
import type { CostOfAbsence } from './absence.js';
import type { Option } from './option.js';
import type { Profile } from './seat.js';
import { SCALE, type Terms, UNMET } from './terms.js';

const DEMANDS = Object.keys(UNMET) as UnmetDemand[];

/**
 * The awards of a sale, in its order. With `absence`, each owner gets beside its bids what the round would have cost
 * more without it, shared evenly over its seats; without, everybody gets what it bid.
 */
export function awardsOf(
  jobIds: readonly string[],
  sold: readonly Option[],
  absence: CostOfAbsence | null,
  terms: Terms,
): Award[] {
  const shares = absence ? sharesOf(sold, absence) : new Map<number, bigint>();
  return sold.map((option, at) => awardOf(jobIds[at]!, option, shares, terms));
}

/** What each owner gets beside its bids for every seat that it has won, in wei. */
function sharesOf(sold: readonly Option[], absence: CostOfAbsence): Map<number, bigint> {
  const seats = new Map<number, number>();
  for (const { primary, backup } of sold) {
    seats.set(primary.seat.owner, (seats.get(primary.seat.owner) ?? 0) + 1);
    if (backup) seats.set(backup.seat.owner, (seats.get(backup.seat.owner) ?? 0) + 1);
  }
  const shares = new Map<number, bigint>();
  for (const [owner, count] of seats) {
    const dearer = absence(owner);
    shares.set(owner, dearer > 0n ? dearer / (BigInt(count) * SCALE) : 0n);
  }
  return shares;
}

/**
 * One award. The standby fee is capped so that the primary's own price still fits under the max price, then the price
 * so that both do.
 */
function awardOf(jobId: string, option: Option, shares: ReadonlyMap<number, bigint>, terms: Terms): Award {
  const { primary, backup, q, r, startMs, unmet } = option;
  const { maxWei } = terms;
  const worth = ({ seat }: Profile, ownWei: bigint) => ownWei + (shares.get(seat.owner) ?? 0n);
  const feeWei = backup ? least(worth(backup, backup.seat.standbyWei), maxWei - primary.seat.priceWei) : 0n;
  const priceWei = least(worth(primary, primary.seat.priceWei), maxWei - feeWei);
  const primaryBondWei = terms.requestMaxWei - priceWei + feeWei + terms.backupBondWei;
  return {
    jobId,
    primary: sideOf(primary, primaryBondWei, q, primary.promisedMs, terms.nowMs),
    backup: backup && sideOf(backup, terms.backupBondWei, r, backup.standbyPromisedMs, backup.freeFromMs),
    priceWei: priceWei.toString(),
    standbyFeeWei: feeWei.toString(),
    primaryDueMs: startMs ?? terms.deadlineMs,
    backupStartMs: startMs,
    unmet: DEMANDS.filter((demand) => unmet & UNMET[demand]),
  };
}

function sideOf(
  { seat }: Profile,
  bondWei: bigint,
  missPpm: number,
  promisedMs: number,
  freeFromMs: number,
): Award['primary'] {
  const { bid, owner, provingMsP95, load } = seat.candidate;
  return {
    prover: bid.prover,
    owner,
    priceBidWei: seat.priceWei.toString(),
    bondWei: bondWei.toString(),
    provingMsP95,
    slots: load.slots,
    promisedMs,
    freeFromMs,
    missPpm,
  };
}

function least(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
