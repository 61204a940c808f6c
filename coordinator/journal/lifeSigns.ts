/**
 * Signs of life: one row a replica, written every second. A replica that comes back, or finds that its own process
 * stood still, has the gap put on record, so that the coordinator's downtime never costs a prover.
 */
import type { Pool } from 'pg';
import { parametersOf } from '#market/state.js';
import type { Journal } from './journalPort.js';

/** How often a sign of life is written. */
export const SIGN_INTERVAL_MS = 1_000;

/** Rows of processes that ended so long ago are dropped. */
const STALE_SIGN_MS = 3_600_000;

export interface LifeSigns {
  stop(): Promise<void>;
}

/** Puts the gap since the last sign of any replica on record, then keeps signing. Call before serving anybody. */
export async function startLifeSigns(options: {
  pool: Pool;
  journal: Journal;
  replicaId: string;
  nowMs: () => number;
  log: { error(fields: object, message: string): void };
}): Promise<LifeSigns> {
  const { pool, journal, nowMs } = options;
  await journal.execute(
    { kind: 'startCoordinator', lastSignMs: (await lastSignMs(pool)) ?? nowMs(), cause: 'start' },
    null,
  );
  // The gap is on record now; what is left of earlier processes is of no use any more.
  await pool.query('DELETE FROM replicas WHERE last_sign_ms < $1', [nowMs() - STALE_SIGN_MS]);
  await sign(options);
  let lastSignedMs = nowMs();
  let signing: Promise<void> = Promise.resolve();
  const tick = async () => {
    if (nowMs() - lastSignedMs >= parametersOf(journal.state()).downtimeMsMin) {
      const lastMs = (await lastSignMs(pool)) ?? nowMs();
      await journal.execute({ kind: 'startCoordinator', lastSignMs: lastMs, cause: 'stall' }, null);
    }
    await sign(options);
    lastSignedMs = nowMs();
  };
  const timer = setInterval(() => {
    signing = signing.then(tick).catch((error) => options.log.error({ err: error }, 'no sign of life was written'));
  }, SIGN_INTERVAL_MS);
  return {
    stop: async () => {
      clearInterval(timer);
      await signing;
    },
  };
}

async function lastSignMs(pool: Pool): Promise<number | null> {
  const { rows } = await pool.query('SELECT max(last_sign_ms) AS last FROM replicas');
  return rows[0]?.last === null ? null : Number(rows[0]?.last);
}

async function sign({ pool, replicaId, nowMs }: { pool: Pool; replicaId: string; nowMs: () => number }): Promise<void> {
  await pool.query(
    `INSERT INTO replicas (replica_id, last_sign_ms) VALUES ($1, $2)
     ON CONFLICT (replica_id) DO UPDATE SET last_sign_ms = excluded.last_sign_ms`,
    [replicaId, nowMs()],
  );
}
