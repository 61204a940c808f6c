import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, lstat, mkdir, mkdtemp, readdir, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { Client } from 'pg';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { isAlive } from '#journal/dataDirOwner.js';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '#journal/embeddedPostgres.js';

const HOLDER = `
  import { startEmbeddedPostgres } from '#journal/embeddedPostgres.js';
  const server = await startEmbeddedPostgres({ dataDir: process.argv[1] });
  console.log(JSON.stringify({ databaseUrl: server.databaseUrl, pid: server.pid }));
`;
const runningAsRoot = process.getuid?.() === 0;

let folder: string;
let dataDir: string;
let cleanUps: (() => Promise<unknown>)[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'understudy-embedded-'));
  if (runningAsRoot) await chmod(folder, 0o711);
  dataDir = join(folder, 'data');
  cleanUps = [];
});

afterEach(async () => {
  for (const cleanUp of cleanUps.reverse()) await cleanUp();
  await rm(folder, { recursive: true, force: true, maxRetries: 50, retryDelay: 100 });
});

async function start(): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({ dataDir });
  cleanUps.push(server.stop);
  return server;
}

/** Another node process that starts a server on the folder and holds it. */
async function startHolder(env: NodeJS.ProcessEnv = process.env) {
  const stdio: ['ignore', 'pipe', 'inherit'] = ['ignore', 'pipe', 'inherit'];
  const child: ChildProcess = spawn(process.execPath, ['--input-type=module', '-e', HOLDER, dataDir], { stdio, env });
  cleanUps.push(() => kill(child));
  const [line] = (await once(createInterface({ input: child.stdout! }), 'line')) as [string];
  return { child, ...(JSON.parse(line) as { databaseUrl: string; pid: number }) };
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

async function query(databaseUrl: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: databaseUrl });
  client.on('error', () => {
    // The test kills the server.
  });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

const WRITE = 'CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)';
const READ = 'SELECT n FROM kept';

test('a first start makes a UTF-8 cluster that acknowledges only what is on disk', async () => {
  const server = await start();
  const [row] = await query(
    server.databaseUrl,
    `SELECT current_database() AS database, datlocprovider AS provider, datlocale AS locale,
       pg_encoding_to_char(encoding) AS encoding, current_setting('synchronous_commit') AS commit,
       current_setting('fsync') AS fsync, current_setting('listen_addresses') AS address,
       current_setting('unix_socket_directories') AS sockets
     FROM pg_database WHERE datname = current_database()`,
  );
  expect(row).toEqual({
    database: 'understudy',
    provider: 'b',
    locale: 'C.UTF-8',
    encoding: 'UTF8',
    commit: 'on',
    fsync: 'on',
    address: '127.0.0.1',
    sockets: '',
  });
  expect(isAlive(server.pid)).toBe(true);
});

test('the password is random, kept from other users, and asked for', async () => {
  const server = await start();
  const file = join(dataDir, 'password');
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(new URL(server.databaseUrl).password).toBe(await readFile(file, 'utf8'));
  expect((await readFile(file, 'utf8')).length).toBeGreaterThanOrEqual(32);
  const wrong = new URL(server.databaseUrl);
  wrong.password = 'wrong';
  await expect(query(wrong.href, 'SELECT 1')).rejects.toThrow('password authentication failed');
});

test('a stopped server starts again with its data', async () => {
  const first = await start();
  await query(first.databaseUrl, WRITE);
  await Promise.all([first.stop(), first.stop()]);
  await first.exited;
  expect(isAlive(first.pid)).toBe(false);
  expect(existsSync(join(dataDir, 'cluster', 'postmaster.pid'))).toBe(false);
  const second = await start();
  expect(await query(second.databaseUrl, READ)).toEqual([{ n: 7 }]);
});

test('a second start is refused and names the process that holds the folder', async () => {
  await start();
  const refused = { name: 'AlreadyRunningError', ownerPid: process.pid, dataDir };
  await expect(startEmbeddedPostgres({ dataDir })).rejects.toMatchObject(refused);
});

