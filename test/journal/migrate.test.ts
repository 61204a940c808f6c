import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { applyMigrations, MIGRATIONS_FOLDER } from '#journal/migrate.js';
import { unpackEntitlements } from '#protocol/packedBalanceTree.js';
import { createTestDatabase, type TestDatabase } from '../setup/database.js';

let database: TestDatabase;
let folder: string;

beforeEach(async () => {
  database = await createTestDatabase({ empty: true });
  folder = await mkdtemp(join(tmpdir(), 'understudy-migrations-'));
});

afterEach(async () => {
  await database.drop();
  await rm(folder, { recursive: true });
});

async function write(name: string, sql: string): Promise<void> {
  await mkdir(join(folder, name), { recursive: true });
  await writeFile(join(folder, name, 'migration.sql'), sql);
}

async function history(): Promise<Record<string, unknown>[]> {
  const sql = `SELECT migration_name AS name, checksum, applied_steps_count AS steps, finished_at >= started_at AS finished
    FROM _prisma_migrations ORDER BY migration_name`;
  return (await database.pool.query(sql)).rows;
}

const FIRST = 'CREATE TABLE a (n int); INSERT INTO a VALUES (1);';

test("migrations are applied once, in order, and noted in Prisma's layout", async () => {
  await write('0002_fill', 'INSERT INTO a VALUES (2);');
  await write('0001_init', FIRST);
  expect(await applyMigrations(database.pool, folder)).toEqual(['0001_init', '0002_fill']);
  expect(await applyMigrations(database.pool, folder)).toEqual([]);
  await write('0003_more', 'INSERT INTO a VALUES (3);');
  expect(await applyMigrations(database.pool, folder)).toEqual(['0003_more']);
  expect((await database.pool.query('SELECT n FROM a ORDER BY n')).rows).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
  const [first] = await history();
  const checksum = createHash('sha256').update(FIRST).digest('hex');
  expect(first).toEqual({ name: '0001_init', checksum, steps: 1, finished: true });
});

test('of many runners at once, one applies each migration', async () => {
  await write('0001_init', FIRST);
  const results = await Promise.all(Array.from({ length: 5 }, () => applyMigrations(database.pool, folder)));
  expect(results.flat()).toEqual(['0001_init']);
  expect((await database.pool.query('SELECT n FROM a')).rows).toEqual([{ n: 1 }]);
});

test('a migration that fails leaves nothing behind, and stops those after it', async () => {
  await write('0001_init', FIRST);
  await write('0002_bad', 'CREATE TABLE half (n int); INSERT INTO missing VALUES (1);');
  await write('0003_after', 'CREATE TABLE after (n int);');
  await expect(applyMigrations(database.pool, folder)).rejects.toThrow(/0002_bad failed .*"missing" does not exist/);
  expect((await history()).map((row) => row.name)).toEqual(['0001_init']);
  const tables = await database.pool.query("SELECT to_regclass('half') AS half, to_regclass('after') AS after");
  expect(tables.rows).toEqual([{ half: null, after: null }]);
  await write('0002_bad', 'CREATE TABLE half (n int);');
  expect(await applyMigrations(database.pool, folder)).toEqual(['0002_bad', '0003_after']);
});

test('an applied migration that was changed, or is missing, is refused before anything happens', async () => {
  await write('0001_init', FIRST);
  await applyMigrations(database.pool, folder);
  await write('0001_init', `${FIRST} -- better`);
  await write('0002_next', 'CREATE TABLE next (n int);');
  const changed = { name: 'MigrationHistoryError', message: expect.stringContaining('changed after it was applied') };
  await expect(applyMigrations(database.pool, folder)).rejects.toMatchObject(changed);
  await rm(join(folder, '0001_init'), { recursive: true });
  const unknown = { name: 'MigrationHistoryError', message: expect.stringContaining('does not know') };
  await expect(applyMigrations(database.pool, folder)).rejects.toMatchObject(unknown);
  expect((await database.pool.query("SELECT to_regclass('next') AS next")).rows).toEqual([{ next: null }]);
});

test('entitlements that were kept row by row become one row of a root', async () => {
  const names = (await readdir(MIGRATIONS_FOLDER, { withFileTypes: true })).filter((one) => one.isDirectory());
  const packing = '0009_packed_entitlements';
  for (const { name } of names.filter((one) => one.name < packing)) {
    await write(name, await readFile(join(MIGRATIONS_FOLDER, name, 'migration.sql'), 'utf8'));
  }
  await applyMigrations(database.pool, folder);
  const [low, high] = [`0x${'0a'.repeat(20)}`, `0x${'f0'.repeat(20)}`] as const;
  const wei = [1n, (1n << 64n) - 1n, 1n << 63n, (1n << 127n) + (1n << 63n) + 7n];
  await database.pool.query(
    'INSERT INTO entitlements (epoch, account, cumulative_wei) VALUES (1, $1, $2), (1, $3, $4)',
    [...[high, wei[0], low, wei[1]]],
  );
  await database.pool.query(
    'INSERT INTO entitlements (epoch, account, cumulative_wei) VALUES (2, $1, $2), (2, $3, $4)',
    [...[low, wei[2], high, wei[3]]],
  );
  await write(packing, await readFile(join(MIGRATIONS_FOLDER, packing, 'migration.sql'), 'utf8'));
  await applyMigrations(database.pool, folder);
  const { rows } = await database.pool.query<{ packed: Buffer }>('SELECT packed FROM entitlements ORDER BY epoch');
  expect(rows.map(({ packed }) => [...unpackEntitlements(new Uint8Array(packed))])).toEqual([
    [
      [low, wei[1]],
      [high, wei[0]],
    ],
    [
      [low, wei[2]],
      [high, wei[3]],
    ],
  ]);
});
