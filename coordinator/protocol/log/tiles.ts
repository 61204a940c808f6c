import { isSize, type NodePosition, nodeHash, type ReadNode } from './merkleTree.js';

// C2SP tlog-tiles: the tree is cut into tiles of height 8. The tile at (level, index) is the row of complete nodes at
// tree level 8 * level from node 256 * index on, as 32-byte hashes one after the other; the seven levels above that
// row are hashed from it. A full tile is 256 hashes wide; the last one of a level may be partial. Nothing here knows
// where tiles are kept.

/** Tree levels in a tile. */
export const TILE_HEIGHT = 8;

/** Hashes in a full tile, and entries in a full entry bundle. */
export const TILE_WIDTH = 256;

/** Highest tile level that a path may name. Source: C2SP tlog-tiles */
export const TILE_LEVEL_MAX = 63;

/** A tile: its level counts tiles, not tree levels; `width` is 1 to 256 hashes. */
export interface Tile {
  level: number;
  index: number;
  width: number;
}

/** An entry bundle: the entries under the level 0 tile of the same index and width. */
export interface EntryBundle {
  index: number;
  width: number;
}

/** Yields a tile's bytes, 32 * width of them; throws when they are not there, which is its author's affair. */
export type ReadTile = (tile: Tile) => Uint8Array;

const HASH_BYTES = 32;
const TILE_PATH = /^tile\/(0|[1-9]\d?)\/((?:x\d{3}\/){0,5}\d{3})(?:\.p\/([1-9]\d{0,2}))?$/;
const ENTRY_BUNDLE_PATH = /^tile\/entries\/((?:x\d{3}\/){0,5}\d{3})(?:\.p\/([1-9]\d{0,2}))?$/;

/** The path of a tile below the log's prefix, such as `tile/0/x001/x234/067.p/8`. Source: C2SP tlog-tiles */
export function tilePath({ level, index, width }: Tile): string {
  return `tile/${level}/${indexPath(index)}${widthSuffix(width)}`;
}

/** The path of an entry bundle below the log's prefix, such as `tile/entries/000.p/8`. Source: C2SP tlog-tiles */
export function entryBundlePath({ index, width }: EntryBundle): string {
  return `tile/entries/${indexPath(index)}${widthSuffix(width)}`;
}

/**
 * Reads a tile's path, as a server does with what a client asks for.
 *
 * @returns undefined for anything that tilePath would not have written: one path for one tile
 */
export function parseTilePath(path: string): Tile | undefined {
  const match = TILE_PATH.exec(path);
  if (!match) return undefined;
  const tile = { level: Number(match[1]), index: parseIndex(match[2]!), width: parseWidth(match[3]) };
  return tile.level <= TILE_LEVEL_MAX && isSize(tile.index) && tilePath(tile) === path ? tile : undefined;
}

/**
 * Reads an entry bundle's path.
 *
 * @returns undefined for anything that entryBundlePath would not have written
 */
export function parseEntryBundlePath(path: string): EntryBundle | undefined {
  const match = ENTRY_BUNDLE_PATH.exec(path);
  if (!match) return undefined;
  const bundle = { index: parseIndex(match[1]!), width: parseWidth(match[2]) };
  return isSize(bundle.index) && entryBundlePath(bundle) === path ? bundle : undefined;
}

/**
 * The tiles that a tree of `toSize` leaves has and the same tree at `fromSize` leaves had not: what a store must write
 * when a checkpoint moves from one size to the other. Lowest level first, then from left to right; a tile that grew
 * comes once, in its new width. From 0 it is every tile of the tree.
 *
 * @throws RangeError when fromSize is above toSize
 */
export function tilesBetween(fromSize: number, toSize: number): Tile[] {
  if (!isSize(fromSize) || !isSize(toSize) || fromSize > toSize) {
    throw new RangeError(`No tiles between size ${fromSize} and size ${toSize}.`);
  }
  const tiles: Tile[] = [];
  for (let level = 0; hashesAtLevel(level, toSize) > 0; level++) {
    const total = hashesAtLevel(level, toSize);
    const before = hashesAtLevel(level, fromSize);
    if (total === before) continue;
    for (let index = Math.floor(before / TILE_WIDTH); index * TILE_WIDTH < total; index++) {
      tiles.push({ level, index, width: Math.min(TILE_WIDTH, total - index * TILE_WIDTH) });
    }
  }
  return tiles;
}

/** Every tile of a tree of `size` leaves. */
export function tilesOf(size: number): Tile[] {
  return tilesBetween(0, size);
}

/**
 * True when a tree of `size` leaves holds all hashes of the tile. True also for a narrower tile than the tree has now:
 * it was one of an earlier size, and may still be asked for.
 */
export function isTileOf(tile: Tile, size: number): boolean {
  return (
    tile.width >= 1 &&
    tile.width <= TILE_WIDTH &&
    tile.index * TILE_WIDTH + tile.width <= hashesAtLevel(tile.level, size)
  );
}

