/** Where tiles come from: a coordinator, or a mirror of it, that serves `/log` over HTTP. */
import { type EntryBundle, entryBundlePath } from '#protocol/log/tiles.js';

/** The static files of a log. What a source gives is checked by whoever reads it. */
export interface TileSource {
  /** The newest checkpoint, a signed note. */
  checkpoint(): Promise<string>;
  /** The newest checkpoint with cosignatures; null when the source has none. */
  cosigned?(): Promise<string | null>;
  /** The bytes of an entry bundle. */
  bundle(bundle: EntryBundle): Promise<Uint8Array>;
  /** A long entry by its SHA-256 in hexadecimal. */
  longEntry(sha256: string): Promise<Uint8Array>;
  /** An artifact by its SHA-256 in hexadecimal, in pieces; null when the source does not have it. */
  artifact(sha256: string): Promise<AsyncIterable<Uint8Array> | null>;
}

/** Largest checkpoint, bundle or long entry that is read, in bytes. */
const ANSWER_BYTES_MAX = 33_554_432;

/** Longest wait for a file to begin, in milliseconds. */
const TIMEOUT_MS = 60_000;

/** Reads the log of a coordinator. @param baseUrl - such as `http://127.0.0.1:8787`; throws Error when it does not answer */
export function httpTileSource(baseUrl: string): TileSource {
  const root = baseUrl.replace(/\/+$/, '');
  const read = async (path: string): Promise<Uint8Array> => {
    const answer = await get(`${root}${path}`);
    if (!answer.ok) throw new Error(`${root}${path} answers ${answer.status}: is this the address of a coordinator?`);
    const pieces: Uint8Array[] = [];
    let bytes = 0;
    for await (const piece of answer.body as AsyncIterable<Uint8Array>) {
      bytes += piece.length;
      if (bytes > ANSWER_BYTES_MAX) throw new Error(`${root}${path} is longer than ${ANSWER_BYTES_MAX} bytes`);
      pieces.push(piece);
    }
    return new Uint8Array(Buffer.concat(pieces));
  };
  return {
    checkpoint: async () => Buffer.from(await read('/log/checkpoint')).toString('utf8'),
    cosigned: async () => {
      const answer = await get(`${root}/log/cosigned`);
      return answer.ok ? await answer.text() : null;
    },
    bundle: (bundle) => read(`/log/${entryBundlePath(bundle)}`),
    longEntry: (sha256) => read(`/log/entry/${sha256}`),
    artifact: async (sha256) => {
      const answer = await get(`${root}/v1/artifacts/0x${sha256}`);
      return answer.ok ? (answer.body as AsyncIterable<Uint8Array>) : null;
    },
  };
}

async function get(url: string): Promise<Response> {
  try {
    return await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  } catch (error) {
    const { cause } = error as { cause?: { code?: string } };
    throw new Error(`${url} does not answer (${cause?.code ?? (error as Error).message})`);
  }
}
