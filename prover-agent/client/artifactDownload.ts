import { createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { pathOf, UnreachableError } from '#protocol/client.js';
import { ROUTES } from '#protocol/routes.js';
import { type CacheLimits, makeRoom } from './artifactCache.js';
import { ArtifactError } from './artifactError.js';
import type { ArtifactName, ArtifactSource } from './artifacts.js';
import { DiskError, diskErrorOf } from './diskError.js';

/** Silence after which a download is broken off, to be resumed, in milliseconds. */
export const DOWNLOAD_SILENCE_MS = 30_000;

/** The end of the name of an unfinished download. */
const UNFINISHED = '.part';

/**
 * Downloads an artifact beside its final name and renames it, so that a broken download is never taken for a file. What
 * a broken download has brought is kept, and the next one goes on behind it. Whoever calls checks the hash.
 *
 * @throws UnreachableError, worth repeating; ArtifactError; DiskError, which only the operator can mend
 */
export async function downloadArtifact(name: ArtifactName, path: string, source: ArtifactSource): Promise<void> {
  const fileName = name.sha256.slice(2);
  const partial = `${path}${UNFINISHED}`;
  const place = `artifact ${name.sha256} could not be kept in ${source.cacheDir}`;
  try {
    // What is there under the final name is not the artifact.
    await rm(path, { force: true });
    const haveBytes = await usableBytes(partial, name.bytes);
    const room = { fileBytes: name.bytes, missingBytes: name.bytes - haveBytes, keep: `${fileName}${UNFINISHED}` };
    await makeRoom(source.cacheDir, room, limitsOf(source));
    if (haveBytes < name.bytes) await fetchRest(name, partial, haveBytes, source);
    await rename(partial, path);
  } catch (error) {
    if (error instanceof DiskError || error instanceof ArtifactError) throw error;
    const disk = diskErrorOf(error, place);
    // What lies on a full disk helps nobody, nor does what was too much.
    if (disk || error instanceof TooLongError) await rm(partial, { force: true }).catch(() => undefined);
    throw disk ?? new UnreachableError(`artifact ${name.sha256} could not be downloaded`, { cause: error });
  }
}

function limitsOf({ limits }: ArtifactSource): CacheLimits {
  return limits ?? { cacheBytesMax: Number.POSITIVE_INFINITY, isInUse: () => true };
}

/** How much of an unfinished download can be built on; more than the whole is nothing. */
async function usableBytes(partial: string, wanted: number): Promise<number> {
  const bytes = (await stat(partial).catch(() => null))?.size ?? 0;
  if (bytes <= wanted) return bytes;
  await rm(partial, { force: true });
  return 0;
}

async function fetchRest(
  name: ArtifactName,
  partial: string,
  haveBytes: number,
  source: ArtifactSource,
): Promise<void> {
  const silence = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const heard = () => {
    clearTimeout(timer);
    const limitMs = source.silenceMs ?? DOWNLOAD_SILENCE_MS;
    timer = setTimeout(() => silence.abort(new Error(`nothing came for ${limitMs} ms`)), limitMs);
  };
  heard();
  try {
    const signal = source.signal ? AbortSignal.any([source.signal, silence.signal]) : silence.signal;
    const headers = haveBytes > 0 ? { range: `bytes=${haveBytes}-`, 'if-range': `"${name.sha256}"` } : {};
    const url = source.baseUrl + pathOf(ROUTES.getArtifact, { sha256: name.sha256 }, {});
    const response = await source.fetch(url, { headers, signal });
    if (response.status === 404 || response.status === 410) {
      throw new ArtifactError(`the coordinator has no artifact ${name.sha256}`);
    }
    if (!response.ok || !response.body) throw new Error(`the coordinator answered ${response.status}`);
    const startsAt = response.status === 206 ? startOf(response, haveBytes) : 0;
    const body = Readable.fromWeb(response.body as never);
    const file = createWriteStream(partial, { mode: 0o600, flags: startsAt > 0 ? 'a' : 'w' });
    await pipeline(body, atMost(name.bytes - startsAt, heard), file, { signal });
    if (startsAt + file.bytesWritten < name.bytes) throw new Error('the answer ended before the file did');
  } finally {
    clearTimeout(timer);
  }
}

/** A server that sends another part than the one asked for would spoil the file. */
function startOf(response: Response, wanted: number): number {
  const [, start] = /^bytes (\d{1,15})-/.exec(response.headers.get('content-range') ?? '') ?? [];
  if (Number(start) !== wanted)
    throw new Error('the coordinator sends another part of the file than the one asked for');
  return wanted;
}

class TooLongError extends Error {}

/** Passes bytes on, and fails on more than `bytesMax` of them: an endless answer must not fill the disk. */
function atMost(bytesMax: number, onBytes: () => void): Transform {
  let bytes = 0;
  return new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      onBytes();
      bytes += chunk.byteLength;
      if (bytes > bytesMax) done(new TooLongError('the coordinator sends more bytes than were named'));
      else done(null, chunk);
    },
  });
}
