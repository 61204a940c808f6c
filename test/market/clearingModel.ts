/**
 * A second opinion on clearing, written from ARCHITECTURE.md and not from the code: every way to clear a round is tried,
 * in exact integers scaled by 10^12. How a job can be sold depends only on how many jobs of each kind everybody has won
 * before, so that the rest of a round is worked out once for each such state.
 */
import type { Candidate, ClearingInput } from '#market/clear.js';
import type { Award } from '#protocol/entries.js';

const E12 = 1_000_000_000_000n;
const E6 = 1_000_000n;

/** Jobs of a round that a candidate has won: as primary, as backup. */
export type Won = readonly [primaries: number, standbys: number];

/** One way to sell one job. */
export interface Way {
  /** Places in the list of candidates; -1 for no backup. */
  primary: number;
  backup: number;
  startMs: number | null;
  q: number;
  r: number;
  promisedMs: number;
  standbyPromisedMs: number;
  freeFromMs: number;
  plain: bigint;
  charged: bigint;
  unmet: string[];
  finishMs: number;
}

export class ClearingModel {
  readonly input: ClearingInput;
  readonly candidates: readonly Candidate[];
  readonly dueMs: number;
  private readonly lateWei: bigint;
  private readonly chargeWei: bigint;
  private readonly holdsNewcomers: boolean;
  private readonly rest = new Map<string, bigint>();
  private readonly pairs = new Map<string, Way[]>();

  /** @param without - an owner that has not bid */
  constructor(input: ClearingInput, without: string | null = null) {
    this.input = input;
    this.candidates = input.candidates.filter(({ owner }) => owner !== without);
    this.dueMs = input.deadlineMs - input.parameters.deliveryMarginMs;
    this.lateWei = (input.requestMaxPriceWei * BigInt(input.parameters.lateDamageBps)) / 10_000n;
    this.chargeWei = 2n * input.requestMaxPriceWei + input.missCostWei;
    this.holdsNewcomers = this.candidates.some((one) => !one.isNewcomer && this.canBePrimary(one, [0, 0], false));
  }

  /** Cost of a job that nobody gets: that of a miss with every charge that there could be. */
  get nobody(): bigint {
    const { policy, candidates, missCostWei } = this.input;
    let charges = 0n;
    if (policy.backup === 'required') charges += 1n;
    if (policy.minSuccessPpm > 0) charges += 2n;
    if (policy.maxOwnerShareBps < 10_000) charges += 1n;
    const newcomers = candidates.filter(({ isNewcomer }) => isNewcomer).length;
    if (newcomers > 0 && newcomers < candidates.length) charges += 1n;
    return (missCostWei + charges * this.chargeWei) * E12;
  }

  private finishMs({ load, provingMsP95 }: Candidate, [primaries, standbys]: Won): number {
    const queueMs = load.runningMs + load.standbyMs + (primaries + standbys) * provingMsP95;
    return this.input.nowMs + Math.ceil(queueMs / load.slots) + provingMsP95;
  }

  private hasRoom(one: Candidate, [primaries, standbys]: Won, held: boolean): boolean {
    if (one.ineligible !== null || BigInt(one.bid.priceWei) > this.input.maxPriceWei) return false;
    if (held && one.isNewcomer && one.heldJobs + primaries + standbys > 0) return false;
    return primaries + standbys < one.bid.maxJobs;
  }

  private canPay(one: Candidate, primaries: number, standbys: number): boolean {
    const largestWei = 2n * this.input.requestMaxPriceWei + this.lateWei;
    return BigInt(primaries) * largestWei + BigInt(standbys) * this.lateWei <= one.freeWei;
  }

  canBePrimary(one: Candidate, won: Won, held = this.holdsNewcomers): boolean {
    return (
      this.hasRoom(one, won, held) && this.finishMs(one, won) <= this.dueMs && this.canPay(one, won[0] + 1, won[1])
    );
  }

  private canBeBackup(one: Candidate, won: Won): boolean {
    if (this.holdsNewcomers && one.isNewcomer) return false;
    return this.hasRoom(one, won, this.holdsNewcomers) && this.canPay(one, won[0], won[1] + 1);
  }

