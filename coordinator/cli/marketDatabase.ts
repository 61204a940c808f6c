/** The database of a market and its operator's keys, for commands that work beside a coordinator or without one. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Pool } from 'pg';
import { findRunningPostgres, startEmbeddedPostgres } from '#journal/embeddedPostgres.js';
import { openJournal } from '#journal/journal.js';
import type { Journal } from '#journal/journalPort.js';
import { type OperatorKeys, operatorKeysIn } from '#journal/operatorKey.js';
import type { LogName } from '#protocol/logLink.js';

/** Writes to a market's log as one more of its coordinators, which may be running at this moment. */
export async function withJournal<Result>(
  dataDir: string,
  work: (journal: Journal, keys: OperatorKeys) => Promise<Result>,
): Promise<Result> {
  const { pool, close } = await openMarketDatabase(dataDir);
  try {
    const keys = await operatorKeysOf(pool, dataDir);
    const log = { error: (fields: object, message: string) => console.error(message, fields) };
    const journal = await openJournal({ pool, keys, nowMs: Date.now, log });
    try {
      return await work(journal, keys);
    } finally {
      await journal.close();
    }
  } finally {
    await close();
  }
}

/** PostgreSQL's code for a table that is not there: the database is not one of ours. */
const UNDEFINED_TABLE = '42P01';

/** The operator's keys, which sign the log's new checkpoint: only whoever has them may change the market. */
async function operatorKeysOf(pool: Pool, dataDir: string): Promise<OperatorKeys> {
  const { rows } = await pool
    .query<{ state: { market: LogName | null } }>('SELECT state FROM market_facts')
    .catch((error: { code?: string }) => {
      if (error.code === UNDEFINED_TABLE) return { rows: [] };
      throw error;
    });
  const market = rows[0]?.state.market;
  if (!market) throw new Error('this database holds no market');
  const keys = operatorKeysIn(dataDir);
  if (!keys.of(market))
    throw new Error(`the key of ${market.origin} is not in ${dataDir}: name the market's folder with --data-dir`);
  return keys;
}

/** The configured server; or the embedded one of the folder, which a coordinator may be running at this moment. */
async function openMarketDatabase(dataDir: string): Promise<{ pool: Pool; close(): Promise<void> }> {
  const folder = join(dataDir, 'postgres');
  if (!process.env.DATABASE_URL && !existsSync(join(folder, 'cluster'))) {
    throw new Error(
      `there is no market in ${dataDir}. Name its folder with --data-dir, or its server in DATABASE_URL.`,
    );
  }
  const running = process.env.DATABASE_URL ?? (await findRunningPostgres(folder));
  const embedded = running ? null : await startEmbeddedPostgres({ dataDir: folder });
  const pool = new Pool({ connectionString: running ?? embedded!.databaseUrl, max: 2 });
  pool.on('error', () => {});
  const close = async () => {
    await pool.end();
    await embedded?.stop();
  };
  return { pool, close };
}
