import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type ConsistencyClaim,
  consistencyProof,
  nodesForConsistencyProof,
  verifyConsistency,
} from '#protocol/log/consistencyProof.js';
import { emptyRoot } from '#protocol/log/merkleTree.js';
import { growTree, someEntries } from './grownTree.js';
import { CONSISTENCY_PROOFS, fromHex, LEAF_INPUTS, ROOT_HASHES, toHex } from './merkleVectors.js';

const SIZE_MAX = 300;
const tree = growTree(someEntries(SIZE_MAX));

function claimOf(fromSize: number, toSize: number): ConsistencyClaim {
  const path = consistencyProof(fromSize, toSize, tree.readNode);
  return { fromSize, fromRoot: tree.roots[fromSize]!, toSize, toRoot: tree.roots[toSize]!, path };
}

const someClaim = fc
  .integer({ min: 2, max: SIZE_MAX })
  .chain((toSize) => fc.integer({ min: 1, max: toSize - 1 }).map((fromSize) => claimOf(fromSize, toSize)));

function flipBit(bytes: Uint8Array, bit: number): Uint8Array {
  const flipped = bytes.slice();
  flipped[bit >> 3]! ^= 1 << (bit & 7);
  return flipped;
}

describe('consistencyProof', () => {
  it.each(CONSISTENCY_PROOFS)('is the published one from $fromSize to $toSize', ({ fromSize, toSize, path }) => {
    const vectors = growTree(LEAF_INPUTS);
    expect(consistencyProof(fromSize, toSize, vectors.readNode).map(toHex)).toEqual(path);
    const fromRoot = fromHex(ROOT_HASHES[fromSize]!);
    const toRoot = fromHex(ROOT_HASHES[toSize]!);
    expect(verifyConsistency({ fromSize, fromRoot, toSize, toRoot, path: path.map(fromHex) })).toBe(true);
  });

  it('verifies between all pairs of sizes', () => {
    const failed: string[] = [];
    for (let toSize = 0; toSize <= SIZE_MAX; toSize++) {
      for (let fromSize = 0; fromSize <= toSize; fromSize++) {
        if (!verifyConsistency(claimOf(fromSize, toSize))) failed.push(`${fromSize} to ${toSize}`);
      }
    }
    expect(failed).toEqual([]);
  });

  it('reads just the nodes that it says it will', () => {
    fc.assert(
      fc.property(someClaim, ({ fromSize, toSize }) => {
        const read: string[] = [];
        consistencyProof(fromSize, toSize, (level, index) => {
          read.push(`${level}/${index}`);
          return tree.readNode(level, index);
        });
        expect(read).toEqual(nodesForConsistencyProof(fromSize, toSize).map(({ level, index }) => `${level}/${index}`));
      }),
    );
  });

  it('refuses sizes in the wrong order', () => {
    expect(() => consistencyProof(5, 4, tree.readNode)).toThrow(RangeError);
    expect(() => nodesForConsistencyProof(-1, 4)).toThrow(RangeError);
  });
});

describe('verifyConsistency', () => {
  it('fails with any bit flipped in a root or the path', () => {
    fc.assert(
      fc.property(someClaim, fc.nat(255), fc.nat(), (claim, bit, pick) => {
        expect(verifyConsistency({ ...claim, fromRoot: flipBit(claim.fromRoot, bit) })).toBe(false);
        expect(verifyConsistency({ ...claim, toRoot: flipBit(claim.toRoot, bit) })).toBe(false);
        const at = pick % claim.path.length;
        const path = claim.path.map((hash, i) => (i === at ? flipBit(hash, bit) : hash));
        expect(verifyConsistency({ ...claim, path })).toBe(false);
      }),
    );
  });

  it('fails with a path that is longer, shorter or empty, and with the roots exchanged', () => {
    fc.assert(
      fc.property(someClaim, (claim) => {
        const { fromRoot, toRoot, path } = claim;
        for (const extra of [fromRoot, toRoot, path[0]!]) {
          expect(verifyConsistency({ ...claim, path: [...path, extra] })).toBe(false);
          expect(verifyConsistency({ ...claim, path: [extra, ...path] })).toBe(false);
        }
        expect(verifyConsistency({ ...claim, path: path.slice(0, -1) })).toBe(false);
        expect(verifyConsistency({ ...claim, path: path.slice(1) })).toBe(false);
        expect(verifyConsistency({ ...claim, path: [] })).toBe(false);
        expect(verifyConsistency({ ...claim, fromRoot: toRoot, toRoot: fromRoot })).toBe(false);
      }),
    );
  });

  it('fails for another size on either side', () => {
    fc.assert(
      fc.property(someClaim, fc.integer({ min: 0, max: SIZE_MAX }), (claim, other) => {
        if (other !== claim.fromSize) {
          expect(verifyConsistency({ ...claim, fromSize: other, fromRoot: tree.roots[other]! })).toBe(false);
        }
        if (other !== claim.toSize) {
          expect(verifyConsistency({ ...claim, toSize: other, toRoot: tree.roots[other]! })).toBe(false);
        }
      }),
    );
  });

  it('fails for a log that rewrote an entry', () => {
    const rewritten = growTree(someEntries(50).map((entry, i) => (i === 17 ? Uint8Array.of(9) : entry)));
    const path = consistencyProof(40, 50, rewritten.readNode);
    const claim = { fromSize: 40, fromRoot: tree.roots[40]!, toSize: 50, toRoot: rewritten.roots[50]!, path };
    expect(verifyConsistency(claim)).toBe(false);
  });

  it('binds size 0 to the empty root and equal sizes to equal roots', () => {
    const root = tree.roots[3]!;
    const none = { fromSize: 0, fromRoot: emptyRoot(), toSize: 3, toRoot: root, path: [] };
    expect(verifyConsistency(none)).toBe(true);
    expect(verifyConsistency({ ...none, fromRoot: root })).toBe(false);
    expect(verifyConsistency({ ...none, path: [root] })).toBe(false);
    expect(verifyConsistency({ ...none, toSize: 0 })).toBe(false);
    expect(verifyConsistency({ ...none, toSize: 0, toRoot: emptyRoot() })).toBe(true);
    expect(verifyConsistency({ ...none, toSize: 0, fromRoot: root })).toBe(false);
    const same = { fromSize: 3, fromRoot: root, toSize: 3, toRoot: root, path: [] };
    expect(verifyConsistency({ ...same, toRoot: tree.roots[2]! })).toBe(false);
    expect(verifyConsistency({ ...same, path: [root] })).toBe(false);
  });

  it('is false for input of any other shape, without throwing', () => {
    const claim = claimOf(3, 7);
    const bad: unknown[] = [
      undefined,
      null,
      'claim',
      { ...claim, fromSize: 8 },
      { ...claim, fromSize: -3 },
      { ...claim, toSize: 7.5 },
      { ...claim, toSize: 7n },
      { ...claim, fromRoot: new Uint8Array(0) },
      { ...claim, toRoot: 'ab' },
      { ...claim, path: null },
      { ...claim, path: [...claim.path.slice(1), new Uint8Array(31)] },
    ];
    for (const each of bad) expect(verifyConsistency(each as ConsistencyClaim)).toBe(false);
    fc.assert(fc.property(fc.anything(), (each) => !verifyConsistency(each as ConsistencyClaim)));
  });
});
