/**
 * Watches what agents say, and what they do not: an assignment whose agent is silent for longer than `leaseMs` is taken to
 * be lost, and a primary whose agent expects to be late has its backup called. Heartbeats are rows, not entries; what
 * follows from one, or from a missing one, is an entry.
 */
import type { Pool } from 'pg';
import type { Journal } from '#journal/journalPort.js';
import { isPredictedMiss, leaseEndsMs } from '#market/commands/cover.js';
import type { Address } from '#protocol/units.js';

/** How often the leases are looked at. */
export const LEASE_CHECK_INTERVAL_MS = 1_000;

export interface LeaseMonitor {
  check(): Promise<void>;
  /** Resolves when the check that may be under way has ended. */
  stop(): Promise<void>;
}

interface Held {
  jobId: string;
  prover: Address;
}

/** Starts to watch the leases of all awarded jobs. */
export function startLeaseMonitor(options: {
  pool: Pool;
  journal: Journal;
  nowMs: () => number;
  log: { error(fields: object, message: string): void };
}): LeaseMonitor {
  const lastSeen = new Map<string, number>();
  let checking: Promise<void> | null = null;
  const check = () => {
    checking ??= Promise.all([checkLeases(options, lastSeen), checkForecasts(options)])
      .then(() => undefined)
      .finally(() => {
        checking = null;
      });
    return checking;
  };
  const timer = setInterval(() => {
    check().catch((error) => options.log.error({ err: error }, 'the check of leases failed'));
  }, LEASE_CHECK_INTERVAL_MS);
  return {
    check,
    stop: async () => {
      clearInterval(timer);
      await checking?.catch(() => {});
    },
  };
}

const keyOf = ({ jobId, prover }: Held) => `${jobId}|${prover}`;

async function checkLeases(
  { pool, journal, nowMs }: { pool: Pool; journal: Journal; nowMs: () => number },
  lastSeen: Map<string, number>,
): Promise<void> {
  const held = heldLeases(journal);
  const current = new Set(held.map(keyOf));
  for (const key of lastSeen.keys()) if (!current.has(key)) lastSeen.delete(key);
  const doubtful = held.filter((one) => isOver(journal, one, lastSeen.get(keyOf(one)) ?? 0, nowMs()));
  if (doubtful.length === 0) return;
  const { rows } = await pool.query<{ job_id: string; prover: Address; last_seen_ms: string }>(
    'SELECT job_id, prover, last_seen_ms FROM heartbeats WHERE job_id = ANY($1)',
    [doubtful.map(({ jobId }) => jobId)],
  );
  for (const row of rows) lastSeen.set(keyOf({ jobId: row.job_id, prover: row.prover }), Number(row.last_seen_ms));
  const over = doubtful.filter((one) => isOver(journal, one, lastSeen.get(keyOf(one)) ?? 0, nowMs()));
  await Promise.all(
    over.map(({ jobId, prover }) => {
      const lastSeenMs = lastSeen.get(keyOf({ jobId, prover })) ?? 0;
      return journal.execute({ kind: 'missLease', jobId, prover, lastSeenMs }, null);
    }),
  );
}

/** Calls the backups of primaries whose agents expect a miss. The rules have the last word on what is one. */
async function checkForecasts({ pool, journal }: { pool: Pool; journal: Journal }): Promise<void> {
  const primaries: { jobId: string; prover: Address; dueMs: number }[] = [];
  for (const { jobId, status, primary, backup } of journal.state().jobs.values()) {
    if (status !== 'awarded' || primary?.status !== 'active' || backup?.status !== 'standby') continue;
    primaries.push({ jobId, prover: primary.prover, dueMs: primary.dueMs });
  }
  if (primaries.length === 0) return;
  const { rows } = await pool.query<{ job_id: string; expected_end_ms: string }>(
    `SELECT h.job_id, h.expected_end_ms FROM heartbeats h
     JOIN unnest($1::text[], $2::text[], $3::bigint[]) AS p(job_id, prover, due_ms) USING (job_id, prover)
     WHERE h.expected_end_ms > p.due_ms`,
    [primaries.map(({ jobId }) => jobId), primaries.map(({ prover }) => prover), primaries.map(({ dueMs }) => dueMs)],
  );
  const forecasts = rows.map((row) => ({ jobId: row.job_id, expectedEndMs: Number(row.expected_end_ms) }));
  const missed = forecasts.filter(({ jobId, expectedEndMs }) => {
    const job = journal.state().jobs.get(jobId);
    return job !== undefined && isPredictedMiss(journal.state(), job, expectedEndMs);
  });
  await Promise.all(missed.map((forecast) => journal.execute({ kind: 'predictMiss', ...forecast }, null)));
}

/** Assignments that must give signs of life. */
function heldLeases(journal: Journal): Held[] {
  const held: Held[] = [];
  for (const job of journal.state().jobs.values()) {
    if (job.status !== 'awarded') continue;
    for (const side of [job.primary, job.backup]) {
      if (side && side.status !== 'gaveUp' && !side.leaseMissed) held.push({ jobId: job.jobId, prover: side.prover });
    }
  }
  return held;
}

function isOver(journal: Journal, { jobId }: Held, lastSeenMs: number, nowMs: number): boolean {
  const job = journal.state().jobs.get(jobId);
  return job !== undefined && nowMs >= leaseEndsMs(journal.state(), job, lastSeenMs);
}
