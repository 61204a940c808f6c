/** A log read from its static files: entry bundles, and the long entries that their stubs name. */
import { decodeEntryBundle } from '#protocol/log/entryBundle.js';
import { isNamedBy, type Stub, stubOf } from '#protocol/log/logLeaf.js';
import { TILE_WIDTH } from '#protocol/log/tiles.js';
import type { TileSource } from './tileSource.js';
import { claimedSize, type LogSource } from './walkLog.js';

/** Bundles that are asked for ahead of the reader: a network's delay is then no brake. */
const BUNDLES_AHEAD = 8;

/** The bytes served are not those of the log: a bundle of another length, or a long entry of another hash. */
export class TornLogError extends Error {
  override readonly name = 'TornLogError';
  /** Index of the first entry that cannot be read. */
  readonly at: number;
  /** What can be read of the entries that were asked for together with it. */
  readonly before: readonly string[];

  constructor(at: number, message: string, before: readonly string[] = []) {
    super(message);
    this.at = at;
    this.before = before;
  }
}

/** Reads entries out of tiles. `entries` throws {@link TornLogError}, and what the source throws. */
export function tileLogSource(source: TileSource): LogSource {
  let size = 0;
  const ahead = new Map<number, Promise<string[]>>();
  const fetchBundle = (index: number): Promise<string[]> => {
    const known = ahead.get(index);
    if (known) return known;
    const fetched = readBundle(source, index, Math.min(TILE_WIDTH, size - index * TILE_WIDTH));
    // Whoever reads that far is told; until then a failure ahead is nobody's.
    fetched.catch(() => undefined);
    ahead.set(index, fetched);
    return fetched;
  };
  return {
    checkpoint: async () => {
      const note = await source.checkpoint();
      size = claimedSize(note);
      ahead.clear();
      return note;
    },
    cosigned: async () => (await source.cosigned?.()) ?? null,
    next: async () => {
      const next = (await source.next?.()) ?? null;
      return next && tileLogSource(next);
    },
    entries: async (from, limit) => {
      const index = Math.floor(from / TILE_WIDTH);
      if (from >= size) return [];
      const last = Math.min(index + BUNDLES_AHEAD, Math.floor((size - 1) / TILE_WIDTH));
      for (let next = index; next <= last; next += 1) void fetchBundle(next);
      const entries = await fetchBundle(index).catch((error: unknown) => {
        if (error instanceof TornLogError && error.at > from) return error.before;
        throw error;
      });
      for (const known of ahead.keys()) if (known < index) ahead.delete(known);
      return entries.slice(from - index * TILE_WIDTH).slice(0, limit);
    },
  };
}

async function readBundle(source: TileSource, index: number, width: number): Promise<string[]> {
  const first = index * TILE_WIDTH;
  const leaves = decodeEntryBundle(await source.bundle({ index, width }), width);
  if (!leaves) throw new TornLogError(first, `the bundle of entries ${first} to ${first + width - 1} is torn`);
  const entries: string[] = [];
  for (const [place, leaf] of leaves.entries()) {
    const text = Buffer.from(leaf.buffer, leaf.byteOffset, leaf.byteLength).toString('utf8');
    const stub = leaf.length < 256 ? stubOf(text) : null;
    const entry = stub ? await longEntry(source, stub) : text;
    if (entry === null) {
      const words = `the long entry ${first + place} is not the one of ${stub!.bytes} bytes that the tree names`;
      throw new TornLogError(first + place, words, entries);
    }
    entries.push(entry);
  }
  return entries;
}

/** The entry that a stub names; null when what is served is another. */
async function longEntry(source: TileSource, stub: Stub): Promise<string | null> {
  const bytes = await source.longEntry(stub.sha256);
  return isNamedBy(stub, bytes) ? Buffer.from(bytes).toString('utf8') : null;
}
