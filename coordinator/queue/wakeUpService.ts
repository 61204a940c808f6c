/**
 * Wake-ups at work. A row of `wake_ups` is the truth, written with the state it belongs to; a bell (a delayed queueJob)
 * only saves the waiting. Every few seconds all rows that are due soon get a bell again, and rows that are overdue are
 * handled at once, so that a flushed or lost queue loses nothing. Handling is idempotent: it goes through the writer.
 */
import type { Pool } from 'pg';
import type { Journal } from '#journal/journalPort.js';
import type { WakeUp, WakeUpKind } from '#market/wakeUps.js';
import type { Hex } from '#protocol/units.js';
import type { BalanceRooter } from './balanceRooter.js';
import type { BellQueue } from './bellQueue.js';
import type { ChallengeJudge } from './challengeJudge.js';
import type { Judge } from './judge.js';
import type { RoundCloser } from './roundCloser.js';
import type { WitnessJudge } from './witnessJudge.js';

/** Rows due within this time have a bell; later ones get theirs from a later sweep. */
export const BELL_HORIZON_MS = 10_000;

/** How often the rows are swept. */
export const SWEEP_INTERVAL_MS = 2_000;

/** A row so long overdue has lost its bell. */
export const OVERDUE_MS = 1_000;

const SWEEP_ROWS_MAX = 5_000;

/** What is begun when it is committed needs no bell then: its wake-up is for the case that the process dies before. */
const BEGUN_AT_COMMIT: ReadonlySet<WakeUpKind> = new Set(['verifyZkProof', 'verifyChallenge', 'checkWitness']);

export interface WakeUpServiceOptions {
  pool: Pool;
  journal: Journal;
  bells: BellQueue;
  judge: Judge;
  challengeJudge: Pick<ChallengeJudge, 'judge'>;
  witnessJudge: Pick<WitnessJudge, 'judge'>;
  closer: RoundCloser;
  rooter: BalanceRooter;
  nowMs: () => number;
  log: { error(fields: object, message: string): void };
}

export interface WakeUpService {
  /** Rings bells for wake-ups that a commit has added. */
  arm(wakeUps: WakeUp[]): void;
  /** Arms and handles what the table holds, and waits for it; a look of its own comes every {@link SWEEP_INTERVAL_MS}. */
  sweep(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts to handle wake-ups, beginning with a sweep of what was left. */
export async function startWakeUps(options: WakeUpServiceOptions): Promise<WakeUpService> {
  const { bells, log } = options;
  const inHand = new Map<string, Promise<void>>();
  let looking: Promise<void> | null = null;
  const ring = (wakeUps: WakeUp[]) => {
    if (wakeUps.length === 0) return;
    bells.ring(wakeUps).catch((error) => log.error({ err: error }, 'bells could not be rung'));
  };
  const arm = (wakeUps: WakeUp[]) => {
    const horizonMs = options.nowMs() + BELL_HORIZON_MS;
    // What is begun as it is committed needs no bell, unless it waits for earlier claims.
    const needsBell = ({ kind, dueMs }: WakeUp) => !BEGUN_AT_COMMIT.has(kind) || dueMs > options.nowMs();
    ring(wakeUps.filter((one) => one.dueMs <= horizonMs && needsBell(one)));
  };
  // One wake-up that fails or takes long, such as a verdict, must not hold up the others, nor a queue that is away.
  const begin = ({ kind, key, dueMs }: WakeUp) => {
    const id = `${kind} ${key}`;
    if (inHand.has(id)) return;
    const handled = handle(options, kind, key, dueMs)
      .catch((error) => log.error({ err: error, kind, key }, 'a wake-up could not be handled yet'))
      .finally(() => inHand.delete(id));
    inHand.set(id, handled);
  };
  const look = () => {
    looking ??= sweepRows(options, ring, begin).finally(() => {
      looking = null;
    });
    return looking;
  };
  await bells.start((bell) => handle(options, bell.kind as WakeUpKind, bell.key, bell.dueMs), { concurrency: 8 });
  await look();
  const timer = setInterval(() => {
    look().catch((error) => log.error({ err: error }, 'the sweep of wake-ups failed'));
  }, SWEEP_INTERVAL_MS);
  return {
    arm,
    sweep: async () => {
      await look();
      await Promise.all(inHand.values());
    },
    stop: async () => {
      clearInterval(timer);
      await looking?.catch(() => {});
      await Promise.all(inHand.values());
      await bells.close();
    },
  };
}

async function sweepRows(
  options: WakeUpServiceOptions,
  ring: (wakeUps: WakeUp[]) => void,
  begin: (wakeUp: WakeUp) => void,
): Promise<void> {
  const nowMs = options.nowMs();
  const { rows } = await options.pool.query<{ kind: WakeUpKind; key: string; due_ms: string }>(
    'SELECT kind, key, due_ms FROM wake_ups WHERE due_ms <= $1 ORDER BY due_ms LIMIT $2',
    [nowMs + BELL_HORIZON_MS + SWEEP_INTERVAL_MS, SWEEP_ROWS_MAX],
  );
  const wakeUps = rows.map(({ kind, key, due_ms }) => ({ kind, key, dueMs: Number(due_ms) }));
  ring(wakeUps.filter(({ dueMs }) => dueMs >= nowMs - OVERDUE_MS));
  for (const wakeUp of wakeUps) if (wakeUp.dueMs < nowMs - OVERDUE_MS) begin(wakeUp);
}

/** Handles one wake-up: re-reads, decides, and does nothing when there is nothing left to do. */
async function handle(options: WakeUpServiceOptions, kind: WakeUpKind, key: string, dueMs: number): Promise<void> {
  const earlyMs = dueMs - options.nowMs();
  if (earlyMs > 0) await new Promise((resolve) => setTimeout(resolve, Math.min(earlyMs, OVERDUE_MS)));
  switch (kind) {
    case 'closeRound':
      await options.closer.close(key);
      return;
    case 'sealBids':
      await options.journal.execute({ kind, roundId: key }, null);
      return;
    case 'activateBackup':
    case 'openPool':
    case 'expireJob':
      await options.journal.execute({ kind, jobId: key }, null);
      return;
    case 'computeBalanceRoot':
      await options.rooter.compute();
      return;
    case 'commitJobSet':
      await options.journal.execute({ kind, setId: key as Hex }, null);
      return;
    case 'checkWitness':
      await options.witnessJudge.judge(key);
      return;
    case 'verifyChallenge':
      await options.challengeJudge.judge(key);
      return;
    case 'verifyZkProof':
      await options.judge.judgeJob(key);
  }
}
