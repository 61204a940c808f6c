import { mkdir, readdir, rm, stat, statfs, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { DiskError } from './diskError.js';

/** Left free on the disk beside what is fetched, in bytes: other programs, and the agent's own files, need some. */
const SPARE_BYTES = 16 * 1_048_576;

const MIB = 1_048_576;

/** What a cache of artifacts is bounded by. */
export interface CacheLimits {
  /** The most that all files of the cache may take, in bytes. */
  cacheBytesMax: number;
  /** Names of files that are not to be removed: those of circuits that are served now. */
  isInUse(fileName: string): boolean;
}

interface CachedFile {
  path: string;
  bytes: number;
  usedMs: number;
}

/** Notes that a cached file was used now. A disk that does not take the note is no reason to fail. */
export async function noteUse(path: string, now: Date = new Date()): Promise<void> {
  await utimes(path, now, now).catch(() => undefined);
}

/**
 * Makes room for a file that is about to be fetched: removes cached files that are not in use, those unused for the
 * longest first, and asks the disk whether the rest will fit.
 *
 * @param missingBytes - what is still to be written of the file
 * @param keep - the name of its unfinished download, which stays
 * @throws DiskError when it cannot fit, with the figures
 */
export async function makeRoom(
  folder: string,
  { fileBytes, missingBytes, keep }: { fileBytes: number; missingBytes: number; keep: string },
  limits: CacheLimits,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const files = await listFiles(folder, (name) => name !== keep);
  const removable = files.filter(({ name }) => !limits.isInUse(name)).sort((a, b) => a.usedMs - b.usedMs);
  let total = files.reduce((sum, { bytes }) => sum + bytes, 0) + fileBytes;
  for (const { path, bytes } of removable) {
    if (total <= limits.cacheBytesMax && (await freeBytes(folder)) >= missingBytes + SPARE_BYTES) return;
    await rm(path, { force: true });
    total -= bytes;
  }
  if (total > limits.cacheBytesMax) {
    const most = megabytes(limits.cacheBytesMax);
    throw new DiskError(
      `the artifacts of the circuits served take ${megabytes(total)} MB, and ${folder} may hold ${most} MB: ` +
        'raise the limit of the cache, or accept fewer circuits',
    );
  }
  const free = await freeBytes(folder);
  if (free >= missingBytes + SPARE_BYTES) return;
  throw new DiskError(
    `an artifact needs ${megabytes(missingBytes + SPARE_BYTES)} MB in ${folder}, and the disk has ` +
      `${megabytes(free)} MB left: free some space, or choose another data folder`,
  );
}

function megabytes(bytes: number): number {
  return Math.ceil(bytes / MIB);
}

async function freeBytes(folder: string): Promise<number> {
  const disk = await statfs(folder).catch(() => null);
  return disk ? disk.bavail * disk.bsize : Number.POSITIVE_INFINITY;
}

async function listFiles(
  folder: string,
  isWanted: (name: string) => boolean,
): Promise<(CachedFile & { name: string })[]> {
  const files: (CachedFile & { name: string })[] = [];
  for (const name of (await readdir(folder)).filter(isWanted)) {
    const path = join(folder, name);
    const found = await stat(path).catch(() => null);
    if (found?.isFile()) files.push({ name, path, bytes: found.size, usedMs: found.mtimeMs });
  }
  return files;
}
