/**
 * A Merkle sum tree: whoever knows its root knows the sum of all its leaves, and no inclusion proof can be made for more.
 * The settlement contract reads the same bytes (coordinator/settlement/contracts/SumTree.sol).
 *
 * A leaf is a hash and an amount. A node's hash covers hash and sum of both children, each by itself, so that two
 * inclusion proofs cannot tell different sums of one node. Leaves are padded to a power of two with the leaf of hash 0 and
 * amount 0, which has no content, so padding cannot hide money. Sums fit in 128 bits.
 */
import { bytes32OfText, keccakOfWords } from './evmWords.js';
import type { Hex } from './units.js';

/** A node of the tree, or a leaf: its hash, 32 bytes, and all money under it. */
export interface SumNode {
  hash: Hex;
  sumWei: bigint;
}

/** The largest sum of a tree, in wei. */
export const TREE_SUM_WEI_MAX = (1n << 128n) - 1n;

/** Most leaves of one tree: what its root can be worked out of within seconds. */
export const TREE_LEAVES_MAX = 1 << 20;

const NODE_TAG = bytes32OfText('understudy.node.v1');
const PADDING: SumNode = { hash: `0x${'0'.repeat(64)}`, sumWei: 0n };

/** The node above two. Throws RangeError when its sum does not fit in 128 bits. */
export function sumNode(left: SumNode, right: SumNode): SumNode {
  const sumWei = left.sumWei + right.sumWei;
  if (left.sumWei < 0n || right.sumWei < 0n || sumWei > TREE_SUM_WEI_MAX) {
    throw new RangeError('a sum in the tree does not fit in 128 bits');
  }
  return { hash: keccakOfWords([NODE_TAG, left.hash, left.sumWei, right.hash, right.sumWei]), sumWei };
}

/** The nodes above a level; an odd one at the end is joined with the padding's node of that level. */
function levelAbove(nodes: readonly SumNode[], padding: SumNode): SumNode[] {
  return Array.from({ length: Math.ceil(nodes.length / 2) }, (_, index) =>
    sumNode(nodes[2 * index]!, nodes[2 * index + 1] ?? padding),
  );
}

/** All levels from the leaves to the root, without padding; `paddings` has the padding's node of each level. */
function levelsOf(leaves: readonly SumNode[]): { levels: SumNode[][]; paddings: SumNode[] } {
  if (leaves.length > TREE_LEAVES_MAX) throw new RangeError(`a sum tree has at most ${TREE_LEAVES_MAX} leaves`);
  const levels = [leaves.length === 0 ? [PADDING] : [...leaves]];
  const paddings = [PADDING];
  while (levels.at(-1)!.length > 1) {
    levels.push(levelAbove(levels.at(-1)!, paddings.at(-1)!));
    paddings.push(sumNode(paddings.at(-1)!, paddings.at(-1)!));
  }
  return { levels, paddings };
}

/** The root of a tree over these leaves; of none, hash 0 and sum 0; of one, the leaf itself. Pure; linear in the leaves. */
export function sumTreeRoot(leaves: readonly SumNode[]): SumNode {
  return levelsOf(leaves).levels.at(-1)![0]!;
}

/** The height of the smallest subtree that holds `count` leaves from a multiple of its size on. */
export function subtreeHeight(count: number): number {
  return Math.ceil(Math.log2(count));
}

/**
 * What leads from some leaves to the root: the siblings of the smallest subtree that holds leaves `first` to
 * `first + count - 1`, from below. For one leaf it is an inclusion proof.
 *
 * @param first - from 0; a multiple of 2^subtreeHeight(count)
 * @param count - at least 1; the leaves not beyond the tree's end
 * @throws RangeError when there is no such subtree
 */
export function sumTreeSiblings(leaves: readonly SumNode[], first: number, count = 1): SumNode[] {
  const height = subtreeHeight(count);
  if (count < 1 || first < 0 || first % 2 ** height !== 0 || first + count > leaves.length) {
    throw new RangeError('these leaves are not the beginning of a subtree');
  }
  const { levels, paddings } = levelsOf(leaves);
  return levels.slice(height, -1).map((level, above) => {
    const beside = Math.floor(first / 2 ** (height + above)) ^ 1;
    return level[beside] ?? paddings[height + above]!;
  });
}
