import { existsSync, mkdtempSync } from 'node:fs';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Pool } from 'pg';
import { startEmbeddedPostgres } from '#journal/embeddedPostgres.js';
import { applyMigrations, MIGRATIONS_FOLDER } from '#journal/migrate.js';
import { diffDatabaseToSchema } from './schemaDiff.js';

// Writes the next migration: what still separates a database with all migrations from prisma/schema.prisma.
// Run by `npm run db:migration -- NAME`. Offline; the database is a throw-away embedded PostgreSQL.

const name = process.argv[2];
if (!name || !/^[a-z][a-z0-9_]*$/.test(name)) {
  console.error('Give the migration a name, in small letters, digits and underscores: npm run db:migration -- init');
  process.exit(2);
}
const dataDir = mkdtempSync(join(tmpdir(), 'understudy-migration-'));
const server = await startEmbeddedPostgres({ dataDir });
const pool = new Pool({ connectionString: server.databaseUrl, max: 1 });
// The server is stopped below while the engine may still hold a connection: that is no error.
pool.on('error', () => {});
try {
  await applyMigrations(pool);
  const script = await diffDatabaseToSchema(server.databaseUrl);
  if (script) await writeMigration(name, script);
  else console.log('The migrations agree with prisma/schema.prisma already: nothing to write.');
} finally {
  await pool.end();
  await server.stop();
  await rm(dataDir, { recursive: true, force: true });
}

async function writeMigration(title: string, script: string): Promise<void> {
  const count = existsSync(MIGRATIONS_FOLDER)
    ? (await readdir(MIGRATIONS_FOLDER, { withFileTypes: true })).filter((entry) => entry.isDirectory()).length
    : 0;
  const folder = `${String(count + 1).padStart(4, '0')}_${title}`;
  await mkdir(join(MIGRATIONS_FOLDER, folder), { recursive: true });
  await writeFile(join(MIGRATIONS_FOLDER, folder, 'migration.sql'), `${script}\n`);
  console.log(`Wrote prisma/migrations/${folder}/migration.sql. Read it before you commit it.`);
}
