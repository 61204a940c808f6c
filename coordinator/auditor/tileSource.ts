/** Where tiles come from: a coordinator, or a mirror of it, that serves `/log` over HTTP. */
import { ENTRY_BYTES_MAX, LENGTH_BYTES } from '#protocol/log/entryBundle.js';
import { LONG_ENTRY_BYTES_MAX } from '#protocol/log/logLeaf.js';
import { NOTE_BYTES_MAX } from '#protocol/log/signedNote.js';
import { type EntryBundle, entryBundlePath, TILE_WIDTH } from '#protocol/log/tiles.js';
import { askFor, bodyOf, piecesOf } from './boundedRead.js';

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
  /** The log of the market that follows this one; null while there is none. */
  next?(): Promise<TileSource | null>;
}

/** Where the files of a log of a market lie, below those of the first. @param number - from 0 */
export function logPrefix(number: number): string {
  return number === 0 ? '' : `${number}/`;
}

/** Largest files, in bytes: a signed note as its format bounds it, a full bundle of the longest leaves. */
export const LOG_FILE_BYTES_MAX = {
  note: NOTE_BYTES_MAX,
  bundle: TILE_WIDTH * (LENGTH_BYTES + ENTRY_BYTES_MAX),
  longEntry: LONG_ENTRY_BYTES_MAX,
} as const;

/** Answers of servers that have no such file; of some that hand out folders also where nobody may see what there is. */
const NOTHING_THERE: ReadonlySet<number> = new Set([403, 404, 410]);

/** Reads the log of a coordinator. @param number - which log of the market, from 0; throws Error when it does not answer */
export function httpTileSource(baseUrl: string, number = 0): TileSource {
  const root = baseUrl.replace(/\/+$/, '');
  const read = async (path: string, bytesMax: number): Promise<Uint8Array> => {
    const answer = await askFor(`${root}${path}`);
    if (answer.ok) return bodyOf(answer, `${root}${path}`, bytesMax);
    await answer.body?.cancel();
    throw new Error(`${root}${path} answers ${answer.status}: is this the address of a coordinator?`);
  };
  const log = `/log/${logPrefix(number)}`;
  const { note, bundle: bundleMax, longEntry: longMax } = LOG_FILE_BYTES_MAX;
  return {
    checkpoint: async () => Buffer.from(await read(`${log}checkpoint`, note)).toString('utf8'),
    cosigned: async () => {
      const url = `${root}${log}cosigned`;
      const answer = await askFor(url);
      if (answer.ok) return Buffer.from(await bodyOf(answer, url, note)).toString('utf8');
      await answer.body?.cancel();
      return null;
    },
    bundle: (bundle) => read(`${log}${entryBundlePath(bundle)}`, bundleMax),
    longEntry: (sha256) => read(`${log}entry/${sha256}`, longMax),
    artifact: (sha256) => piecesOf(`${root}/v1/artifacts/0x${sha256}`),
    next: async () => {
      const url = `${root}/log/${logPrefix(number + 1)}checkpoint`;
      const answer = await askFor(url);
      await answer.body?.cancel();
      if (answer.ok) return httpTileSource(baseUrl, number + 1);
      if (NOTHING_THERE.has(answer.status)) return null;
      // Whoever took this for an end would pass a log over.
      throw new Error(`${url} answers ${answer.status}: whether another log follows cannot be told`);
    },
  };
}
