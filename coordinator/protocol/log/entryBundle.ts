import { TILE_WIDTH } from './tiles.js';

/** Largest entry that a bundle can hold, in bytes: its length is written in two bytes. Source: C2SP tlog-tiles */
export const ENTRY_BYTES_MAX = 65_535;

/** Bytes before each entry of a bundle, which say how long it is. */
export const LENGTH_BYTES = 2;

/**
 * The bytes of an entry bundle: each entry behind its length as a big-endian uint16.
 *
 * @param entries - 1 to 256 entries in log order, at most ENTRY_BYTES_MAX bytes each
 * @throws RangeError for another number of entries or a longer one
 * Source: C2SP tlog-tiles, "Log entries"
 */
export function encodeEntryBundle(entries: readonly Uint8Array[]): Uint8Array {
  if (entries.length < 1 || entries.length > TILE_WIDTH) throw new RangeError('An entry bundle is 1 to 256 entries.');
  const tooLong = entries.find((entry) => entry.length > ENTRY_BYTES_MAX);
  if (tooLong) throw new RangeError(`An entry of ${tooLong.length} bytes is longer than ${ENTRY_BYTES_MAX}.`);
  const bytes = new Uint8Array(entries.reduce((sum, entry) => sum + LENGTH_BYTES + entry.length, 0));
  let offset = 0;
  for (const entry of entries) {
    bytes[offset] = entry.length >> 8;
    bytes[offset + 1] = entry.length & 0xff;
    bytes.set(entry, offset + LENGTH_BYTES);
    offset += LENGTH_BYTES + entry.length;
  }
  return bytes;
}

/**
 * The entries of a bundle. What they hash to is to be compared with the level 0 tile, or with the checkpoint's root.
 *
 * @param bytes - as a server sent them
 * @param width - number of entries that the bundle must hold, 1 to 256
 * @returns views into `bytes`, in log order; undefined when the bytes hold fewer or more than `width` entries
 */
export function decodeEntryBundle(bytes: Uint8Array, width: number): Uint8Array[] | undefined {
  const entries: Uint8Array[] = [];
  let offset = 0;
  while (entries.length < width) {
    if (offset + LENGTH_BYTES > bytes.length) return undefined;
    const start = offset + LENGTH_BYTES;
    offset = start + bytes[offset]! * 256 + bytes[offset + 1]!;
    if (offset > bytes.length) return undefined;
    entries.push(bytes.subarray(start, offset));
  }
  return offset === bytes.length ? entries : undefined;
}