test('a start beside another living process is refused and harms nothing', async () => {
  const holder = await startHolder();
  const refused = { name: 'AlreadyRunningError', ownerPid: holder.child.pid };
  await expect(startEmbeddedPostgres({ dataDir })).rejects.toMatchObject(refused);
  expect(await query(holder.databaseUrl, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
});

test('after kill -9 of the server, its end is told and the next start has the data', async () => {
  const messages: string[] = [];
  const tell = (_fields: object, message: string) => messages.push(message);
  const first = await startEmbeddedPostgres({ dataDir, log: { info: tell, warn: tell, error: tell } });
  cleanUps.push(first.stop);
  await query(first.databaseUrl, WRITE);
  process.kill(first.pid, 'SIGKILL');
  await first.exited;
  expect(messages).toContain('embedded PostgreSQL has ended');
  expect(existsSync(join(dataDir, 'cluster', 'postmaster.pid'))).toBe(true);
  await first.stop();
  const second = await start();
  expect(await query(second.databaseUrl, READ)).toEqual([{ n: 7 }]);
});

test('after kill -9 of the process that held it, the next start has the data', async () => {
  const holder = await startHolder();
  await query(holder.databaseUrl, WRITE);
  await kill(holder.child);
  const server = await start();
  expect(isAlive(holder.pid)).toBe(false);
  expect(await query(server.databaseUrl, READ)).toEqual([{ n: 7 }]);
});

test.runIf(process.platform === 'linux')(
  'the server ends with the process that holds it, even after kill -9',
  async () => {
    const holder = await startHolder();
    await kill(holder.child);
    await vi.waitFor(() => expect(isAlive(holder.pid)).toBe(false), { timeout: 20_000, interval: 20 });
  },
);

test('a server that outlived its process is ended by the next start', async () => {
  // Without setpriv on the PATH nothing ends the server with its parent, as on systems other than Linux.
  const holder = await startHolder({ ...process.env, PATH: '' });
  await query(holder.databaseUrl, WRITE);
  await kill(holder.child);
  expect(isAlive(holder.pid)).toBe(true);
  const server = await start();
  expect(isAlive(holder.pid)).toBe(false);
  expect(await query(server.databaseUrl, READ)).toEqual([{ n: 7 }]);
});

test('a postmaster.pid that names a living stranger does not keep the server from starting', async () => {
  const first = await start();
  await query(first.databaseUrl, WRITE);
  await first.stop();
  await writeFile(join(dataDir, 'cluster', 'postmaster.pid'), `${process.pid}\n${join(dataDir, 'cluster')}\n`);
  const second = await start();
  expect(await query(second.databaseUrl, READ)).toEqual([{ n: 7 }]);
});

test('of many starts on a folder whose owner died, one wins', async () => {
  await mkdir(dataDir);
  await writeFile(join(dataDir, 'owner.json'), JSON.stringify({ pid: 2 ** 22 + 1, startTicks: null }));
  const results = await Promise.allSettled([start(), start(), start(), start()]);
  const refused = results.flatMap((result) => (result.status === 'rejected' ? [result.reason.name] : []));
  expect(refused).toEqual(['AlreadyRunningError', 'AlreadyRunningError', 'AlreadyRunningError']);
});

test('a claim whose process number went to a stranger is taken over', async () => {
  await mkdir(dataDir);
  await writeFile(join(dataDir, 'owner.json'), JSON.stringify({ pid: process.ppid, startTicks: '1' }));
  if (process.platform === 'linux') await start();
});

test('what an interrupted first start left behind is removed', async () => {
  await mkdir(join(dataDir, 'cluster-halfway', 'cluster', 'base'), { recursive: true });
  await start();
  expect((await readdir(dataDir)).sort()).toEqual(['cluster', 'owner.json', 'password']);
});

test.runIf(runningAsRoot)("root's server runs unprivileged, also below a folder that only root may enter", async () => {
  await chmod(folder, 0o700);
  const first = await start();
  const cluster = join(dataDir, 'cluster');
  expect((await lstat(cluster)).isSymbolicLink()).toBe(true);
  cleanUps.unshift(async () =>
    rm(dirname(await realpath(cluster)), { recursive: true, maxRetries: 50, retryDelay: 100 }),
  );
  expect((await stat(`/proc/${first.pid}`)).uid).not.toBe(0);
  await query(first.databaseUrl, WRITE);
  await first.stop();
  const second = await start();
  expect(await query(second.databaseUrl, READ)).toEqual([{ n: 7 }]);
});
