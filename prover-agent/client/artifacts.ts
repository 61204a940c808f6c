import { createHash } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { open, readdir, rm, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Hex } from '#protocol/units.js';
import { type CacheLimits, noteUse } from './artifactCache.js';
import { downloadArtifact } from './artifactDownload.js';
import { ArtifactError } from './artifactError.js';

export { ArtifactError } from './artifactError.js';

/** A file of a circuit, named by its SHA-256. */
export interface ArtifactName {
  sha256: Hex;
  bytes: number;
}

export interface ArtifactSource {
  baseUrl: string;
  fetch: typeof fetch;
  /** Where downloads are kept, one file each, under their hash. */
  cacheDir: string;
  /** A folder whose files are used instead of a download when their hash fits. */
  artifactDir: string | null;
  signal?: AbortSignal;
  /** Default: nothing is ever removed. */
  limits?: CacheLimits;
  /** Silence after which a download is broken off, in milliseconds; default: DOWNLOAD_SILENCE_MS. */
  silenceMs?: number;
}

const FOLDER_DEPTH_MAX = 3;
/** Bytes read at once of a file that is not kept. */
const PASSING_BYTES = 1_048_576;

/** Where an artifact is, and its bytes in shared memory unless only the place was asked for. */
interface FoundArtifact {
  path: string;
  bytes: Uint8Array | null;
}

/**
 * Reads an artifact into memory that threads share: from the folder given, else from the cache, else from the
 * coordinator, going on behind what a broken download has left. Its hash is checked whichever way it came; a cached file
 * with another hash is replaced.
 * @throws UnreachableError; ArtifactError when the coordinator serves something else; DiskError, which says what to do
 */
export async function loadArtifact(name: ArtifactName, source: ArtifactSource): Promise<Uint8Array> {
  return (await findArtifact(name, source, true)).bytes!;
}

/**
 * The path of an artifact's file, for programs that read it themselves: found, fetched and checked like those that are
 * loaded, without being kept in memory. Throws like `loadArtifact`.
 */
export async function locateArtifact(name: ArtifactName, source: ArtifactSource): Promise<string> {
  return (await findArtifact(name, source, false)).path;
}

/** Whether an artifact is at hand, without fetching or changing anything; `damaged`: kept, but not what was registered. */
export async function checkArtifact(
  name: ArtifactName,
  { artifactDir, cacheDir }: Pick<ArtifactSource, 'artifactDir' | 'cacheDir'>,
): Promise<'present' | 'missing' | 'damaged'> {
  if (artifactDir && (await findInFolder(name, artifactDir, FOLDER_DEPTH_MAX, false))) return 'present';
  const path = resolve(cacheDir, name.sha256.slice(2));
  if (await readChecked(path, name, false)) return 'present';
  return (await stat(path).catch(() => null)) ? 'damaged' : 'missing';
}

async function findArtifact(name: ArtifactName, source: ArtifactSource, isKept: boolean): Promise<FoundArtifact> {
  const given = source.artifactDir ? await findInFolder(name, source.artifactDir, FOLDER_DEPTH_MAX, isKept) : null;
  if (given) return given;
  const path = resolve(source.cacheDir, name.sha256.slice(2));
  const cached = await readChecked(path, name, isKept);
  if (cached) {
    await noteUse(path);
    return cached;
  }
  await downloadArtifact(name, path, source);
  const fetched = await readChecked(path, name, isKept);
  if (fetched) return fetched;
  // Whatever was wrong with it, a later download begins at its first byte.
  await rm(path, { force: true });
  throw new ArtifactError(`the coordinator serves something else for artifact ${name.sha256}`);
}

/** The file when size and hash are those named; null otherwise, or when there is none. */
async function readChecked(path: string, name: ArtifactName, isKept: boolean): Promise<FoundArtifact | null> {
  const file = await open(path, 'r').catch(() => null);
  if (!file) return null;
  try {
    if ((await file.stat()).size !== name.bytes) return null;
    const bytes = isKept ? new Uint8Array(new SharedArrayBuffer(name.bytes)) : null;
    const passing = bytes ? null : new Uint8Array(Math.min(name.bytes, PASSING_BYTES));
    const hash = createHash('sha256');
    for (let place = 0; place < name.bytes; ) {
      const into = bytes?.subarray(place) ?? passing!.subarray(0, name.bytes - place);
      const { bytesRead } = await file.read(into, 0, into.length, place);
      if (bytesRead === 0) return null;
      hash.update(into.subarray(0, bytesRead));
      place += bytesRead;
    }
    return `0x${hash.digest('hex')}` === name.sha256 ? { path, bytes } : null;
  } finally {
    await file.close();
  }
}

async function findInFolder(
  name: ArtifactName,
  folder: string,
  depth: number,
  isKept: boolean,
): Promise<FoundArtifact | null> {
  const entries: Dirent[] = await readdir(folder, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    const path = resolve(folder, entry.name);
    if (entry.isDirectory()) {
      const found = depth > 1 ? await findInFolder(name, path, depth - 1, isKept) : null;
      if (found) return found;
    } else if ((await stat(path).catch(() => null))?.size === name.bytes) {
      const found = await readChecked(path, name, isKept);
      if (found) return found;
    }
  }
  return null;
}
