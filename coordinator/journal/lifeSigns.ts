/**
 * Signs of life: one row a replica, written every second. A replica that comes back, or finds that its own process
 * stood still, has the gap put on record, so that the coordinator's downtime never costs a prover.
 */
import type { Pool } from 'pg';
import { parametersOf } from '#market/state.js';
import { JournalError } from './journal.js';
import type { Journal } from './journalPort.js';

/** How often a sign of life is written. */
export const SIGN_INTERVAL_MS = 1_000;

/** Rows of processes that ended so long ago are dropped. */
const STALE_SIGN_MS = 3_600_000;

/** How often a gap is looked for before a command goes on: an attempt under way may have begun before the gap. */
const SETTLE_ATTEMPTS_MAX = 2;

export interface LifeSigns {
  /** Resolves when no gap is left that ought to be on record. Throws JournalError while the database is away. */
  settled(): Promise<void>;
  stop(): Promise<void>;
}

interface LifeSignsOptions {
  pool: Pool;
  journal: Journal;
  replicaId: string;
  nowMs: () => number;
  log: { error(fields: object, message: string): void };
}

/** Puts the gap since the last sign of any replica on record, then keeps signing. Call before serving anybody. */
export async function startLifeSigns(options: LifeSignsOptions): Promise<LifeSigns> {
  const { pool, journal, nowMs } = options;
  await journal.execute(
    { kind: 'startCoordinator', lastSignMs: (await lastSignMs(pool)) ?? nowMs(), cause: 'start' },
    null,
  );
  // The gap is on record now; what is left of earlier processes is of no use any more.
  await pool.query('DELETE FROM replicas WHERE last_sign_ms < $1', [nowMs() - STALE_SIGN_MS]);
  let lastSignedMs = await sign(options);
  let signing: Promise<void> | null = null;
  const isBehind = () => nowMs() - lastSignedMs >= parametersOf(journal.state()).downtimeMsMin;
  const signAgain = async () => {
    if (isBehind()) {
      const lastMs = (await lastSignMs(pool)) ?? nowMs();
      await journal.execute({ kind: 'startCoordinator', lastSignMs: lastMs, cause: 'stall' }, null);
    }
    lastSignedMs = await sign(options);
  };
  const tick = () => {
    signing ??= signAgain().finally(() => {
      signing = null;
    });
    return signing;
  };
  const timer = setInterval(() => {
    tick().catch((error) => options.log.error({ err: error }, 'no sign of life was written'));
  }, SIGN_INTERVAL_MS);
  return {
    settled: async () => {
      for (let attempt = 0; attempt < SETTLE_ATTEMPTS_MAX && isBehind(); attempt += 1) {
        await tick().catch((cause) => {
          throw new JournalError('the time without a coordinator could not be put on record', { cause });
        });
      }
    },
    stop: async () => {
      clearInterval(timer);
      await signing?.catch(() => {});
    },
  };
}

/**
 * The journal for all who judge by the clock. When this process stood still or had no database, whatever comes first
 * afterwards, be it a wake-up, a lease or an agent's message, waits until the gap is on record and has shifted the due
 * times.
 */
export function afterGaps(journal: Journal, signs: Pick<LifeSigns, 'settled'>): Journal {
  return {
    execute: async (...command) => {
      await signs.settled();
      return journal.execute(...command);
    },
    state: () => journal.state(),
    size: () => journal.size(),
    onCommitted: (listener) => journal.onCommitted(listener),
    catchUp: () => journal.catchUp(),
    sealedBids: (digests) => journal.sealedBids(digests),
    readEntries: (from, limit, type) => journal.readEntries(from, limit, type),
    logs: () => journal.logs(),
    checkpoint: () => journal.checkpoint(),
    inclusionProof: (...place) => journal.inclusionProof(...place),
    consistencyProof: (...sizes) => journal.consistencyProof(...sizes),
    sign: (log, bytes) => journal.sign(log, bytes),
    rotate: async (...next) => {
      await signs.settled();
      return journal.rotate(...next);
    },
    close: () => journal.close(),
  };
}

async function lastSignMs(pool: Pool): Promise<number | null> {
  const { rows } = await pool.query('SELECT max(last_sign_ms) AS last FROM replicas');
  return rows[0]?.last === null ? null : Number(rows[0]?.last);
}

/** @returns the time of the sign: that of its making, however long the database takes to write it */
async function sign({ pool, replicaId, nowMs }: LifeSignsOptions): Promise<number> {
  const atMs = nowMs();
  await pool.query(
    `INSERT INTO replicas (replica_id, last_sign_ms) VALUES ($1, $2)
     ON CONFLICT (replica_id) DO UPDATE SET last_sign_ms = excluded.last_sign_ms`,
    [replicaId, atMs],
  );
  return atMs;
}
