import type { Pool } from 'pg';
import type { ProgressView } from '#protocol/views.js';
import type { ApiLog } from './apiDeps.js';
import { SoonWriter } from './soonWriter.js';

/** Longest time that a sign of life stands in memory only. */
export const FLUSH_MS = 200;

/** Rows of one statement. */
const FLUSH_ROWS_MAX = 5_000;

const UPSERT = `
  INSERT INTO heartbeats (job_id, prover, last_seen_ms, stage, progress_ppm, expected_end_ms)
  SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::int[], $6::bigint[])
  ON CONFLICT (job_id, prover) DO UPDATE SET
    last_seen_ms = excluded.last_seen_ms, stage = excluded.stage,
    progress_ppm = excluded.progress_ppm, expected_end_ms = excluded.expected_end_ms
  WHERE heartbeats.last_seen_ms <= excluded.last_seen_ms`;

export interface HeartbeatsOptions {
  pool: Pool;
  log: ApiLog;
  /** {@link FLUSH_MS} unless told. */
  flushMs?: number;
}

/**
 * The last sign of life of each assignment's agent: in memory, and written to the database in bulk soon after, so that
 * another replica, or this one after a restart, sees it too. No entries of the log; what follows from a missing one is.
 */
export class Heartbeats {
  readonly #options: HeartbeatsOptions;
  /** By job, then by prover. */
  readonly #seen = new Map<string, Map<string, ProgressView>>();
  readonly #unwritten = new Map<string, ProgressView>();
  readonly #ended = new Set<string>();
  readonly #writer: SoonWriter;

  constructor(options: HeartbeatsOptions) {
    this.#options = options;
    this.#writer = new SoonWriter({
      write: () => this.#write(),
      withinMs: options.flushMs ?? FLUSH_MS,
      onFailure: (error) => options.log.error('heartbeats could not be written', { err: error }),
    });
  }

  /** Reads what the database has: after a restart the leases go on where they were. */
  async load(): Promise<void> {
    const { rows } = await this.#options.pool.query(
      'SELECT job_id, prover, last_seen_ms, stage, progress_ppm, expected_end_ms FROM heartbeats',
    );
    for (const row of rows) {
      this.#keep({
        jobId: row.job_id,
        prover: row.prover,
        lastSeenMs: Number(row.last_seen_ms),
        stage: row.stage,
        progressPpm: row.progress_ppm,
        expectedEndMs: row.expected_end_ms === null ? null : Number(row.expected_end_ms),
      });
    }
  }

  /** Takes a report of an agent that holds an assignment of the job. It is durable within {@link FLUSH_MS} or so. */
  note(report: ProgressView): void {
    if (!this.#keep(report)) return;
    this.#unwritten.set(`${report.jobId} ${report.prover}`, report);
    this.#writer.schedule();
  }

  /** Drops a job that has ended, here and in the database. */
  forget(jobId: string): void {
    const provers = this.#seen.get(jobId);
    if (!provers) return;
    for (const prover of provers.keys()) this.#unwritten.delete(`${jobId} ${prover}`);
    this.#seen.delete(jobId);
    this.#ended.add(jobId);
    this.#writer.schedule();
  }

  /** The last sign of life that this process knows of, Unix milliseconds. The database may know of a later one. */
  lastSeenMs(jobId: string, prover: string): number | undefined {
    return this.#seen.get(jobId)?.get(prover)?.lastSeenMs;
  }

  /** Writes now what is only in memory. Throws when the database fails; what was not written is kept. */
  flush(): Promise<void> {
    return this.#writer.flush();
  }

  #keep(report: ProgressView): boolean {
    const provers = this.#seen.get(report.jobId) ?? new Map<string, ProgressView>();
    const known = provers.get(report.prover);
    if (known && known.lastSeenMs > report.lastSeenMs) return false;
    provers.set(report.prover, report);
    this.#seen.set(report.jobId, provers);
    return true;
  }

  async #write(): Promise<void> {
    const { pool } = this.#options;
    while (this.#unwritten.size > 0) {
      // One order for all replicas, or two statements could wait for each other.
      const keys = [...this.#unwritten.keys()].sort().slice(0, FLUSH_ROWS_MAX);
      const rows = keys.map((key) => this.#unwritten.get(key)!);
      await pool.query(UPSERT, [
        rows.map((row) => row.jobId),
        rows.map((row) => row.prover),
        rows.map((row) => row.lastSeenMs),
        rows.map((row) => row.stage),
        rows.map((row) => row.progressPpm),
        rows.map((row) => row.expectedEndMs),
      ]);
      for (const [index, key] of keys.entries()) {
        if (this.#unwritten.get(key) === rows[index]) this.#unwritten.delete(key);
      }
    }
    if (this.#ended.size === 0) return;
    const ended = [...this.#ended];
    await pool.query('DELETE FROM heartbeats WHERE job_id = ANY($1)', [ended]);
    for (const jobId of ended) this.#ended.delete(jobId);
  }
}
