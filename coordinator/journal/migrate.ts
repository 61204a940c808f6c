import { createHash, randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Pool, PoolClient } from 'pg';

/** The project's own migrations: one folder each, `<name>/migration.sql`, applied in the order of their names. */
export const MIGRATIONS_FOLDER = fileURLToPath(new URL('../../../prisma/migrations', import.meta.url));

/** The number under which all runners queue up; it spells "undersy1". */
const ADVISORY_LOCK_KEY = '8461244937253841201';

/** What Prisma's own `migrate deploy` creates, so that its tools can read the history. */
const CREATE_HISTORY = `CREATE TABLE IF NOT EXISTS "_prisma_migrations" (
  "id" VARCHAR(36) PRIMARY KEY NOT NULL,
  "checksum" VARCHAR(64) NOT NULL,
  "finished_at" TIMESTAMPTZ,
  "migration_name" VARCHAR(255) NOT NULL,
  "logs" TEXT,
  "rolled_back_at" TIMESTAMPTZ,
  "started_at" TIMESTAMPTZ NOT NULL DEFAULT now(),
  "applied_steps_count" INTEGER NOT NULL DEFAULT 0
)`;

/** The database's history of migrations contradicts the files; nothing was changed. Never edit an applied migration. */
export class MigrationHistoryError extends Error {
  override readonly name = 'MigrationHistoryError';
}

interface Migration {
  name: string;
  sql: string;
  /** SHA-256 of the file, hex. */
  checksum: string;
}

/**
 * Brings a database up to the newest migration. Any number of processes may call this at once: an advisory lock lets
 * one work while the others wait. Each migration and its row in `_prisma_migrations` commit together or not at all.
 *
 * @param pool - connections to the database; one of them is used, with its search path reset to `public`
 * @param folder - holds `<name>/migration.sql`
 * @returns the names of the migrations applied by this call, in order
 * @throws MigrationHistoryError when an applied migration's file has changed or is missing, or one failed half way
 */
export async function applyMigrations(pool: Pool, folder: string = MIGRATIONS_FOLDER): Promise<string[]> {
  const migrations = await readMigrations(folder);
  const client = await pool.connect();
  try {
    await client.query('SET search_path TO public');
    await client.query('SELECT pg_advisory_lock($1)', [ADVISORY_LOCK_KEY]);
    await client.query(CREATE_HISTORY);
    const applied = await readHistory(client);
    checkHistory(applied, migrations);
    const pending = migrations.filter((migration) => !applied.has(migration.name));
    for (const migration of pending) await applyOne(client, migration);
    return pending.map((migration) => migration.name);
  } finally {
    // Closing the session also frees the lock and the search path, whatever state a failure left it in.
    client.release(true);
  }
}

async function readMigrations(folder: string): Promise<Migration[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  const read = async (name: string): Promise<Migration> => {
    const sql = await readFile(join(folder, name, 'migration.sql'), 'utf8');
    return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
  };
  return Promise.all(names.sort().map(read));
}

async function readHistory(client: PoolClient): Promise<Map<string, { checksum: string; finished: boolean }>> {
  const { rows } = await client.query<{ migration_name: string; checksum: string; finished: boolean }>(
    `SELECT migration_name, checksum, finished_at IS NOT NULL AS finished FROM "_prisma_migrations"
     WHERE rolled_back_at IS NULL ORDER BY started_at`,
  );
  return new Map(rows.map((row) => [row.migration_name, row]));
}

function checkHistory(applied: Map<string, { checksum: string; finished: boolean }>, migrations: Migration[]): void {
  const files = new Map(migrations.map((migration) => [migration.name, migration]));
  for (const [name, row] of applied) {
    const file = files.get(name);
    if (!row.finished)
      throw new MigrationHistoryError(`Migration ${name} was begun by another tool and never finished.`);
    if (!file) throw new MigrationHistoryError(`The database has migration ${name}, which this version does not know.`);
    if (file.checksum === row.checksum) continue;
    throw new MigrationHistoryError(`Migration ${name} was changed after it was applied. Restore it; add a new one.`);
  }
}

async function applyOne(client: PoolClient, migration: Migration): Promise<void> {
  await client.query('BEGIN');
  try {
    await client.query(migration.sql);
    await client.query('SET LOCAL search_path TO public');
    await client.query(
      `INSERT INTO "_prisma_migrations" (id, checksum, migration_name, started_at, finished_at, applied_steps_count)
       VALUES ($1, $2, $3, now(), clock_timestamp(), 1)`,
      [randomUUID(), migration.checksum, migration.name],
    );
    await client.query('COMMIT');
  } catch (cause) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw new Error(`Migration ${migration.name} failed and was rolled back: ${(cause as Error).message}`, { cause });
  }
}
