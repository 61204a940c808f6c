import {
  completeNodesOf,
  equalBytes,
  hashOfRange,
  isHash,
  isSize,
  largestPowerOfTwoBelow,
  type NodePosition,
  nodeHash,
  type ReadNode,
} from './merkleTree.js';

/** That the entry with this leaf hash is at `index` in the log whose first `size` entries have the root `root`. */
export interface InclusionClaim {
  /** 32 bytes. */
  leafHash: Uint8Array;
  index: number;
  /** Tree size, in leaves. */
  size: number;
  /** The inclusionProof: 32-byte hashes, the leaf's sibling first. */
  path: readonly Uint8Array[];
  /** 32 bytes, from a checkpoint. */
  root: Uint8Array;
}

/**
 * Puts together the inclusionProof of one entry in the tree of a given size, which may be older than the log.
 *
 * @param index - of the entry, below size
 * @param size - tree size, in leaves
 * @param readNode - asked for nodesForInclusionProof(index, size) and no others
 * @returns 32-byte hashes, the leaf's sibling first; none for a tree of one leaf
 * @throws RangeError when index is not below size
 * Source: RFC 6962, section 2.1.1, PATH(index, D[size])
 */
export function inclusionProof(index: number, size: number, readNode: ReadNode): Uint8Array[] {
  return rangesOfProof(index, size).map(([start, end]) => hashOfRange(start, end, readNode));
}

/**
 * The complete nodes that inclusionProof will read, so that a store can fetch them all at once.
 *
 * @throws RangeError when index is not below size
 */
export function nodesForInclusionProof(index: number, size: number): NodePosition[] {
  return rangesOfProof(index, size).flatMap(([start, end]) => completeNodesOf(start, end));
}

/**
 * Checks an inclusionProof. Safe on anything: a claim of wrong shape or length is false, nothing is thrown.
 *
 * Source: RFC 9162, section 2.1.3.2
 */
export function verifyInclusion(claim: InclusionClaim): boolean {
  if (!isWellFormed(claim)) return false;
  let position = claim.index;
  let last = claim.size - 1;
  let hash = claim.leafHash;
  for (const sibling of claim.path) {
    if (last === 0) return false;
    if (position % 2 === 1 || position === last) {
      hash = nodeHash(sibling, hash);
      while (position % 2 === 0 && position !== 0) {
        position /= 2;
        last = Math.floor(last / 2);
      }
    } else {
      hash = nodeHash(hash, sibling);
    }
    position = Math.floor(position / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 && equalBytes(hash, claim.root);
}

function isWellFormed(claim: InclusionClaim): boolean {
  return (
    typeof claim === 'object' &&
    claim !== null &&
    isSize(claim.index) &&
    isSize(claim.size) &&
    claim.index < claim.size &&
    isHash(claim.leafHash) &&
    isHash(claim.root) &&
    Array.isArray(claim.path) &&
    claim.path.every(isHash)
  );
}

/** The ranges of leaves that the siblings on the way from the leaf to the root cover, the leaf's sibling first. */
function rangesOfProof(index: number, size: number): [start: number, end: number][] {
  if (!isSize(index) || !isSize(size) || index >= size) {
    throw new RangeError(`A tree of size ${size} has no leaf ${index}.`);
  }
  const ranges: [number, number][] = [];
  let start = 0;
  let end = size;
  while (end - start > 1) {
    const middle = start + largestPowerOfTwoBelow(end - start);
    if (index < middle) {
      ranges.push([middle, end]);
      end = middle;
    } else {
      ranges.push([start, middle]);
      start = middle;
    }
  }
  return ranges.reverse();
}
