import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type InclusionClaim,
  inclusionProof,
  nodesForInclusionProof,
  verifyInclusion,
} from '#protocol/log/inclusionProof.js';
import { emptyRoot, leafHash } from '#protocol/log/merkleTree.js';
import { growTree, someEntries } from './grownTree.js';
import { fromHex, INCLUSION_PROOFS, LEAF_INPUTS, ROOT_HASHES, toHex } from './merkleVectors.js';

const SIZE_MAX = 300;
const tree = growTree(someEntries(SIZE_MAX));

function claimOf(index: number, size: number): InclusionClaim {
  const path = inclusionProof(index, size, tree.readNode);
  return { leafHash: tree.leafHashes[index]!, index, size, path, root: tree.roots[size]! };
}

const someClaim = fc
  .integer({ min: 1, max: SIZE_MAX })
  .chain((size) => fc.integer({ min: 0, max: size - 1 }).map((index) => claimOf(index, size)));

function flipBit(bytes: Uint8Array, bit: number): Uint8Array {
  const flipped = bytes.slice();
  flipped[bit >> 3]! ^= 1 << (bit & 7);
  return flipped;
}

describe('inclusionProof', () => {
  it.each(INCLUSION_PROOFS)('is the published one for leaf $index of $size', ({ index, size, path }) => {
    const vectors = growTree(LEAF_INPUTS);
    expect(inclusionProof(index, size, vectors.readNode).map(toHex)).toEqual(path);
    const claim = {
      leafHash: leafHash(LEAF_INPUTS[index]!),
      index,
      size,
      path: path.map(fromHex),
      root: fromHex(ROOT_HASHES[size]!),
    };
    expect(verifyInclusion(claim)).toBe(true);
  });

  it('verifies for every index of every size', () => {
    const failed: string[] = [];
    for (let size = 1; size <= SIZE_MAX; size++) {
      for (let index = 0; index < size; index++) {
        if (!verifyInclusion(claimOf(index, size))) failed.push(`${index} of ${size}`);
      }
    }
    expect(failed).toEqual([]);
  });

  it('reads just the nodes that it says it will, all of them complete at that size', () => {
    fc.assert(
      fc.property(someClaim, ({ index, size }) => {
        const read: string[] = [];
        inclusionProof(index, size, (level, at) => {
          read.push(`${level}/${at}`);
          return tree.readNode(level, at);
        });
        const named = nodesForInclusionProof(index, size);
        expect(read).toEqual(named.map(({ level, index: at }) => `${level}/${at}`));
        expect(named.every(({ level, index: at }) => (at + 1) * 2 ** level <= size)).toBe(true);
      }),
    );
  });

  it('refuses an index that the tree has not', () => {
    expect(() => inclusionProof(0, 0, tree.readNode)).toThrow(RangeError);
    expect(() => inclusionProof(5, 5, tree.readNode)).toThrow(RangeError);
    expect(() => inclusionProof(-1, 5, tree.readNode)).toThrow(RangeError);
    expect(() => nodesForInclusionProof(1.5, 5)).toThrow(RangeError);
  });
});

describe('verifyInclusion', () => {
  it('fails with any bit flipped in leaf, root or path', () => {
    fc.assert(
      fc.property(someClaim, fc.nat(255), fc.nat(), (claim, bit, pick) => {
        expect(verifyInclusion({ ...claim, leafHash: flipBit(claim.leafHash, bit) })).toBe(false);
        expect(verifyInclusion({ ...claim, root: flipBit(claim.root, bit) })).toBe(false);
        if (claim.path.length === 0) return;
        const at = pick % claim.path.length;
        const path = claim.path.map((hash, i) => (i === at ? flipBit(hash, bit) : hash));
        expect(verifyInclusion({ ...claim, path })).toBe(false);
      }),
    );
  });

  it('fails at every other index, and with a path that is longer, shorter or in another order', () => {
    fc.assert(
      fc.property(someClaim, (claim) => {
        for (let index = -1; index <= claim.size; index++) {
          if (index !== claim.index) expect(verifyInclusion({ ...claim, index })).toBe(false);
        }
        expect(verifyInclusion({ ...claim, path: [...claim.path, claim.root] })).toBe(false);
        expect(verifyInclusion({ ...claim, path: [claim.root, ...claim.path] })).toBe(false);
        if (claim.path.length > 0) expect(verifyInclusion({ ...claim, path: claim.path.slice(1) })).toBe(false);
        if (claim.path.length > 0) expect(verifyInclusion({ ...claim, path: claim.path.slice(0, -1) })).toBe(false);
        if (claim.path.length > 1) expect(verifyInclusion({ ...claim, path: [...claim.path].reverse() })).toBe(false);
      }),
      { numRuns: 30 },
    );
  });

  it('fails against the root of every other size', () => {
    fc.assert(
      fc.property(someClaim, fc.integer({ min: 0, max: SIZE_MAX }), (claim, size) => {
        fc.pre(size !== claim.size);
        expect(verifyInclusion({ ...claim, root: tree.roots[size]! })).toBe(false);
        expect(verifyInclusion({ ...claim, size, root: tree.roots[size]! })).toBe(false);
      }),
    );
  });

  it('fails for a size of another height, whatever the root', () => {
    const claim = claimOf(5, 8);
    for (const size of [0, 4, 5, 16, 2 ** 52]) expect(verifyInclusion({ ...claim, size })).toBe(false);
  });

  it('is false for input of any other shape, without throwing', () => {
    const claim = claimOf(2, 5);
    const bad: unknown[] = [
      undefined,
      null,
      7,
      {},
      { ...claim, index: -1 },
      { ...claim, index: 1.5 },
      { ...claim, index: '2' },
      { ...claim, size: Number.NaN },
      { ...claim, size: 2 ** 53 },
      { ...claim, leafHash: new Uint8Array(31) },
      { ...claim, leafHash: 'ab' },
      { ...claim, root: emptyRoot().slice(1) },
      { ...claim, path: undefined },
      { ...claim, path: [undefined] },
      { ...claim, path: [...claim.path.slice(0, -1), new Uint8Array(33)] },
      { ...claim, path: new Uint8Array(32) },
    ];
    for (const each of bad) expect(verifyInclusion(each as InclusionClaim)).toBe(false);
    fc.assert(fc.property(fc.anything(), (each) => !verifyInclusion(each as InclusionClaim)));
  });
});
