import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  appendLeaf,
  completeNodesOf,
  emptyFrontier,
  emptyRoot,
  frontierFromNodes,
  hashOfRange,
  leafHash,
  rootFromLeaves,
  rootOf,
} from '#protocol/log/merkleTree.js';
import { sha256Bytes } from '#protocol/sha256.js';
import { growTree, someEntries } from './grownTree.js';
import { LEAF_INPUTS, NODE_HASHES, ROOT_HASHES, toHex } from './merkleVectors.js';

describe('sha256Bytes', () => {
  it('equals the platform hash of the concatenated parts, at every length around a block', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 130 }), { maxLength: 4 }), (parts) => {
        const expected = createHash('sha256');
        for (const part of parts) expected.update(part);
        expect(toHex(sha256Bytes(...parts))).toBe(expected.digest('hex'));
      }),
    );
  });
});

describe('the Merkle tree', () => {
  it('has the published node and root hashes', () => {
    const tree = growTree(LEAF_INPUTS);
    expect(tree.roots.map(toHex)).toEqual(ROOT_HASHES);
    NODE_HASHES.forEach((row, level) => {
      expect(row.map((_, index) => toHex(tree.readNode(level, index)))).toEqual(row);
    });
    expect(tree.positions.size).toBe(NODE_HASHES.flat().length);
  });

  it('has the published roots straight from the definition too', () => {
    const roots = ROOT_HASHES.map((_, size) => toHex(rootFromLeaves(LEAF_INPUTS.slice(0, size).map(leafHash))));
    expect(roots).toEqual(ROOT_HASHES);
  });

  it('grows to the root of the definition at every size', () => {
    const tree = growTree(someEntries(300));
    tree.roots.forEach((root, size) => {
      expect(toHex(root)).toBe(toHex(rootFromLeaves(tree.leafHashes.slice(0, size))));
    });
  });

  it('is found again from the stored nodes at every size, and grows on from there', () => {
    const tree = growTree(someEntries(130));
    for (let size = 0; size <= 130; size++) {
      const frontier = frontierFromNodes(size, tree.readNode);
      expect(toHex(rootOf(frontier))).toBe(toHex(tree.roots[size]!));
      if (size === 130) continue;
      expect(toHex(rootOf(appendLeaf(frontier, tree.leafHashes[size]!).frontier))).toBe(toHex(tree.roots[size + 1]!));
    }
  });

  it('leaves the frontier that it was given as it was', () => {
    const { frontier } = appendLeaf(emptyFrontier(), leafHash(Uint8Array.of(1)));
    const before = toHex(rootOf(frontier));
    appendLeaf(frontier, leafHash(Uint8Array.of(2)));
    expect(toHex(rootOf(frontier))).toBe(before);
    expect(frontier.size).toBe(1);
  });

  it('refuses a frontier with too few hashes for its size', () => {
    expect(() => appendLeaf({ size: 3, hashes: [] }, emptyRoot())).toThrow(RangeError);
  });
});

describe('completeNodesOf', () => {
  it('names one node for each one-bit of a size, also beyond 32 bits', () => {
    expect(completeNodesOf(0, 0)).toEqual([]);
    expect(completeNodesOf(0, 13)).toEqual([
      { level: 3, index: 0 },
      { level: 2, index: 2 },
      { level: 0, index: 12 },
    ]);
    expect(completeNodesOf(0, 2 ** 40 + 1)).toEqual([
      { level: 40, index: 0 },
      { level: 0, index: 2 ** 40 },
    ]);
    expect(completeNodesOf(0, Number.MAX_SAFE_INTEGER)).toHaveLength(53);
  });

  it('refuses ranges that are no subtree and bounds that are no sizes', () => {
    const ranges = [
      [1, 3],
      [2, 6],
      [3, 2],
      [-1, 1],
      [0, 1.5],
      [0, 2 ** 53],
    ] as const;
    for (const [start, end] of ranges) expect(() => completeNodesOf(start, end)).toThrow(RangeError);
  });

  it('covers what hashOfRange hashes', () => {
    const tree = growTree(someEntries(8));
    expect(toHex(hashOfRange(4, 7, tree.readNode))).toBe(toHex(rootFromLeaves(tree.leafHashes.slice(4, 7))));
  });
});
