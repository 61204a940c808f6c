/** Reads what others serve or have put into a folder: never more than a limit, and always an end or a clear word why not. */
import { constants } from 'node:fs';
import { type FileHandle, open, realpath } from 'node:fs/promises';
import { join, sep } from 'node:path';

/** Longest wait for a file to end; of one that is read in pieces, for the next piece. In milliseconds. */
const TIMEOUT_MS = 60_000;

/** Asks for a URL. Redirects are not followed: they would lead an auditor anywhere. Throws Error when nothing answers. */
export async function askFor(url: string, signal = AbortSignal.timeout(TIMEOUT_MS)): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(url, { signal, redirect: 'manual' });
  } catch (error) {
    throw new Error(`${url} does not answer (${reasonOf(error)})`);
  }
  if (answer.status < 300 || answer.status > 399) return answer;
  await answer.body?.cancel();
  const to = answer.headers.get('location') ?? 'nowhere';
  throw new Error(
    `${url} answers ${answer.status}, a redirect to ${to}: redirects are not followed, name that address`,
  );
}

/** The body of an answer. Throws Error when it is longer than `bytesMax`, as it is after decompression, or breaks off. */
export async function bodyOf(answer: Response, url: string, bytesMax: number): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  const reader = answer.body?.getReader();
  try {
    for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) {
      bytes += next.value.length;
      if (bytes > bytesMax) break;
      pieces.push(next.value);
    }
  } catch (error) {
    throw new Error(`${url} breaks off (${reasonOf(error)})`);
  }
  if (bytes <= bytesMax) return new Uint8Array(Buffer.concat(pieces));
  await reader?.cancel().catch(() => undefined);
  throw new Error(`${url} is longer than ${bytesMax} bytes`);
}

/**
 * A file of any length in pieces, however long all of it takes, as long as a piece comes every `silenceMs`.
 * Null when the answer is a no. How much of it is read is for whoever reads it. Throws Error, also later, when it breaks off.
 */
export async function piecesOf(url: string, silenceMs = TIMEOUT_MS): Promise<AsyncIterable<Uint8Array> | null> {
  const silence = new AbortController();
  const hush = () => silence.abort(new DOMException('silent for too long', 'TimeoutError'));
  let timer = setTimeout(hush, silenceMs);
  const answer = await askFor(url, silence.signal).catch((error: unknown) => {
    clearTimeout(timer);
    throw error;
  });
  if (!answer.ok || !answer.body) {
    clearTimeout(timer);
    await answer.body?.cancel();
    return null;
  }
  const reader = answer.body.getReader();
  return (async function* () {
    try {
      for (let next = await reader.read(); !next.done; next = await reader.read()) {
        clearTimeout(timer);
        yield next.value;
        timer = setTimeout(hush, silenceMs);
      }
    } catch (error) {
      throw new Error(`${url} breaks off (${reasonOf(error)})`);
    } finally {
      clearTimeout(timer);
      await reader.cancel().catch(() => undefined);
    }
  })();
}

/**
 * A file of a folder. Throws Error when it leads out of the folder, is no regular file (a pipe would never end), or is longer
 * than `bytesMax`; with the code of the system, such as ENOENT, when it cannot be opened.
 */
export async function fileOf(folder: string, path: string, bytesMax: number): Promise<Uint8Array> {
  const { file, size } = await openWithin(folder, path);
  try {
    if (size > bytesMax) throw new Error(`${join(folder, path)} is longer than ${bytesMax} bytes`);
    return new Uint8Array(await file.readFile());
  } finally {
    await file.close();
  }
}

/** A file of a folder in pieces; null when it is not there. Throws as {@link fileOf} does. */
export async function filePiecesOf(folder: string, path: string): Promise<AsyncIterable<Uint8Array> | null> {
  try {
    const { file } = await openWithin(folder, path);
    return file.createReadStream();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

async function openWithin(folder: string, path: string): Promise<{ file: FileHandle; size: number }> {
  const full = join(folder, path);
  const [root, real] = [await realpath(folder), await realpath(full)];
  if (!real.startsWith(root.endsWith(sep) ? root : `${root}${sep}`))
    throw new Error(`${full} leads out of the folder, to ${real}`);
  const { O_RDONLY, O_NONBLOCK = 0 } = constants;
  const file = await open(real, O_RDONLY | O_NONBLOCK);
  const stat = await file.stat();
  if (stat.isFile()) return { file, size: stat.size };
  await file.close();
  throw new Error(`${full} is no file`);
}

/** What a failed fetch says: the code of the system where there is one. */
function reasonOf(error: unknown): string {
  const { name, message, cause } = error as {
    name?: string;
    message?: string;
    cause?: { code?: string; message?: string };
  };
  if (name === 'TimeoutError') return `not within ${TIMEOUT_MS / 1_000} s`;
  return cause?.code ?? cause?.message ?? message ?? String(error);
}
