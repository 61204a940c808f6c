/**
 * What the log shows of a prover on a circuit: how its assignments went, and how long it takes to prove. Clearing uses
 * this record, not the prover's word.
 */
import type { Parameters } from '#protocol/parameters.js';
import type { Address, Hex } from '#protocol/units.js';
import { lacksInput } from './fault.js';
import {
  type Assignment,
  type Job,
  type MarketState,
  NEVER,
  type Outcome,
  type ProverRecord,
  pinnedParameters,
  recordKey,
  type Submission,
} from './state.js';

/** The record of a prover on a circuit, made when there is none yet. */
function recordOf(state: MarketState, prover: Address, circuitId: Hex): ProverRecord {
  const key = recordKey(prover, circuitId);
  const found = state.records.get(key);
  if (found) return found;
  const fresh = { prover, circuitId, accepted: 0, outcomes: [], provingMs: [], receivedAtMs: [] };
  state.records.set(key, fresh);
  return fresh;
}

/**
 * Keeps the proving time of an accepted zkProof: from the start of the assignment, or from the zkProof that left the
 * prover a slot if that was later, to its receipt.
 * @returns that time in milliseconds; null for a zkProof from the pool, whose beginning nobody knows
 */
export function recordProving(state: MarketState, job: Job, submission: Submission): number | null {
  const { provingSamplesMax } = pinnedParameters(state, job);
  const record = recordOf(state, submission.prover, job.circuitId);
  record.accepted += 1;
  if (submission.role === 'pool') return null;
  const side = (submission.role === 'primary' ? job.primary : job.backup) as Assignment;
  const slotFreeMs = record.receivedAtMs.at(-side.slots) ?? 0;
  const startMs = Math.max(side.activeSinceMs ?? submission.receivedAtMs, slotFreeMs);
  const provingMs = Math.max(1, submission.receivedAtMs - startMs);
  record.provingMs = [...record.provingMs, provingMs].slice(-provingSamplesMax);
  record.receivedAtMs = [...record.receivedAtMs, submission.receivedAtMs]
    .sort((a, b) => a - b)
    .slice(-provingSamplesMax);
  return provingMs;
}

/** Keeps how an ended job went for each of its sides; for whoever is excused nothing is kept. */
export function recordOutcomes(state: MarketState, job: Job, atMs: number, excused: readonly Address[] = []): void {
  const parameters = pinnedParameters(state, job);
  for (const side of [job.primary, job.backup]) {
    if (!side || isExcused(job, side, excused)) continue;
    const latenessPct = side === job.primary ? primaryLateness(job, parameters) : backupLateness(job, parameters);
    const record = recordOf(state, side.prover, job.circuitId);
    const outcome: Outcome = { atMs, latenessPct, reachable: !side.leaseMissed };
    record.outcomes = [...record.outcomes, outcome].slice(-parameters.outcomesMax);
  }
}

/** Whoever delivered needs no excuse; an excuse, or an input that the coordinator did not serve, is for the others. */
function isExcused(job: Job, side: Assignment, excused: readonly Address[]): boolean {
  const { deliveredBy } = job;
  const hasDelivered = deliveredBy !== null && deliveredBy !== 'pool' && side === job[deliveredBy];
  return !hasDelivered && (excused.includes(side.prover) || lacksInput(side));
}

/** A primary that had not delivered when somebody else ended the job never did. */
function primaryLateness(job: Job, parameters: Parameters): number {
  const { primary, deliveredBy } = job;
  if (deliveredBy !== 'primary' || !primary) return NEVER;
  return latenessPct(primary, primary.activeSinceMs ?? 0, acceptedOf(job).receivedAtMs, parameters);
}

/** A backup that was called but overtaken by its primary is not judged; one that gave up is, called or not. */
function backupLateness(job: Job, parameters: Parameters): number | null {
  const { backup, deliveredBy, activatedAtMs } = job;
  if (!backup) return null;
  if (deliveredBy === 'backup') {
    const fromMs = Math.max(backup.activeSinceMs ?? 0, backup.freeFromMs);
    return latenessPct(backup, fromMs, acceptedOf(job).receivedAtMs, parameters);
  }
  if (backup.status === 'gaveUp') return NEVER;
  return activatedAtMs === null || deliveredBy === 'primary' ? null : NEVER;
}

/** Time taken in percent of the promised, rounded up; the delivery margin is not counted. */
function latenessPct(side: Assignment, fromMs: number, receivedAtMs: number, parameters: Parameters): number {
  const takenMs = Math.max(0, receivedAtMs - fromMs - parameters.deliveryMarginMs);
  return Math.min(NEVER - 1, Math.ceil((takenMs * 100) / side.promisedMs));
}

function acceptedOf(job: Job): Submission {
  return job.submissions.find(({ verdict }) => verdict === 'valid') as Submission;
}

/** The outcomes that count at a moment: none that are older than the window. */
export function recentOutcomes(record: ProverRecord | undefined, parameters: Parameters, nowMs: number): Outcome[] {
  return (record?.outcomes ?? []).filter(({ atMs }) => atMs >= nowMs - parameters.recordWindowMs);
}

/**
 * The on-time curve, turned round: at each point of the grid the chance, in parts per million, that the prover has not
 * delivered by then. Smoothed by the prior; never rises.
 */
export function missCurve(record: ProverRecord | undefined, parameters: Parameters, nowMs: number): number[] {
  const { priorJobs, priorOnTimePpm } = parameters;
  const proven = recentOutcomes(record, parameters, nowMs).flatMap((one) => one.latenessPct ?? []);
  return parameters.latenessPct.map((pct, at) => {
    const onTime = proven.filter((lateness) => lateness <= pct).length;
    return 1_000_000 - Math.floor((priorJobs * priorOnTimePpm[at]! + 1_000_000 * onTime) / (priorJobs + proven.length));
  });
}

/** Longest proving time that a bid can promise and an award can state, in milliseconds: a day. */
const PROVING_MS_MAX = 86_400_000;

/** The larger of the promised and the measured p95 of proving time, in milliseconds, at most a day. */
export function provingMsP95(promisedMs: number, record: ProverRecord | undefined, parameters: Parameters): number {
  const samples = record?.provingMs ?? [];
  if (samples.length < parameters.provingSamplesMin) return promisedMs;
  const sorted = [...samples].sort((a, b) => a - b);
  const measuredMs = sorted[Math.ceil((95 * sorted.length) / 100) - 1]!;
  return Math.min(PROVING_MS_MAX, Math.max(promisedMs, measuredMs));
}
