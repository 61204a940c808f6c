import { randomBytes } from 'node:crypto';
import { Client, Pool } from 'pg';
import { inject } from 'vitest';

/** A database of one's own, with all migrations applied and no rows. */
export interface TestDatabase {
  databaseUrl: string;
  pool: Pool;
  /** Ends the pool and removes the database, whoever is still connected. */
  drop(): Promise<void>;
}

/**
 * Clones the run's migrated template database; call it in a test file's `beforeAll`, or per test.
 *
 * @param options.empty - true for a database without any table
 * @throws Error when the run has no embedded PostgreSQL, with the reason
 */
export async function createTestDatabase(options: { empty?: boolean } = {}): Promise<TestDatabase> {
  const server = inject('testServer');
  if ('failure' in server) throw new Error(`The test run has no database. ${server.failure}`);
  const name = `test_${randomBytes(6).toString('hex')}`;
  const databaseUrl = urlOf(server.serverUrl, name);
  const maintenanceUrl = urlOf(server.serverUrl, 'postgres');
  await runOn(
    maintenanceUrl,
    `CREATE DATABASE ${name} TEMPLATE ${options.empty ? 'template0' : server.templateDatabase}`,
  );
  const pool = new Pool({ connectionString: databaseUrl, max: 8 });
  pool.on('error', () => {
    // A test may cut connections on purpose.
  });
  const drop = async () => {
    await pool.end();
    await runOn(maintenanceUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  };
  return { databaseUrl, pool, drop };
}

function urlOf(serverUrl: string, database: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${database}`;
  return url.href;
}

async function runOn(databaseUrl: string, sql: string): Promise<void> {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