/** The complete nodes whose hashes are the tile, from left to right. */
export function nodesOfTile({ level, index, width }: Tile): NodePosition[] {
  return Array.from({ length: width }, (_, i) => ({ level: level * TILE_HEIGHT, index: index * TILE_WIDTH + i }));
}

/**
 * The tile from which a complete node's hash follows, in the width that a tree of `size` leaves has.
 *
 * @throws RangeError when the tree of that size has no such complete node
 */
export function tileOfNode({ level, index }: NodePosition, size: number): Tile {
  if (!isSize(level) || !isSize(index) || (index + 1) * 2 ** level > size) {
    throw new RangeError(`A tree of size ${size} has no complete node ${index} at level ${level}.`);
  }
  const tileLevel = Math.floor(level / TILE_HEIGHT);
  const tileIndex = Math.floor((index * 2 ** (level % TILE_HEIGHT)) / TILE_WIDTH);
  const total = hashesAtLevel(tileLevel, size);
  return { level: tileLevel, index: tileIndex, width: Math.min(TILE_WIDTH, total - tileIndex * TILE_WIDTH) };
}

/** The different tiles that are needed for these complete nodes, so that a client can fetch them all at once. */
export function tilesForNodes(nodes: readonly NodePosition[], size: number): Tile[] {
  const tiles = new Map<string, Tile>();
  for (const node of nodes) {
    const tile = tileOfNode(node, size);
    tiles.set(tilePath(tile), tile);
  }
  return [...tiles.values()];
}

/**
 * The hash of a complete node, from the tile that tileOfNode names: read off its row or hashed from up to 128 of its
 * hashes.
 *
 * @param tile - where the bytes come from
 * @param bytes - 32 * tile.width
 * @throws RangeError when the bytes have another length or the node is not in the tile
 */
export function hashFromTile(tile: Tile, bytes: Uint8Array, node: NodePosition): Uint8Array {
  if (bytes.length !== tile.width * HASH_BYTES) {
    throw new RangeError(`${tilePath(tile)} has ${bytes.length} bytes instead of ${tile.width * HASH_BYTES}.`);
  }
  const height = node.level - tile.level * TILE_HEIGHT;
  const count = 2 ** height;
  const first = node.index * count - tile.index * TILE_WIDTH;
  if (height < 0 || height >= TILE_HEIGHT || first < 0 || first + count > tile.width) {
    throw new RangeError(`${tilePath(tile)} does not hold node ${node.index} of level ${node.level}.`);
  }
  let row: Uint8Array[] = Array.from({ length: count }, (_, i) =>
    bytes.slice((first + i) * HASH_BYTES, (first + i + 1) * HASH_BYTES),
  );
  while (row.length > 1) {
    row = Array.from({ length: row.length / 2 }, (_, i) => nodeHash(row[2 * i]!, row[2 * i + 1]!));
  }
  return row[0]!;
}

/**
 * Reads complete nodes out of tiles: what a client that fetched tiles gives to inclusionProof or consistencyProof.
 *
 * @param size - the tree size whose tiles `readTile` has
 */
export function nodeReaderOfTiles(size: number, readTile: ReadTile): ReadNode {
  return (level, index) => {
    const tile = tileOfNode({ level, index }, size);
    return hashFromTile(tile, readTile(tile), { level, index });
  };
}

/**
 * The bytes of a tile: its hashes one after the other.
 *
 * @param hashes - 1 to 256 hashes of 32 bytes, those of nodesOfTile
 * @throws RangeError for another number of hashes or another length
 */
export function encodeTile(hashes: readonly Uint8Array[]): Uint8Array {
  if (hashes.length < 1 || hashes.length > TILE_WIDTH || hashes.some((hash) => hash.length !== HASH_BYTES)) {
    throw new RangeError('A tile is 1 to 256 hashes of 32 bytes.');
  }
  const bytes = new Uint8Array(hashes.length * HASH_BYTES);
  hashes.forEach((hash, i) => {
    bytes.set(hash, i * HASH_BYTES);
  });
  return bytes;
}

/** How many complete nodes a tree has in the bottom row of its tiles at a level: floor(size / 256^level). */
function hashesAtLevel(level: number, size: number): number {
  return Math.floor(size / TILE_WIDTH ** level);
}

function indexPath(index: number): string {
  const groups = [String(index % 1000).padStart(3, '0')];
  for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000)) {
    groups.unshift(`x${String(rest % 1000).padStart(3, '0')}`);
  }
  return groups.join('/');
}

function widthSuffix(width: number): string {
  return width === TILE_WIDTH ? '' : `.p/${width}`;
}

function parseIndex(groups: string): number {
  return Number(groups.replaceAll(/[x/]/g, ''));
}

/** 256 for a full tile; a written width of 256 or more fails the comparison with the path that it came from. */
function parseWidth(width: string | undefined): number {
  return width === undefined ? TILE_WIDTH : Number(width) < TILE_WIDTH ? Number(width) : 0;
}
