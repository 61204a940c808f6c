import { createHash } from 'node:crypto';
import { createWriteStream, type Dirent } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { pathOf, UnreachableError } from '#protocol/client.js';
import { ROUTES } from '#protocol/routes.js';
import type { Hex } from '#protocol/units.js';

/** A file of a circuit, named by its SHA-256. */
export interface ArtifactName {
  sha256: Hex;
  bytes: number;
}

/** The coordinator serves other bytes than those that were registered. Worth repeating after a while, not at once. */
export class ArtifactError extends Error {
  override readonly name = 'ArtifactError';
}

export interface ArtifactSource {
  baseUrl: string;
  fetch: typeof fetch;
  /** Where downloads are kept, one file each, under their hash. */
  cacheDir: string;
  /** A folder whose files are used instead of a download when their hash fits. */
  artifactDir: string | null;
  signal?: AbortSignal;
}

const FOLDER_DEPTH_MAX = 3;

/**
 * Reads an artifact into memory that threads share: from the folder given, else from the cache, else from the
 * coordinator. Its hash is checked whichever way it came; a cached file with another hash is replaced.
 * @throws UnreachableError, or ArtifactError when the coordinator serves something else
 */
export async function loadArtifact(name: ArtifactName, source: ArtifactSource): Promise<Uint8Array> {
  const given = source.artifactDir ? await findInFolder(name, source.artifactDir, FOLDER_DEPTH_MAX) : null;
  if (given) return given;
  const path = join(source.cacheDir, name.sha256.slice(2));
  const cached = await readChecked(path, name);
  if (cached) return cached;
  await rm(path, { force: true });
  await download(name, path, source);
  const bytes = await readChecked(path, name);
  if (bytes) return bytes;
  await rm(path, { force: true });
  throw new ArtifactError(`the coordinator serves something else for artifact ${name.sha256}`);
}

/** The file's bytes when size and hash are those named; null otherwise, or when there is no file. */
async function readChecked(path: string, name: ArtifactName): Promise<Uint8Array | null> {
  const file = await open(path, 'r').catch(() => null);
  if (!file) return null;
  try {
    if ((await file.stat()).size !== name.bytes) return null;
    const bytes = new Uint8Array(new SharedArrayBuffer(name.bytes));
    for (let place = 0; place < name.bytes; ) {
      const { bytesRead } = await file.read(bytes, place, name.bytes - place, place);
      if (bytesRead === 0) return null;
      place += bytesRead;
    }
    return `0x${createHash('sha256').update(bytes).digest('hex')}` === name.sha256 ? bytes : null;
  } finally {
    await file.close();
  }
}

async function findInFolder(name: ArtifactName, folder: string, depth: number): Promise<Uint8Array | null> {
  const entries: Dirent[] = await readdir(folder, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      const found = depth > 1 ? await findInFolder(name, path, depth - 1) : null;
      if (found) return found;
    } else if ((await stat(path).catch(() => null))?.size === name.bytes) {
      const bytes = await readChecked(path, name);
      if (bytes) return bytes;
    }
  }
  return null;
}

/** Passes bytes on, and fails on more than `bytesMax` of them: an endless answer must not fill the disk. */
function atMost(bytesMax: number): Transform {
  let bytes = 0;
  return new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      bytes += chunk.byteLength;
      if (bytes > bytesMax) done(new Error(`the coordinator sends more than the ${bytesMax} bytes that were named`));
      else done(null, chunk);
    },
  });
}

/** Downloads beside the final name and renames, so that a broken download is never taken for a file. */
async function download(name: ArtifactName, path: string, source: ArtifactSource): Promise<void> {
  const partial = `${path}.${process.pid}.part`;
  await mkdir(source.cacheDir, { recursive: true });
  const url = source.baseUrl + pathOf(ROUTES.getArtifact, { sha256: name.sha256 }, {});
  try {
    const response = await source.fetch(url, source.signal ? { signal: source.signal } : {});
    if (!response.ok || !response.body) throw new Error(`the coordinator answered ${response.status}`);
    const body = Readable.fromWeb(response.body as never);
    await pipeline(body, atMost(name.bytes), createWriteStream(partial, { mode: 0o600 }));
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true });
    throw new UnreachableError(`artifact ${name.sha256} could not be downloaded`, { cause: error });
  }
}
