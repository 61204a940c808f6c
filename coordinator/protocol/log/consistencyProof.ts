import {
  completeNodesOf,
  emptyRoot,
  equalBytes,
  hashOfRange,
  isHash,
  isSize,
  largestPowerOfTwoBelow,
  type NodePosition,
  nodeHash,
  type ReadNode,
} from './merkleTree.js';

/** That the log of size `toSize` begins with the very entries of the log of size `fromSize`: nothing was rewritten. */
export interface ConsistencyClaim {
  fromSize: number;
  /** 32 bytes, from the older checkpoint. */
  fromRoot: Uint8Array;
  toSize: number;
  /** 32 bytes, from the newer checkpoint. */
  toRoot: Uint8Array;
  /** The consistencyProof: 32-byte hashes in the order of RFC 6962. */
  path: readonly Uint8Array[];
}

/**
 * Puts together the consistencyProof between two sizes of the log.
 *
 * @param fromSize - the older tree size; from 0 and from the same size the proof is empty
 * @param toSize - the newer tree size
 * @param readNode - asked for nodesForConsistencyProof(fromSize, toSize) and no others
 * @throws RangeError when fromSize is above toSize
 * Source: RFC 6962, section 2.1.2, PROOF(fromSize, D[toSize])
 */
export function consistencyProof(fromSize: number, toSize: number, readNode: ReadNode): Uint8Array[] {
  return rangesOfProof(fromSize, toSize).map(([start, end]) => hashOfRange(start, end, readNode));
}

/**
 * The complete nodes that consistencyProof will read, so that a store can fetch them all at once.
 *
 * @throws RangeError when fromSize is above toSize
 */
export function nodesForConsistencyProof(fromSize: number, toSize: number): NodePosition[] {
  return rangesOfProof(fromSize, toSize).flatMap(([start, end]) => completeNodesOf(start, end));
}

/**
 * Checks a consistencyProof. Safe on anything: a claim of wrong shape or length is false, nothing is thrown.
 * From size 0 it holds only with the empty tree's root and an empty path; between equal sizes only with equal roots
 * and an empty path.
 *
 * Source: RFC 9162, section 2.1.4.2
 */
export function verifyConsistency(claim: ConsistencyClaim): boolean {
  if (!isWellFormed(claim)) return false;
  const { fromSize, fromRoot, toSize, toRoot, path } = claim;
  if (fromSize === toSize) {
    return path.length === 0 && equalBytes(fromRoot, toRoot) && (fromSize > 0 || equalBytes(fromRoot, emptyRoot()));
  }
  if (fromSize === 0) return path.length === 0 && equalBytes(fromRoot, emptyRoot());
  if (path.length === 0) return false;
  return foldsToBothRoots(claim);
}

/** The walk of RFC 9162, for 0 < fromSize < toSize and a path that is not empty. */
function foldsToBothRoots({ fromSize, fromRoot, toSize, toRoot, path }: ConsistencyClaim): boolean {
  let position = fromSize - 1;
  let last = toSize - 1;
  const shift = () => {
    position = Math.floor(position / 2);
    last = Math.floor(last / 2);
  };
  while (position % 2 === 1) shift();
  // All ones shifted out: the older tree is one complete subtree, whose hash the path leaves out.
  const steps = position === 0 ? [fromRoot, ...path] : path;
  let fromHash = steps[0]!;
  let toHash = steps[0]!;
  for (const sibling of steps.slice(1)) {
    if (last === 0) return false;
    if (position % 2 === 1 || position === last) {
      fromHash = nodeHash(sibling, fromHash);
      toHash = nodeHash(sibling, toHash);
      while (position % 2 === 0 && position !== 0) shift();
    } else {
      toHash = nodeHash(toHash, sibling);
    }
    shift();
  }
  return last === 0 && equalBytes(fromHash, fromRoot) && equalBytes(toHash, toRoot);
}

function isWellFormed(claim: ConsistencyClaim): boolean {
  return (
    typeof claim === 'object' &&
    claim !== null &&
    isSize(claim.fromSize) &&
    isSize(claim.toSize) &&
    claim.fromSize <= claim.toSize &&
    isHash(claim.fromRoot) &&
    isHash(claim.toRoot) &&
    Array.isArray(claim.path) &&
    claim.path.every(isHash)
  );
}

/** The ranges of leaves whose hashes are the proof, in its order. */
function rangesOfProof(fromSize: number, toSize: number): [start: number, end: number][] {
  if (!isSize(fromSize) || !isSize(toSize) || fromSize > toSize) {
    throw new RangeError(`No consistencyProof from size ${fromSize} to size ${toSize}.`);
  }
  if (fromSize === 0 || fromSize === toSize) return [];
  const ranges: [number, number][] = [];
  let start = 0;
  let end = toSize;
  while (end !== fromSize) {
    const middle = start + largestPowerOfTwoBelow(end - start);
    if (fromSize <= middle) {
      ranges.push([middle, end]);
      end = middle;
    } else {
      ranges.push([start, middle]);
      start = middle;
    }
  }
  // The subtree on which the two trees agree; when it is the whole older tree, its hash is known: fromRoot.
  if (start > 0) ranges.push([start, end]);
  return ranges.reverse();
}
