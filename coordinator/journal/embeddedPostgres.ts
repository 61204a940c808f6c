import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chown, mkdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { Client } from 'pg';
import { placeCluster } from './clusterPlace.js';
import { claimDataDir, clearOrphans } from './dataDirOwner.js';
import {
  chooseServerUser,
  EmbeddedPostgresUnavailableError,
  prepareNatives,
  type ServerUser,
} from './postgresNatives.js';
import { keepLastLines, POSTGRES_HOST, type ServerLog, serverEnvironment, startOnFreePort } from './postgresServer.js';

/** A running embedded server. */
export interface EmbeddedPostgres {
  /** `postgres://` URL of the database `understudy`, password included; reachable from this machine only. */
  databaseUrl: string;
  /** Process id of the server. */
  pid: number;
  /** Resolves when the server has ended, whether it was asked to or not. */
  exited: Promise<void>;
  /** Shuts the server down without waiting for its clients, and frees the data folder. May be called repeatedly. */
  stop(): Promise<void>;
}

const ROLE = 'understudy';
const DATABASE = 'understudy';
/** Line of `postmaster.pid` that has the port, from 0. */
const PORT_LINE = 3;

/**
 * Starts the embedded PostgreSQL on a data folder, making folder, cluster and database where they are missing.
 * The server ends with this process (at once on Linux; elsewhere after a `kill -9` the next start ends it), listens
 * on 127.0.0.1 on a free port, and asks for a random password kept in `<dataDir>/password` (mode 0600). Started by
 * root it runs as an unprivileged user; when that user cannot reach the data folder, `<dataDir>/cluster` is a link
 * to a folder below /var/lib/understudy.
 *
 * @param options.dataDir - the folder that one process at a time may hold
 * @param options.log - gets the server's warnings and its end
 * @throws AlreadyRunningError when a living process holds the folder
 * @throws EmbeddedPostgresUnavailableError when this machine has no binaries that run
 */
export async function startEmbeddedPostgres(options: { dataDir: string; log?: ServerLog }): Promise<EmbeddedPostgres> {
  const dataDir = resolve(options.dataDir);
  const user = chooseServerUser();
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const release = await claimDataDir(dataDir);
  try {
    const natives = await prepareNatives(dataDir, user);
    const password = await readOrMakePassword(dataDir);
    const place = join(dataDir, 'cluster');
    const isNew = !existsSync(join(place, 'PG_VERSION'));
    if (isNew) await makeCluster({ natives, dataDir, password, user });
    const cluster = await realpath(place);
    if (!isNew) await clearOrphans(cluster);
    const server = await startOnFreePort(natives, cluster, user, options.log);
    const databaseUrl = urlOf(server.port, password, DATABASE);
    try {
      await ensureDatabase(urlOf(server.port, password, 'postgres'));
    } catch (error) {
      await server.stop();
      throw error;
    }
    const stop = runOnce(() => server.stop().finally(release));
    return { databaseUrl, pid: server.pid, exited: server.exited, stop };
  } catch (error) {
    await release();
    throw error;
  }
}

/**
 * Where the embedded server of a data folder listens while another process runs it.
 * @returns null when none does, as after a kill that left its file behind
 */
export async function findRunningPostgres(dataDir: string): Promise<string | null> {
  const lines = (await readFile(join(dataDir, 'cluster', 'postmaster.pid'), 'utf8').catch(() => '')).split('\n');
  const password = await readFile(join(dataDir, 'password'), 'utf8').catch(() => '');
  const port = Number(lines[PORT_LINE]);
  if (!password || !Number.isInteger(port) || port <= 0) return null;
  const databaseUrl = urlOf(port, password, DATABASE);
  const client = new Client({ connectionString: databaseUrl });
  client.on('error', () => {});
  try {
    await client.connect();
    return databaseUrl;
  } catch {
    return null;
  } finally {
    await client.end().catch(() => {});
  }
}

/** Runs the action at the first call only; every call gets the same promise. */
function runOnce(action: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  return () => {
    running ??= action();
    return running;
  };
}

function urlOf(port: number, password: string, database: string): string {
  return `postgres://${ROLE}:${password}@${POSTGRES_HOST}:${port}/${database}`;
}

async function readOrMakePassword(dataDir: string): Promise<string> {
  const file = join(dataDir, 'password');
  const kept = await readFile(file, 'utf8').catch(() => '');
  if (kept) return kept;
  const password = randomBytes(24).toString('hex');
  await writeFile(file, password, { mode: 0o600 });
  return password;
}

async function makeCluster(at: { natives: string; dataDir: string; password: string; user: ServerUser | undefined }) {
  const { natives, dataDir, password, user } = at;
  await placeCluster(dataDir, user, async (fresh, draft) => {
    const passwordFile = join(draft, 'password');
    await writeFile(passwordFile, password, { mode: 0o600 });
    if (user) await chown(passwordFile, user.uid, user.gid);
    await runInitdb(natives, fresh, passwordFile, user);
    await rm(passwordFile);
  });
}

async function runInitdb(natives: string, folder: string, passwordFile: string, user: ServerUser | undefined) {
  const args = [
    '-D',
    folder,
    '-U',
    ROLE,
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--no-sync',
    '-E',
    'UTF8',
  ];
  args.push('--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--no-instructions');
  const child = spawn(join(natives, 'bin', 'initdb'), args, {
    ...user,
    cwd: dirname(folder),
    env: serverEnvironment(),
    stdio: ['ignore', 'ignore', 'pipe'],
    windowsHide: true,
  });
  const lastLines = keepLastLines(child);
  const [code] = await once(child, 'close');
  if (code === 0) return;
  throw new EmbeddedPostgresUnavailableError(`initdb failed (${code}): ${lastLines().join(' ')}`);
}

async function ensureDatabase(maintenanceUrl: string): Promise<void> {
  const client = new Client({ connectionString: maintenanceUrl });
  await client.connect();
  try {
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [DATABASE]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${DATABASE}`);
  } finally {
    await client.end();
  }
}
