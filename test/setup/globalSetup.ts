import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Pool } from 'pg';
import type { TestProject } from 'vitest/node';

/** One server for the whole run, or why there is none. */
export type TestServer = { serverUrl: string; templateDatabase: string } | { failure: string };

declare module 'vitest' {
  interface ProvidedContext {
    testServer: TestServer;
  }
}

/**
 * Compiles the sources once, so that tests and the processes they start run exactly what is shipped, and starts one
 * embedded PostgreSQL with a migrated database that test files clone (see database.ts).
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  execFileSync(process.execPath, ['coordinator/cli/understudy.mjs', '--build'], { stdio: 'inherit' });
  const dataDir = await mkdtemp(join(tmpdir(), 'understudy-test-'));
  let stop = async () => {};
  try {
    const { startEmbeddedPostgres } = await import('#journal/embeddedPostgres.js');
    const server = await startEmbeddedPostgres({ dataDir });
    stop = server.stop;
    project.provide('testServer', { serverUrl: server.databaseUrl, templateDatabase: await makeTemplate(server) });
  } catch (error) {
    // Tests that need no database still run; those that do say this.
    project.provide('testServer', { failure: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
  return async () => {
    await stop();
    await rm(dataDir, { recursive: true, force: true });
  };
}

/** The server's own database becomes the template: migrated, then left without connections. */
async function makeTemplate(server: { databaseUrl: string }): Promise<string> {
  const { applyMigrations } = await import('#journal/migrate.js');
  const pool = new Pool({ connectionString: server.databaseUrl, max: 1 });
  try {
    await applyMigrations(pool);
  } finally {
    await pool.end();
  }
  return new URL(server.databaseUrl).pathname.slice(1);
}
