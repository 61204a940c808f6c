/** Tiles, entry bundles and long entries as they are served: read from their rows, never made anew. */
import type { Pool } from 'pg';
import { encodeEntryBundle } from '#protocol/log/entryBundle.js';
import { leafOf } from '#protocol/log/logLeaf.js';
import { type EntryBundle, TILE_WIDTH, type Tile } from '#protocol/log/tiles.js';

const HASH_BYTES = 32;

/** The bytes of a tile of a log; null when its tree has no such hashes yet. */
export async function readTile(pool: Pool, log: number, { level, index, width }: Tile): Promise<Uint8Array | null> {
  const { rows } = await pool.query<{ hashes: Buffer }>(
    'SELECT substring(hashes FROM 1 FOR $3) AS hashes FROM log_tiles WHERE level = $1 AND index = $2 AND log_number = $4',
    [level, index, width * HASH_BYTES, log],
  );
  const hashes = rows[0]?.hashes;
  return hashes?.length === width * HASH_BYTES ? new Uint8Array(hashes) : null;
}

/** Where a log's entries stand in the market. `size` is null while it grows. */
export interface LogSpan {
  firstIndex: number;
  size: number | null;
}

/** The bytes of an entry bundle of a log; null when it has no such entries yet. */
export async function readEntryBundle(
  pool: Pool,
  { firstIndex, size }: LogSpan,
  { index, width }: EntryBundle,
): Promise<Uint8Array | null> {
  const place = index * TILE_WIDTH;
  if (size !== null && place + width > size) return null;
  const from = firstIndex + place;
  const { rows } = await pool.query<{ leaf: string }>(
    'SELECT leaf FROM entries WHERE index >= $1 AND index < $2 ORDER BY index',
    [from, from + width],
  );
  return rows.length === width ? encodeEntryBundle(rows.map(({ leaf }) => leafOf(leaf))) : null;
}

/** An entry that the tree has as a stub, by its SHA-256 in hexadecimal; null when there is none. */
export async function readLongEntry(pool: Pool, sha256: string): Promise<string | null> {
  const { rows } = await pool.query<{ leaf: string }>(
    'SELECT leaf FROM long_entries JOIN entries USING (index) WHERE sha256 = $1',
    [sha256],
  );
  return rows[0]?.leaf ?? null;
}
