/**
 * What the log shows of a prover on a circuit: how often it needed cover, and how long it takes to prove. Clearing
 * uses this record, not the prover's word.
 */
import type { Parameters } from '#protocol/parameters.js';
import type { Address, Hex } from '#protocol/units.js';
import { lacksInput } from './fault.js';
import {
  type Assignment,
  isLate,
  type Job,
  type MarketState,
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
  const fresh = { prover, circuitId, assigned: 0, missed: 0, provingMs: [], receivedAtMs: [] };
  state.records.set(key, fresh);
  return fresh;
}

/**
 * Keeps the proving time of an accepted zkProof: from the start of the assignment, or from the zkProof that left the
 * prover a slot if that was later, to its receipt.
 * @returns that time in milliseconds
 */
export function recordProving(state: MarketState, job: Job, submission: Submission): number {
  const { provingSamplesMax } = pinnedParameters(state, job);
  const record = recordOf(state, submission.prover, job.circuitId);
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

/**
 * Counts an ended job for those who had to prove it; whoever is excused, or lacked the input, is not counted. A primary whose zkProof came
 * before its backup was called has not missed, however long the verdict took; a backup that gave up has, called or not.
 */
export function recordMiss(state: MarketState, job: Job, excused: readonly Address[] = []): void {
  const isExcused = (side: Assignment) => excused.includes(side.prover) || lacksInput(side);
  if (job.primary && (job.deliveredBy === 'primary' || !isExcused(job.primary))) {
    const record = recordOf(state, job.primary.prover, job.circuitId);
    record.assigned += 1;
    if (job.deliveredBy !== 'primary' || isLate(job, acceptedOf(job).receivedAtMs)) record.missed += 1;
  }
  const refused = job.backup?.status === 'gaveUp';
  if (job.backup && (job.activatedAtMs !== null || refused) && !isExcused(job.backup)) {
    const record = recordOf(state, job.backup.prover, job.circuitId);
    record.assigned += 1;
    if (job.deliveredBy === null || (refused && job.deliveredBy !== 'backup')) record.missed += 1;
  }
}

function acceptedOf(job: Job): Submission {
  return job.submissions.find(({ verdict }) => verdict === 'valid') as Submission;
}

/** Chance, in parts per million, that a prover needs cover: its misses over its assignments, smoothed by the prior. */
export function missPpm(record: ProverRecord | undefined, parameters: Parameters): number {
  const missed = parameters.priorMisses + (record?.missed ?? 0);
  const assigned = parameters.priorJobs + (record?.assigned ?? 0);
  return Math.min(1_000_000, Math.floor((missed * 1_000_000) / assigned));
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
