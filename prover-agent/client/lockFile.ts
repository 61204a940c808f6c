import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { diskErrorOf } from './diskError.js';

/** Another process holds the lock. */
export class LockedError extends Error {
  override readonly name = 'LockedError';
  readonly pid: number;
  constructor(path: string, pid: number) {
    super(
      `another agent (process ${pid}) runs on ${dirname(path)}: stop it, or give this one a data folder of its own`,
    );
    this.pid = pid;
  }
}

/** Locks of this process: another one under its id is of an earlier process, as after a container's restart. */
const held = new Set<string>();

/**
 * Takes a lock file that holds this process's id. The lock of a process that is gone is taken over. Two agents on one
 * key would bid and prove against each other.
 * @returns a function that releases the lock
 * @throws LockedError; DiskError when the disk does not take it
 */
export function takeLock(path: string, isAlive: (pid: number) => boolean = isProcessAlive): () => void {
  for (let attempt = 0; attempt < 3; attempt += 1) {
    if (writeLock(path)) {
      held.add(path);
      return () => release(path);
    }
    const isHolder = (pid: number) => (pid === process.pid ? held.has(path) : isAlive(pid));
    const pid = readPid(path);
    if (pid !== null && isHolder(pid)) throw new LockedError(path, pid);
    clearStale(path, isHolder);
  }
  throw new LockedError(path, readPid(path) ?? 0);
}

/** @returns false when there is one already */
function writeLock(path: string): boolean {
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, `${process.pid}\n`, { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' && syscall === 'open') return false;
    throw diskErrorOf(error, `the lock ${path} could not be written`) ?? error;
  }
}

/** Moves a stale lock away in one step, and puts it back when another agent took it over a moment before. */
function clearStale(path: string, isAlive: (pid: number) => boolean): void {
  const aside = `${path}.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch {
    return;
  }
  const pid = readPid(aside);
  if (pid !== null && isAlive(pid)) {
    renameSync(aside, path);
    throw new LockedError(path, pid);
  }
  rmSync(aside, { force: true });
}

function release(path: string): void {
  held.delete(path);
  if (readPid(path) === process.pid) rmSync(path, { force: true });
}

function readPid(path: string): number | null {
  try {
    const pid = Number.parseInt(readFileSync(path, 'utf8'), 10);
    return Number.isInteger(pid) && pid > 0 ? pid : null;
  } catch {
    return null;
  }
}

function isProcessAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !isZombie(pid);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** A killed process whose parent has not looked yet still answers signal 0. Linux tells; elsewhere nobody does. */
function isZombie(pid: number): boolean {
  try {
    return /^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
