/** What a list of jobs comes to, for people: sums over a window of the newest jobs, not over all time. */
import type { JobBrief } from '#protocol/browseViews.js';

/** One prover's part in a list of jobs. Money in wei. */
export interface ProverShare {
  prover: string;
  owner: string;
  asPrimary: number;
  asBackup: number;
  delivered: number;
  /** Deliveries from the pool; they count as delivered too. */
  fromPool: number;
  /** Primary assignments that ended, and those of them that the primary delivered before a backup was called. */
  ended: number;
  onTime: number;
  /** Prices and standby fees of delivered jobs, as awarded or committed to. */
  earnedWei: bigint;
}

export interface MarketStatistics {
  awarded: number;
  ended: number;
  proven: number;
  /** Proven by the primary before its backup was called. */
  onTime: number;
  running: number;
  /** Jobs that wait in the pool, unsold, and jobs that were delivered from it. */
  pooled: number;
  fromPool: number;
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

/** @param ownerOf - the owner of a prover that delivered from the pool, which has no award */
export function statisticsOf(jobs: readonly JobBrief[], ownerOf: (prover: string) => string): MarketStatistics {
  const awarded = jobs.filter(({ primary }) => primary !== null);
  const ended = awarded.filter(({ status }) => status === 'ended');
  const shares = sharesOf(jobs, ownerOf);
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
    pooled: jobs.filter(({ status }) => status === 'pooled').length,
    fromPool: jobs.filter(({ deliveredBy }) => deliveredBy === 'pool').length,
    medianPriceWei: median(awarded.map(({ priceWei }) => BigInt(priceWei))),
    shares,
    equalOwners: squares > 0 ? 1 / squares : null,
    largestOwnerShare: parts.length > 0 ? Math.max(...parts) : null,
  };
}

function sharesOf(jobs: readonly JobBrief[], ownerOf: (prover: string) => string): ProverShare[] {
  const shares = new Map<string, ProverShare>();
  const shareOf = ({ prover, owner }: { prover: string; owner: string }) => {
    const known = shares.get(prover);
    if (known) return known;
    const counts = { asPrimary: 0, asBackup: 0, delivered: 0, fromPool: 0, ended: 0, onTime: 0, earnedWei: 0n };
    const fresh = { prover, owner, ...counts };
    shares.set(prover, fresh);
    return fresh;
  };
  for (const job of jobs) {
    if (job.primary) countPrimary(job, shareOf(job.primary));
    if (job.backup) countBackup(job, shareOf(job.backup), job.backup);
    if (job.deliveredBy !== 'pool' || job.deliverer === null) continue;
    const rescuer = shareOf({ prover: job.deliverer, owner: ownerOf(job.deliverer) });
    rescuer.delivered += 1;
    rescuer.fromPool += 1;
    rescuer.earnedWei += BigInt(job.poolPriceWei ?? 0);
  }
  return [...shares.values()].sort((a, b) => (a.earnedWei < b.earnedWei ? 1 : a.earnedWei > b.earnedWei ? -1 : 0));
}

function countPrimary(job: JobBrief, share: ProverShare): void {
  share.asPrimary += 1;
  if (job.status === 'ended') share.ended += 1;
  if (isOnTime(job)) share.onTime += 1;
  if (job.deliveredBy !== 'primary') return;
  share.delivered += 1;
  share.earnedWei += BigInt(job.priceWei);
}

function countBackup(job: JobBrief, share: ProverShare, backup: NonNullable<JobBrief['backup']>): void {
  share.asBackup += 1;
  const { leaseMissed, status, excuse } = backup;
  const stoodBy = !leaseMissed && status !== 'gaveUp' && (job.deliveredBy === 'primary' || excuse !== null);
  if (job.outcome === 'proven' && (stoodBy || job.deliveredBy === 'backup')) {
    share.earnedWei += BigInt(job.standbyFeeWei);
  }
  if (job.deliveredBy !== 'backup') return;
  share.delivered += 1;
  share.earnedWei += BigInt(backup.priceBidWei);
}

/** What the requester owes at most for a job that was proven: what was agreed at its award, or what the pool asked. */
export function agreedWei({ primary, priceWei, standbyFeeWei, poolPriceWei }: JobBrief): bigint {
  return primary ? BigInt(priceWei) + BigInt(standbyFeeWei) : BigInt(poolPriceWei ?? 0);
}

/** What was paid in the jobs of one clearing. Money in wei. */
export interface ClearingPrices {
  atMs: number;
  /** How many jobs. */
  sold: number;
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
      sold: sold.length,
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