  /** Chance to miss within `availableMs` of work that is promised to take `promisedMs`. */
  private miss(one: Candidate, promisedMs: number, availableMs: number): number {
    const { latenessPct } = this.input.parameters;
    const level = latenessPct.findLastIndex((pct) => Math.ceil((promisedMs * pct) / 100) <= availableMs);
    return level < 0 ? 1_000_000 : one.missPpm[level]!;
  }

  /** Every way to sell one job after so much was won. */
  waysAfter(won: readonly Won[]): Way[] {
    const ways: Way[] = [];
    const capped = this.cappedOwners(won);
    for (const [at, one] of this.candidates.entries()) {
      if (!this.canBePrimary(one, won[at]!)) continue;
      const isCapped = capped.has(one.owner);
      for (let other = -1; other < this.candidates.length; other += 1) {
        const key = `${at} ${won[at]} ${other} ${other < 0 ? '' : won[other]} ${isCapped}`;
        let found = this.pairs.get(key);
        if (!found) {
          found = other < 0 ? this.alone(at, won[at]!, isCapped) : this.covered(at, other, won, isCapped);
          this.pairs.set(key, found);
        }
        ways.push(...found);
      }
    }
    return ways;
  }

  private cappedOwners(won: readonly Won[]): Set<string> {
    const { policy, jobIds } = this.input;
    if (policy.maxOwnerShareBps === 10_000) return new Set();
    const cap = Math.max(1, Math.floor((jobIds.length * policy.maxOwnerShareBps) / 10_000));
    const owned = new Map<string, number>();
    this.candidates.forEach(({ owner }, at) => {
      owned.set(owner, (owned.get(owner) ?? 0) + won[at]![0]);
    });
    return new Set([...owned].filter(([, jobs]) => jobs >= cap).map(([owner]) => owner));
  }

  private alone(at: number, won: Won, isCapped: boolean): Way[] {
    const { nowMs, deadlineMs, missCostWei, parameters, policy } = this.input;
    const one = this.candidates[at]!;
    const finishMs = this.finishMs(one, won);
    const q = this.miss(one, finishMs - nowMs, deadlineMs - parameters.deliveryMarginMs - nowMs);
    const plain = BigInt(one.bid.priceWei) * E12 + BigInt(q) * E6 * missCostWei;
    const unmet = [
      ...(policy.backup === 'required' ? ['backup'] : []),
      ...(this.holdsNewcomers && one.isNewcomer ? ['establishedBackup'] : []),
    ];
    const times = { startMs: null, promisedMs: finishMs - nowMs, standbyPromisedMs: 0, freeFromMs: 0, finishMs };
    return this.charge({ primary: at, backup: -1, q, r: 1_000_000, plain, unmet, ...times }, isCapped);
  }

  private covered(at: number, other: number, won: readonly Won[], isCapped: boolean): Way[] {
    const { nowMs, maxPriceWei, missCostWei, parameters, policy } = this.input;
    const [one, two] = [this.candidates[at]!, this.candidates[other]!];
    const [price, standby] = [BigInt(one.bid.priceWei), BigInt(two.bid.standbyWei)];
    if (policy.backup === 'none' || one.owner === two.owner || price + standby > maxPriceWei) return [];
    if (!this.canBeBackup(two, won[other]!)) return [];
    const finishMs = this.finishMs(one, won[at]!);
    const promisedMs = finishMs - nowMs;
    const { load, provingMsP95 } = two;
    const [running, waiting] = won[other]!;
    const standbyPromisedMs = Math.ceil((load.standbyMs + waiting * provingMsP95) / load.slots) + provingMsP95;
    const freeFromMs = nowMs + Math.ceil((load.runningMs + running * provingMsP95) / load.slots);
    const times = { promisedMs, standbyPromisedMs, freeFromMs, finishMs };
    return parameters.latenessPct.flatMap((pct, level) => {
      const startMs = nowMs + parameters.deliveryMarginMs + Math.ceil((promisedMs * pct) / 100);
      const availableMs = this.dueMs - Math.max(startMs, freeFromMs);
      if (standbyPromisedMs > availableMs) return [];
      const q = one.missPpm[level]!;
      const r = this.miss(two, standbyPromisedMs, availableMs);
      const plain =
        (price + standby) * E12 + BigInt(q) * E6 * BigInt(two.bid.priceWei) + BigInt(q) * BigInt(r) * missCostWei;
      return this.charge({ primary: at, backup: other, startMs, q, r, plain, unmet: [], ...times }, isCapped);
    });
  }

