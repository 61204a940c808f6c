import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { consistencyProof, nodesForConsistencyProof } from '#protocol/log/consistencyProof.js';
import { decodeEntryBundle, ENTRY_BYTES_MAX, encodeEntryBundle } from '#protocol/log/entryBundle.js';
import { inclusionProof, nodesForInclusionProof } from '#protocol/log/inclusionProof.js';
import {
  encodeTile,
  entryBundlePath,
  hashFromTile,
  isTileOf,
  nodeReaderOfTiles,
  nodesOfTile,
  parseEntryBundlePath,
  parseTilePath,
  type Tile,
  tileOfNode,
  tilePath,
  tilesBetween,
  tilesForNodes,
  tilesOf,
} from '#protocol/log/tiles.js';
import { growTree, someEntries } from './grownTree.js';
import { toHex } from './merkleVectors.js';

const tree = growTree(someEntries(1000));

function readTile(tile: Tile): Uint8Array {
  return encodeTile(nodesOfTile(tile).map(({ level, index }) => tree.readNode(level, index)));
}

describe('tile paths', () => {
  // Sources: C2SP tlog-tiles; golang.org/x/mod/sumdb/tlog; transparency-dev/tessera api/layout
  const published: [Tile, string][] = [
    [{ level: 0, index: 0, width: 256 }, 'tile/0/000'],
    [{ level: 0, index: 1, width: 256 }, 'tile/0/001'],
    [{ level: 1, index: 42, width: 17 }, 'tile/1/042.p/17'],
    [{ level: 0, index: 1234067, width: 256 }, 'tile/0/x001/x234/067'],
    [{ level: 0, index: 1234067, width: 8 }, 'tile/0/x001/x234/067.p/8'],
    [{ level: 63, index: 1000, width: 255 }, 'tile/63/x001/000.p/255'],
  ];

  it.each(published)('%o is %s', (tile, path) => {
    expect(tilePath(tile)).toBe(path);
    expect(parseTilePath(path)).toEqual(tile);
  });

  it('has bundles under tile/entries', () => {
    expect(entryBundlePath({ index: 1234067, width: 8 })).toBe('tile/entries/x001/x234/067.p/8');
    expect(parseEntryBundlePath('tile/entries/000')).toEqual({ index: 0, width: 256 });
    expect(parseEntryBundlePath('tile/0/000')).toBeUndefined();
    expect(parseTilePath('tile/entries/000')).toBeUndefined();
  });

  it('reads back every path', () => {
    const someIndex = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
    const someWidth = fc.integer({ min: 1, max: 256 });
    fc.assert(
      fc.property(fc.nat(63), someIndex, someWidth, (level, index, width) => {
        expect(parseTilePath(tilePath({ level, index, width }))).toEqual({ level, index, width });
        expect(parseEntryBundlePath(entryBundlePath({ index, width }))).toEqual({ index, width });
      }),
    );
  });

  it('refuses every other way to write a path', () => {
    const bad = [
      '',
      'tile',
      'tile/0',
      'tile/0/',
      'tile/0/0',
      'tile/0/00',
      'tile/0/0000',
      'tile/0/x000/001',
      'tile/0/001/002',
      'tile/0/x001',
      'tile/0/x001/x002',
      'tile/00/000',
      'tile/01/000',
      'tile/64/000',
      'tile/-1/000',
      'tile/0/000.p/0',
      'tile/0/000.p/00',
      'tile/0/000.p/01',
      'tile/0/000.p/256',
      'tile/0/000.p/999',
      'tile/0/000.p/',
      'tile/0/000.p',
      'tile/0/000/',
      '/tile/0/000',
      'tile/0/000\n',
      'tile/0/٠٠٠',
      'tile/0/x999/x999/x999/x999/x999/999',
      'tile/0/x001/x001/x001/x001/x001/x001/001',
      'tile/0/../000',
    ];
    for (const path of bad) {
      expect(parseTilePath(path), path).toBeUndefined();
      expect(parseEntryBundlePath(path.replace('tile/0', 'tile/entries')), path).toBeUndefined();
    }
  });
});

