import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { link, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** The claim's file within a data folder. */
export const OWNER_FILE = 'owner.json';
const CLAIM_ATTEMPTS_MAX = 200;
/** A takeover takes milliseconds; one so old was interrupted. */
const TAKEOVER_MS_MAX = 2_000;
const POLL_MS = 20;
const ORPHAN_FAST_STOP_MS = 15_000;
const ORPHAN_LAST_STOP_MS = 5_000;

interface Owner {
  pid: number;
  /** Tells a process from a later one with the same number; null where the system has no /proc. */
  startTicks: string | null;
}

/** Another living process already runs a server on this data folder. */
export class AlreadyRunningError extends Error {
  override readonly name = 'AlreadyRunningError';

  constructor(
    readonly ownerPid: number,
    readonly dataDir: string,
  ) {
    super(`Understudy is already running on ${dataDir} (process ${ownerPid}). Stop it first, or use another folder.`);
  }
}

/**
 * Claims a data folder for this process; a claim whose process has died is taken over.
 *
 * @param dataDir - an existing folder
 * @returns a function that gives the claim up
 * @throws AlreadyRunningError while another claim's process lives
 */
export async function claimDataDir(dataDir: string): Promise<() => Promise<void>> {
  const file = join(dataDir, OWNER_FILE);
  const mine = JSON.stringify({ pid: process.pid, startTicks: readStartTicks(process.pid) } satisfies Owner);
  const draft = `${file}.${randomBytes(6).toString('hex')}`;
  await writeFile(draft, mine, { mode: 0o600 });
  try {
    for (let attempt = 0; attempt < CLAIM_ATTEMPTS_MAX; attempt++) {
      if (await linkIfFree(draft, file)) return () => rm(file, { force: true });
      await removeDeadClaim(file, dataDir);
    }
    throw new Error(`Several processes are claiming ${dataDir} at once. Start only one of them.`);
  } finally {
    await rm(draft, { force: true });
  }
}

async function linkIfFree(draft: string, file: string): Promise<boolean> {
  try {
    await link(draft, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/**
 * Removes a claim whose process has died. Only the holder of the takeover folder removes claims, and claims are made
 * only where there is none, so what it has read cannot turn into a living claim before it is removed.
 */
async function removeDeadClaim(file: string, dataDir: string): Promise<void> {
  throwIfAlive(await readClaim(file), dataDir);
  const takeover = `${file}.takeover`;
  if (!(await makeFolder(takeover))) {
    await delay(POLL_MS);
    if (await isOlderThan(takeover, TAKEOVER_MS_MAX)) await rm(takeover, { recursive: true, force: true });
    return;
  }
  try {
    throwIfAlive(await readClaim(file), dataDir);
    await rm(file, { force: true });
  } finally {
    await rm(takeover, { recursive: true, force: true });
  }
}

async function readClaim(file: string): Promise<Owner | undefined> {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  return text === undefined ? undefined : parseOwner(text);
}

function throwIfAlive(owner: Owner | undefined, dataDir: string): void {
  if (owner && isSameProcess(owner)) throw new AlreadyRunningError(owner.pid, dataDir);
}

async function makeFolder(path: string): Promise<boolean> {
  try {
    await mkdir(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function isOlderThan(path: string, ms: number): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found !== undefined && Date.now() - found.mtimeMs > ms;
}

function parseOwner(text: string): Owner | undefined {
  try {
    const value = JSON.parse(text) as Partial<Owner>;
    if (typeof value.pid !== 'number' || value.pid <= 0) return undefined;
    return { pid: value.pid, startTicks: value.startTicks ?? null };
  } catch {
    return undefined;
  }
}

function isSameProcess(owner: Owner): boolean {
  if (!isAlive(owner.pid)) return false;
  return owner.startTicks === null || owner.startTicks === readStartTicks(owner.pid);
}

/**
 * Says whether a process runs; one that has ended and only waits for its parent (a zombie) does not.
 *
 * @param pid - a process id
 */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  const state = readProcStat(pid)?.[0];
  return state !== 'Z' && state !== 'X';
}

/** The start time of a process in clock ticks since boot (field 22 of /proc/PID/stat), or null without /proc. */
function readStartTicks(pid: number): string | null {
  return readProcStat(pid)?.[19] ?? null;
}

/** The fields of /proc/PID/stat from the third (the state) on; the second may hold blanks and brackets. */
function readProcStat(pid: number): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

/**
 * Ends what an owner that was killed left behind in a cluster folder: a server without its parent is stopped, the
 * processes of a killed server are waited for, and a `postmaster.pid` that names a stranger is removed. Nothing is
 * adopted, so that the server is always a child of the process that answers for it.
 *
 * @param cluster - the server's data folder
 * @throws Error when processes still use the folder after the grace time
 */
export async function clearOrphans(cluster: string): Promise<void> {
  const pidFile = join(cluster, 'postmaster.pid');
  const text = await readFile(pidFile, 'utf8').catch(() => undefined);
  if (text === undefined) return;
  const postmaster = Number.parseInt(text, 10);
  const inFolder = listServersIn(cluster);
  if (inFolder === undefined) {
    if (isAlive(postmaster) && commandOf(postmaster).includes(cluster)) await stopProcess(postmaster);
    else await rm(pidFile, { force: true });
    return;
  }
  if (inFolder.includes(postmaster)) await stopProcess(postmaster);
  const left = () => listServersIn(cluster) ?? [];
  await waitUntil(() => left().length === 0, ORPHAN_LAST_STOP_MS);
  for (const pid of left()) sendSignal(pid, 'SIGKILL');
  if (!(await waitUntil(() => left().length === 0, ORPHAN_LAST_STOP_MS))) {
    throw new Error(`Processes ${left().join(', ')} still use ${cluster}. End them and start again.`);
  }
  await rm(pidFile, { force: true });
}

/** Fast shutdown, then immediate shutdown (the write-ahead log repairs that at the next start). */
async function stopProcess(pid: number): Promise<void> {
  sendSignal(pid, 'SIGINT');
  if (await waitUntil(() => !isAlive(pid), ORPHAN_FAST_STOP_MS)) return;
  sendSignal(pid, 'SIGQUIT');
  await waitUntil(() => !isAlive(pid), ORPHAN_LAST_STOP_MS);
}

function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended by itself.
  }
}

async function waitUntil(holds: () => boolean, withinMs: number): Promise<boolean> {
  for (let waitedMs = 0; waitedMs < withinMs; waitedMs += POLL_MS) {
    if (holds()) return true;
    await delay(POLL_MS);
  }
  return holds();
}

/** The living `postgres` processes whose working folder is the cluster; undefined on a system without /proc. */
function listServersIn(cluster: string): number[] | undefined {
  let names: string[];
  try {
    names = readdirSync('/proc');
  } catch {
    return undefined;
  }
  const folder = realpathSync(cluster);
  const isServer = (pid: string) =>
    readProcLink(pid, 'cwd') === folder && /\/postgres( \(deleted\))?$/.test(readProcLink(pid, 'exe') ?? '');
  return names.filter((name) => /^\d+$/.test(name) && isServer(name) && isAlive(+name)).map(Number);
}

function readProcLink(pid: string, name: 'cwd' | 'exe'): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/${name}`);
  } catch {
    return undefined;
  }
}

/** The command line of a process where there is no /proc; empty when `ps` cannot tell. */
function commandOf(pid: number): string {
  return spawnSync('ps', ['-p', String(pid), '-o', 'command='], { encoding: 'utf8' }).stdout ?? '';
}
