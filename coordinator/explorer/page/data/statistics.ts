/** What a list of jobs comes to, for people: sums over a window of the newest jobs, not over all time. */
import type { JobBrief } from '#protocol/browseViews.js';

/** One prover's part in a list of jobs. Money in wei. */
export interface ProverShare {
  prover: string;
  owner: string;
  asPrimary: number;
  asBackup: number;
  delivered: number;
  /** Primary assignments that ended, and those of them that the primary delivered before a backup was called. */
  ended: number;
  onTime: number;
  /** Prices and standby fees of delivered jobs, as awarded. */
  earnedWei: bigint;
}

export interface MarketStatistics {
  awarded: number;
  ended: number;
  proven: number;
  /** Proven by the primary before its backup was called. */
  onTime: number;
  running: number;
  medianPriceWei: bigint | null;
  shares: ProverShare[];
  /** 1 / sum of squared shares of what owners earned: as many equal owners would be as concentrated. */
  equalOwners: number | null;
  /** Largest part of what was earned by one owner, 0 to 1. */
  largestOwnerShare: number | null;
}

/** True when a job was delivered by its primary without its backup having been called. */
export function isOnTime(job: Pick<JobBrief, 'deliveredBy' | 'activatedAtMs'>): boolean {
  return job.deliveredBy === 'primary' && job.activatedAtMs === null;
}

export function statisticsOf(jobs: readonly JobBrief[]): MarketStatistics {
  const awarded = jobs.filter(({ primary }) => primary !== null);
  const ended = awarded.filter(({ status }) => status === 'ended');
  const shares = sharesOf(awarded);
  const owners = new Map<string, bigint>();
  for (const { owner, earnedWei } of shares) owners.set(owner, (owners.get(owner) ?? 0n) + earnedWei);
  const total = [...owners.values()].reduce((sum, one) => sum + one, 0n);
  const parts = total === 0n ? [] : [...owners.values()].map((one) => Number((one * 1_000_000n) / total) / 1_000_000);
  const squares = parts.reduce((sum, part) => sum + part * part, 0);
  return {
    awarded: awarded.length,
    ended: ended.length,
    proven: ended.filter(({ outcome }) => outcome === 'proven').length,
    onTime: ended.filter(isOnTime).length,
    running: jobs.filter(({ status }) => status === 'awarded').length,
    medianPriceWei: median(awarded.map(({ priceWei }) => BigInt(priceWei))),
    shares,
    equalOwners: squares > 0 ? 1 / squares : null,
    largestOwnerShare: parts.length > 0 ? Math.max(...parts) : null,
  };
}

function sharesOf(awarded: readonly JobBrief[]): ProverShare[] {
  const shares = new Map<string, ProverShare>();
  const shareOf = ({ prover, owner }: { prover: string; owner: string }) => {
    const known = shares.get(prover);
    if (known) return known;
    const counts = { asPrimary: 0, asBackup: 0, delivered: 0, ended: 0, onTime: 0, earnedWei: 0n };
    const fresh = { prover, owner, ...counts };
    shares.set(prover, fresh);
    return fresh;
  };
  for (const job of awarded) {
    const { primary, backup, deliveredBy } = job;
    const first = shareOf(primary!);
    first.asPrimary += 1;
    if (job.status === 'ended') first.ended += 1;
    if (isOnTime(job)) first.onTime += 1;
    if (deliveredBy === 'primary') {
      first.delivered += 1;
      first.earnedWei += BigInt(job.priceWei);
    }
    if (!backup) continue;
    const second = shareOf(backup);
    second.asBackup += 1;
    if (job.outcome === 'proven') second.earnedWei += BigInt(job.standbyFeeWei);
    if (deliveredBy === 'backup') {
      second.delivered += 1;
      second.earnedWei += BigInt(backup.priceBidWei);
    }
  }
  return [...shares.values()].sort((a, b) => (a.earnedWei < b.earnedWei ? 1 : a.earnedWei > b.earnedWei ? -1 : 0));
}

/** What was paid in the jobs of one clearing. Money in wei. */
export interface ClearingPrices {
  atMs: number;
  /** Medians of its jobs. */
  priceWei: bigint;
  feeWei: bigint;
  /** The lowest bid that won as primary. */
  floorWei: bigint;
}

/** The prices of each clearing, first to last: jobs that were awarded in one moment. */
export function clearingsOf(jobs: readonly JobBrief[]): ClearingPrices[] {
  const groups = new Map<number, JobBrief[]>();
  for (const job of jobs) {
    if (!job.primary || job.awardedAtMs === null) continue;
    groups.set(job.awardedAtMs, [...(groups.get(job.awardedAtMs) ?? []), job]);
  }
  return [...groups]
    .sort(([a], [b]) => a - b)
    .map(([atMs, sold]) => ({
      atMs,
      priceWei: median(sold.map(({ priceWei }) => BigInt(priceWei)))!,
      feeWei: median(sold.map(({ standbyFeeWei }) => BigInt(standbyFeeWei)))!,
      floorWei: sold.map(({ primary }) => BigInt(primary!.priceBidWei)).reduce((a, b) => (b < a ? b : a)),
    }));
}

export function median(amounts: readonly bigint[]): bigint | null {
  const sorted = [...amounts].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? null;
}

export function sum(amounts: readonly (bigint | string)[]): bigint {
  return amounts.reduce<bigint>((total, one) => total + BigInt(one), 0n);
}