  /** Adds what unmet demands are charged; leaves out what costs more than a miss, unless the fastest wins anyway. */
  private charge(way: Omit<Way, 'charged'>, isCapped: boolean): Way[] {
    const { policy, missCostWei } = this.input;
    if (policy.award === 'cheapest' && way.plain > missCostWei * E12) return [];
    const missBoth = BigInt(way.q) * BigInt(way.r);
    const isShort = missBoth > E12 - BigInt(policy.minSuccessPpm) * E6;
    const unmet = [...way.unmet, ...(isCapped ? ['ownerShare'] : []), ...(isShort ? ['success'] : [])];
    const charges = BigInt(unmet.length) * this.chargeWei * E12 + (isShort ? this.chargeWei * missBoth : 0n);
    return [{ ...way, unmet, charged: way.plain + charges }];
  }

  /** The least cost of the next `left` jobs after so much was won. */
  leastCost(left = this.input.jobIds.length, won: readonly Won[] = this.candidates.map((): Won => [0, 0])): bigint {
    if (left === 0) return 0n;
    const key = `${left}:${won.join(';')}`;
    const known = this.rest.get(key);
    if (known !== undefined) return known;
    let least = this.nobody * BigInt(left);
    const cheapest = new Map<string, Way>();
    for (const way of this.waysAfter(won)) {
      const who = `${way.primary} ${way.backup}`;
      const before = cheapest.get(who);
      if (!before || way.charged < before.charged) cheapest.set(who, way);
    }
    for (const way of cheapest.values()) {
      const cost = way.charged + this.leastCost(left - 1, afterWay(won, way));
      if (cost < least) least = cost;
    }
    this.rest.set(key, least);
    return least;
  }

  /** The way that an award stands for, found among all that there are after so much was won. */
  wayOf(award: Award, won: readonly Won[]): Way | undefined {
    const at = (prover: string | undefined) => this.candidates.findIndex(({ bid }) => bid.prover === prover);
    return this.waysAfter(won).find(
      (way) =>
        way.primary === at(award.primary.prover) &&
        way.backup === at(award.backup?.prover) &&
        way.startMs === award.backupStartMs,
    );
  }
}

/** What has been won once a job was sold in a way. */
export function afterWay(won: readonly Won[], { primary, backup }: Pick<Way, 'primary' | 'backup'>): Won[] {
  return won.map(([primaries, standbys], at): Won => {
    return [primaries + (at === primary ? 1 : 0), standbys + (at === backup ? 1 : 0)];
  });
}

/** The ways that the awards of a round stand for, each checked to be possible after those before it. */
export function waysOf(model: ClearingModel, awards: readonly Award[]): Way[] {
  let won = model.candidates.map((): Won => [0, 0]);
  return awards.map((award) => {
    const way = model.wayOf(award, won);
    if (!way) throw new Error(`no rule allows ${JSON.stringify(award)}`);
    won = afterWay(won, way);
    return way;
  });
}

/** Price and standby fee of every award by the formulas, from what the round would have cost without each owner. */
export function pricesOf(
  input: ClearingInput,
  ways: readonly Way[],
  dearerWithout: (owner: string) => bigint,
): { priceWei: bigint; feeWei: bigint }[] {
  const { candidates, maxPriceWei, policy } = input;
  const seats = ways.flatMap(({ primary, backup }) => (backup < 0 ? [primary] : [primary, backup]));
  const extra = (at: number) => {
    if (policy.pricing === 'first') return 0n;
    const { owner } = candidates[at]!;
    const held = seats.filter((seat) => candidates[seat]!.owner === owner).length;
    const dearer = dearerWithout(owner);
    return dearer > 0n ? dearer / BigInt(held) / E12 : 0n;
  };
  const least = (a: bigint, b: bigint) => (a < b ? a : b);
  return ways.map(({ primary, backup }) => {
    const priceBid = BigInt(candidates[primary]!.bid.priceWei);
    const feeWei =
      backup < 0 ? 0n : least(BigInt(candidates[backup]!.bid.standbyWei) + extra(backup), maxPriceWei - priceBid);
    return { priceWei: least(priceBid + extra(primary), maxPriceWei - feeWei), feeWei };
  });
}
