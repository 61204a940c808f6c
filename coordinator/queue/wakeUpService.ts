/**
 * Wake-ups at work. A row of `wake_ups` is the truth, written with the state it belongs to; a bell (a delayed queueJob)
 * only saves the waiting. Every few seconds all rows that are due soon get a bell again, and rows that are overdue are
 * handled at once, so that a flushed or lost queue loses nothing. Handling is idempotent: it goes through the writer.
 */
import type { Pool } from 'pg';
import type { Journal } from '#journal/journalPort.js';
import type { WakeUp, WakeUpKind } from '#market/wakeUps.js';
import type { BellQueue } from './bellQueue.js';
import type { Judge } from './judge.js';
import type { RoundCloser } from './roundCloser.js';

/** Rows due within this time have a bell; later ones get theirs from a later sweep. */
export const BELL_HORIZON_MS = 10_000;

/** How often the rows are swept. */
export const SWEEP_INTERVAL_MS = 2_000;

/** A row so long overdue has lost its bell. */
export const OVERDUE_MS = 1_000;

const SWEEP_ROWS_MAX = 5_000;

export interface WakeUpServiceOptions {
  pool: Pool;
  journal: Journal;
  bells: BellQueue;
  judge: Judge;
  closer: RoundCloser;
  nowMs: () => number;
  log: { error(fields: object, message: string): void };
}

export interface WakeUpService {
  /** Rings bells for wake-ups that a commit has added. */
  arm(wakeUps: WakeUp[]): void;
  /** Arms and handles what the table holds; also runs every {@link SWEEP_INTERVAL_MS}. */
  sweep(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts to handle wake-ups, beginning with a sweep of what was left. */
export async function startWakeUps(options: WakeUpServiceOptions): Promise<WakeUpService> {
  const { bells, log } = options;
  let sweeping: Promise<void> | null = null;
  const arm = (wakeUps: WakeUp[]) => {
    const horizonMs = options.nowMs() + BELL_HORIZON_MS;
    const soon = wakeUps.filter(({ dueMs, kind }) => dueMs <= horizonMs && kind !== 'verifyZkProof');
    if (soon.length > 0) bells.ring(soon).catch((error) => log.error({ err: error }, 'bells could not be rung'));
  };
  const sweep = () => {
    sweeping ??= sweepRows(options).finally(() => {
      sweeping = null;
    });
    return sweeping;
  };
  await bells.start((bell) => handle(options, bell.kind as WakeUpKind, bell.key, bell.dueMs), { concurrency: 8 });
  await sweep();
  const timer = setInterval(() => {
    sweep().catch((error) => log.error({ err: error }, 'the sweep of wake-ups failed'));
  }, SWEEP_INTERVAL_MS);
  return {
    arm,
    sweep,
    stop: async () => {
      clearInterval(timer);
      await sweeping?.catch(() => {});
      await bells.close();
    },
  };
}

async function sweepRows(options: WakeUpServiceOptions): Promise<void> {
  const nowMs = options.nowMs();
  const { rows } = await options.pool.query<{ kind: WakeUpKind; key: string; due_ms: string }>(
    'SELECT kind, key, due_ms FROM wake_ups WHERE due_ms <= $1 ORDER BY due_ms LIMIT $2',
    [nowMs + BELL_HORIZON_MS + SWEEP_INTERVAL_MS, SWEEP_ROWS_MAX],
  );
  const wakeUps = rows.map(({ kind, key, due_ms }) => ({ kind, key, dueMs: Number(due_ms) }));
  const overdue = wakeUps.filter(({ dueMs }) => dueMs < nowMs - OVERDUE_MS);
  const soon = wakeUps.filter(({ dueMs }) => dueMs >= nowMs - OVERDUE_MS);
  if (soon.length > 0) await options.bells.ring(soon);
  await Promise.all(overdue.map(({ kind, key, dueMs }) => handle(options, kind, key, dueMs)));
}

/** Handles one wake-up: re-reads, decides, and does nothing when there is nothing left to do. */
async function handle(options: WakeUpServiceOptions, kind: WakeUpKind, key: string, dueMs: number): Promise<void> {
  const earlyMs = dueMs - options.nowMs();
  if (earlyMs > 0) await new Promise((resolve) => setTimeout(resolve, Math.min(earlyMs, OVERDUE_MS)));
  switch (kind) {
    case 'closeRound':
      await options.closer.close(key);
      return;
    case 'activateBackup':
    case 'expireJob':
      await options.journal.execute({ kind, jobId: key }, null);
      return;
    case 'verifyZkProof':
      await options.judge.judgeJob(key);
  }
}