describe('tilesOf', () => {
  it('cuts a tree of 70,000 and one of 256 as the specification says', () => {
    const tiles = tilesOf(70_000);
    const full = (level: number) => tiles.filter((tile) => tile.level === level && tile.width === 256).length;
    const partial = tiles.filter((tile) => tile.width < 256);
    expect([full(0), full(1), full(2)]).toEqual([273, 1, 0]);
    expect(partial).toEqual([
      { level: 0, index: 273, width: 112 },
      { level: 1, index: 1, width: 17 },
      { level: 2, index: 0, width: 1 },
    ]);
    expect(tilesOf(256)).toEqual([
      { level: 0, index: 0, width: 256 },
      { level: 1, index: 0, width: 1 },
    ]);
    expect(tilesOf(0)).toEqual([]);
  });

  it('is what the steps between sizes add up to', () => {
    const someSizes = fc.array(fc.integer({ min: 0, max: 200_000 }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(someSizes, (sizes) => {
        const store = new Map<string, Tile>();
        let from = 0;
        for (const to of sizes.sort((a, b) => a - b)) {
          for (const tile of tilesBetween(from, to)) store.set(`${tile.level}/${tile.index}`, tile);
          from = to;
        }
        const expected = new Map(tilesOf(from).map((tile) => [`${tile.level}/${tile.index}`, tile]));
        expect(store).toEqual(expected);
      }),
      { numRuns: 25 },
    );
    expect(() => tilesBetween(2, 1)).toThrow(RangeError);
  });

  it('knows which tiles a size has, those of earlier sizes among them', () => {
    for (const tile of tilesOf(1000)) expect(isTileOf(tile, 1000)).toBe(true);
    expect(isTileOf({ level: 0, index: 3, width: 200 }, 1000)).toBe(true);
    expect(isTileOf({ level: 0, index: 3, width: 233 }, 1000)).toBe(false);
    expect(isTileOf({ level: 0, index: 4, width: 1 }, 1000)).toBe(false);
    expect(isTileOf({ level: 63, index: 0, width: 1 }, Number.MAX_SAFE_INTEGER)).toBe(false);
    expect(isTileOf({ level: 0, index: 0, width: 0 }, 1000)).toBe(false);
  });
});

describe('hashes from tiles', () => {
  it('are those of the tree, for every complete node', () => {
    const readNode = nodeReaderOfTiles(1000, readTile);
    for (const position of tree.positions) {
      const [level, index] = position.split('/').map(Number) as [number, number];
      expect(toHex(readNode(level, index))).toBe(toHex(tree.readNode(level, index)));
    }
  });

  it('make every proof from the tiles that were named beforehand', () => {
    const someSize = fc.integer({ min: 2, max: 1000 });
    const somePair = someSize.chain((size) => fc.tuple(fc.integer({ min: 1, max: size - 1 }), fc.constant(size)));
    fc.assert(
      fc.property(somePair, ([earlier, size]) => {
        const nodes = [...nodesForInclusionProof(earlier, size), ...nodesForConsistencyProof(earlier, size)];
        const fetched = new Map(tilesForNodes(nodes, size).map((tile) => [tilePath(tile), readTile(tile)]));
        const readNode = nodeReaderOfTiles(size, (tile) => fetched.get(tilePath(tile))!);
        const viaTiles = [inclusionProof(earlier, size, readNode), consistencyProof(earlier, size, readNode)];
        const viaNodes = [inclusionProof(earlier, size, tree.readNode), consistencyProof(earlier, size, tree.readNode)];
        expect(viaTiles.flat().map(toHex)).toEqual(viaNodes.flat().map(toHex));
        expect([...fetched.keys()].every((path) => isTileOf(parseTilePath(path)!, size))).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it('are refused for nodes that are not there and bytes of another length', () => {
    expect(() => tileOfNode({ level: 0, index: 1000 }, 1000)).toThrow(RangeError);
    expect(() => tileOfNode({ level: 3, index: 125 }, 1000)).toThrow(RangeError);
    expect(() => tileOfNode({ level: -1, index: 0 }, 1000)).toThrow(RangeError);
    const tile = { level: 0, index: 0, width: 256 };
    const bytes = readTile(tile);
    expect(() => hashFromTile(tile, bytes.slice(1), { level: 0, index: 0 })).toThrow(RangeError);
    expect(() => hashFromTile(tile, bytes, { level: 0, index: 256 })).toThrow(RangeError);
    expect(() => hashFromTile(tile, bytes, { level: 8, index: 0 })).toThrow(RangeError);
    expect(() => encodeTile([])).toThrow(RangeError);
    expect(() => encodeTile([new Uint8Array(31)])).toThrow(RangeError);
  });
});

describe('entry bundles', () => {
  it('put each entry behind its big-endian length', () => {
    const bytes = encodeEntryBundle([Uint8Array.of(0xaa, 0xbb), new Uint8Array(0), new Uint8Array(258)]);
    expect(toHex(bytes.slice(0, 8))).toBe('0002aabb00000102');
    expect(bytes).toHaveLength(2 + 2 + 2 + 2 + 258);
  });

  it('are read back, and refused at any other width or length', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 600 }), { minLength: 1, maxLength: 256 }), (entries) => {
        const bytes = encodeEntryBundle(entries);
        expect(decodeEntryBundle(bytes, entries.length)?.map(toHex)).toEqual(entries.map(toHex));
        expect(decodeEntryBundle(bytes, entries.length - 1)).toBeUndefined();
        expect(decodeEntryBundle(bytes, entries.length + 1)).toBeUndefined();
        expect(decodeEntryBundle(bytes.slice(0, -1), entries.length)).toBeUndefined();
      }),
    );
  });

  it('hold entries up to the limit and no longer, 256 of them and no more', () => {
    const longest = new Uint8Array(ENTRY_BYTES_MAX).fill(7);
    expect(decodeEntryBundle(encodeEntryBundle([longest]), 1)).toEqual([longest]);
    expect(() => encodeEntryBundle([new Uint8Array(ENTRY_BYTES_MAX + 1)])).toThrow(RangeError);
    expect(() => encodeEntryBundle([])).toThrow(RangeError);
    expect(() => encodeEntryBundle(someEntries(257))).toThrow(RangeError);
  });
});
