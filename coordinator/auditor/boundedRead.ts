/** Reads what others serve or have put into a folder: never more than a limit, and always an end or a clear word why not. */
import { constants } from 'node:fs';
import { open, realpath } from 'node:fs/promises';
import { join, sep } from 'node:path';

/** Longest wait for a file to end, in milliseconds. */
const TIMEOUT_MS = 60_000;

/** Asks for a URL. Redirects are not followed: they would lead an auditor anywhere. Throws Error when nothing answers. */
export async function askFor(url: string): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS), redirect: 'manual' });
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
 * A file of a folder. Throws Error when it leads out of the folder, is no regular file (a pipe would never end), or is longer
 * than `bytesMax`; with the code of the system, such as ENOENT, when it cannot be opened.
 */
export async function fileOf(folder: string, path: string, bytesMax: number): Promise<Uint8Array> {
  const full = join(folder, path);
  const [root, real] = [await realpath(folder), await realpath(full)];
  if (!real.startsWith(root.endsWith(sep) ? root : `${root}${sep}`))
    throw new Error(`${full} leads out of the folder, to ${real}`);
  const { O_RDONLY, O_NONBLOCK = 0 } = constants;
  const file = await open(real, O_RDONLY | O_NONBLOCK);
  try {
    const { size } = await file.stat().then((stat) => (stat.isFile() ? stat : { size: -1 }));
    if (size < 0) throw new Error(`${full} is no file`);
    if (size > bytesMax) throw new Error(`${full} is longer than ${bytesMax} bytes`);
    return new Uint8Array(await file.readFile());
  } finally {
    await file.close();
  }
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
