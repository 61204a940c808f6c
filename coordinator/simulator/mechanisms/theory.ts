/**
 * What the chosen pair should achieve: the chance that primary or backup is in time, from their true failure rates and the
 * distribution of their proving times, with what stands in their queues at the award.
 */
import { normalShare } from './draws.js';
import { deliveryChance, type Prover } from './population.js';
import { DURATION_SIGMA } from './scenario.js';
import type { SimJob, SimMarket, SimWork } from './simMarket.js';

/** The mean moment at which a prover that vanishes does so, as a share of its proving time. */
const VANISHES_AT = 0.5;

/**
 * The chance that a job is delivered in time by its pair, before the primary's work is queued.
 * @param backupStartMs - when the backup starts at the latest; null without one
 * @param leaseMs - how long after a primary has vanished its backup starts
 */
export function pairTheory(
  market: SimMarket,
  job: SimJob,
  primary: Prover,
  backup: Prover | null,
  backupStartMs: number | null,
  leaseMs: number,
): number {
  const startMs = market.workshopOf(primary).expectedStartMs();
  const tooSlow = 1 - normalShare(Math.log((job.deadlineMs - startMs) / primary.medianMs) / DURATION_SIGMA);
  const slow = (1 - primary.failing) * tooSlow;
  if (!backup || backupStartMs === null) return 1 - primary.failing - slow;
  const noticedMs = Math.min(backupStartMs, startMs + VANISHES_AT * primary.medianMs + leaseMs);
  const queueMs = Math.max(0, market.workshopOf(backup).expectedStartMs() - noticedMs);
  const coverAt = (atMs: number) => deliveryChance(backup, job.deadlineMs - atMs - queueMs);
  return 1 - primary.failing * (1 - coverAt(noticedMs)) - slow * (1 - coverAt(backupStartMs));
}

/** The chance that somebody in a race that begins now is in time, from true failure rates. */
export function raceTheory(runners: readonly Prover[], availableMs: number): number {
  return 1 - runners.reduce((miss, prover) => miss * (1 - deliveryChance(prover, availableMs)), 1);
}

/** True when work cannot deliver in time, as only the simulation knows: for the theory, not for those who decide. */
export function isLost({ state, willVanish, startedMs, durationMs, job }: SimWork): boolean {
  return state === 'vanished' || willVanish || (startedMs !== null && startedMs + durationMs >= job.deadlineMs);
}
