import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import type { ServerUser } from './postgresNatives.js';

/** Where this module tells what happens: typed fields first, then a constant message. */
export interface ServerLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** The only address that the server listens on. */
export const POSTGRES_HOST = '127.0.0.1';
const PORT_ATTEMPTS_MAX = 5;
const READY_WITHIN_MS = 60_000;
const STOP_WITHIN_MS = 20_000;
const OUTPUT_LINES_KEPT = 20;

/** For tens of connections on a small machine. What is acknowledged is on disk: fsync and synchronous_commit stay on. */
const SETTINGS: Record<string, string> = {
  listen_addresses: POSTGRES_HOST,
  // No socket file at all: nothing to protect and nothing left behind by a kill.
  unix_socket_directories: '',
  max_connections: '60',
  shared_buffers: '64MB',
  fsync: 'on',
  synchronous_commit: 'on',
  // The default of PostgreSQL 18 keeps three more processes for reading ahead.
  io_method: 'sync',
  max_wal_senders: '0',
  wal_level: 'minimal',
  max_wal_size: '512MB',
  max_parallel_workers: '2',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_checkpoints: 'off',
};

/** A server process that is ready to accept connections. */
export interface ServerProcess {
  /** TCP port on 127.0.0.1. */
  port: number;
  pid: number;
  exited: Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts the server on a free port. Another program may take the port between our look and the server's bind; then
 * the next one is tried.
 *
 * @param natives - the folder that holds `bin/postgres`
 * @param cluster - the server's data folder
 * @param user - as whom it runs; undefined: as this process
 * @throws Error with the server's last lines when it does not get ready
 */
export async function startOnFreePort(
  natives: string,
  cluster: string,
  user: ServerUser | undefined,
  log?: ServerLog,
): Promise<ServerProcess> {
  for (let attempt = 1; ; attempt++) {
    const port = await findFreePort();
    const result = await launch({ natives, cluster, user, port, log });
    if ('stop' in result) return result;
    const portTaken = result.lines.some((line) => line.includes('could not bind'));
    if (portTaken && attempt < PORT_ATTEMPTS_MAX) continue;
    throw new Error(`The embedded PostgreSQL in ${cluster} did not start: ${result.lines.join(' ')}`);
  }
}

async function findFreePort(): Promise<number> {
  const probe = createServer().listen(0, POSTGRES_HOST);
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  if (address === null || typeof address === 'string') throw new Error('No free TCP port on 127.0.0.1.');
  return address.port;
}

interface LaunchOptions {
  natives: string;
  cluster: string;
  user: ServerUser | undefined;
  port: number;
  log: ServerLog | undefined;
}

async function launch(options: LaunchOptions): Promise<ServerProcess | { lines: string[] }> {
  const { natives, cluster, user, port, log } = options;
  const settings = Object.entries({ ...SETTINGS, port: String(port) }).flatMap(([name, value]) => [
    '-c',
    `${name}=${value}`,
  ]);
  const command = [join(natives, 'bin', 'postgres'), '-D', cluster, ...settings];
  const [file, ...args] = canEndWithParent(user) ? ['setpriv', '--pdeathsig', 'INT', ...command] : command;
  // A process group of its own: Ctrl-C in a terminal is for us, who then stop the server last.
  const stdio: ['ignore', 'ignore', 'pipe'] = ['ignore', 'ignore', 'pipe'];
  const child = spawn(file!, args, {
    ...user,
    cwd: cluster,
    env: serverEnvironment(),
    stdio,
    detached: true,
    windowsHide: true,
  });
  let stopping = false;
  let becameReady = () => {};
  const ready = new Promise<void>((done) => {
    becameReady = done;
  });
  const lines = keepLastLines(child, (line) => {
    if (line.includes('ready to accept connections')) becameReady();
    if (/(WARNING|ERROR|FATAL|PANIC):/.test(line) && !stopping) log?.warn({ line }, 'embedded PostgreSQL');
  });
  const exited = new Promise<void>((done) => child.once('close', () => done()));
  child.once('error', (error) => lines().push(error.message));
  const endWithUs = () => child.kill('SIGINT');
  process.once('exit', endWithUs);
  void exited.then(() => {
    process.off('exit', endWithUs);
    if (!stopping) log?.error({ code: child.exitCode, signal: child.signalCode }, 'embedded PostgreSQL has ended');
  });
  const stop = async () => {
    stopping = true;
    await stopServer(child, exited, natives, cluster);
  };
  const isReady = await Promise.race([
    ready.then(() => true),
    exited.then(() => false),
    delay(READY_WITHIN_MS, false, { ref: false }),
  ]);
  if (isReady) return { port, pid: child.pid!, exited, stop };
  await stop();
  return { lines: lines() };
}

/** Linux can end the server with its parent, even after `kill -9`, by util-linux's setpriv. */
function canEndWithParent(user: ServerUser | undefined): boolean {
  if (process.platform !== 'linux') return false;
  return spawnSync('setpriv', ['--pdeathsig', 'INT', 'true'], { ...user, stdio: 'ignore' }).status === 0;
}

/** Fast shutdown: open transactions are rolled back, clients are cut off, the cluster is left clean. */
async function stopServer(child: ChildProcess, exited: Promise<void>, natives: string, cluster: string): Promise<void> {
  if (process.platform === 'win32') spawnSync(join(natives, 'bin', 'pg_ctl'), ['stop', '-m', 'fast', '-D', cluster]);
  else child.kill('SIGINT');
  const ended = await Promise.race([exited.then(() => true), delay(STOP_WITHIN_MS, false, { ref: false })]);
  if (ended) return;
  child.kill('SIGQUIT');
  await exited;
}

/**
 * The environment of a server program: nothing of ours, because PGHOST and the like would mislead it and our secrets
 * are none of its business.
 */
export function serverEnvironment(): NodeJS.ProcessEnv {
  const names = ['PATH', 'TMPDIR', 'TEMP', 'SystemRoot'];
  const kept = names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]]));
  return { ...Object.fromEntries(kept), LC_ALL: 'C' };
}

/**
 * Collects what a child writes to its standard error.
 *
 * @param onLine - called with each line as it comes
 * @returns a function that gives the last 20 lines
 */
export function keepLastLines(child: ChildProcess, onLine?: (line: string) => void): () => string[] {
  const lines: string[] = [];
  createInterface({ input: child.stderr! }).on('line', (line) => {
    lines.push(line);
    if (lines.length > OUTPUT_LINES_KEPT) lines.shift();
    onLine?.(line);
  });
  return () => lines;
}
