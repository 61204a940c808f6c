import { sha256Bytes } from '../sha256.js';

// The Merkle tree of RFC 6962, section 2.1. A *complete node* (level, index) is the hash over the 2^level leaves from
// index * 2^level on; once it exists it never changes, so complete nodes are what is stored. Every other hash of the
// tree (the root, and what a proof takes from the right edge) is put together from complete nodes when it is needed.
// Sizes and indexes are safe integers (below 2^53), so shifts are written as division.

/** Where a complete node is: level 0 is the leaves. */
export interface NodePosition {
  level: number;
  index: number;
}

/** A complete node with its 32-byte hash. */
export interface TreeNode extends NodePosition {
  hash: Uint8Array;
}

/** Yields the 32-byte hash of a complete node; throws when it is not there, which is its author's affair. */
export type ReadNode = (level: number, index: number) => Uint8Array;

/**
 * All that appending needs to know of a tree: its size in leaves and the roots of its complete subtrees from left to
 * right, one for each one-bit of the size, the largest first.
 */
export interface Frontier {
  readonly size: number;
  readonly hashes: readonly Uint8Array[];
}

const LEAF_PREFIX = Uint8Array.of(0);
const NODE_PREFIX = Uint8Array.of(1);

/**
 * The hash of an entry as a leaf: SHA-256(0x00 || entry).
 *
 * @param entry - the entry's bytes: canonical JSON in this log
 * Source: RFC 6962, section 2.1
 */
export function leafHash(entry: Uint8Array): Uint8Array {
  return sha256Bytes(LEAF_PREFIX, entry);
}

/**
 * The hash of an inner node: SHA-256(0x01 || left || right). The prefixes keep a leaf from passing for a node.
 *
 * @param left - 32 bytes
 * @param right - 32 bytes
 * Source: RFC 6962, section 2.1
 */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha256Bytes(NODE_PREFIX, left, right);
}

/** The root of the tree without leaves: SHA-256 of nothing. A new array each time. Source: RFC 6962, section 2.1 */
export function emptyRoot(): Uint8Array {
  return sha256Bytes();
}

/**
 * The root over leaf hashes, straight from the definition; it hashes the whole tree. For tests and for an auditor's
 * second opinion: who appends keeps a Frontier.
 *
 * @param leafHashes - 32 bytes each, in log order
 */
export function rootFromLeaves(leafHashes: readonly Uint8Array[]): Uint8Array {
  if (leafHashes.length === 0) return emptyRoot();
  if (leafHashes.length === 1) return leafHashes[0]!;
  const split = largestPowerOfTwoBelow(leafHashes.length);
  return nodeHash(rootFromLeaves(leafHashes.slice(0, split)), rootFromLeaves(leafHashes.slice(split)));
}

/** The frontier of the tree without leaves. */
export function emptyFrontier(): Frontier {
  return { size: 0, hashes: [] };
}

/**
 * Appends one leaf, in time logarithmic in the size at worst and constant on average.
 *
 * @param frontier - not changed
 * @param hash - leafHash of the entry, 32 bytes
 * @returns the new frontier, and the nodes that this leaf completed, the leaf itself first and each level once:
 *   exactly what a store must add
 */
export function appendLeaf(frontier: Frontier, hash: Uint8Array): { frontier: Frontier; completed: TreeNode[] } {
  const hashes = [...frontier.hashes];
  let node: TreeNode = { level: 0, index: frontier.size, hash };
  const completed = [node];
  while (node.index % 2 === 1) {
    const left = hashes.pop();
    if (left === undefined) throw new RangeError(`A frontier of size ${frontier.size} has too few hashes.`);
    node = { level: node.level + 1, index: (node.index - 1) / 2, hash: nodeHash(left, node.hash) };
    completed.push(node);
  }
  hashes.push(node.hash);
  return { frontier: { size: frontier.size + 1, hashes }, completed };
}

/** The root hash of the tree that a frontier stands for, 32 bytes: what a checkpoint states. */
export function rootOf(frontier: Frontier): Uint8Array {
  return foldToRoot(frontier.hashes);
}

/**
 * The frontier of a stored tree, as a writer needs it when it starts.
 *
 * @param size - number of leaves
 * @param readNode - asked for one complete node per one-bit of the size: completeNodesOf(0, size)
 */
export function frontierFromNodes(size: number, readNode: ReadNode): Frontier {
  return { size, hashes: completeNodesOf(0, size).map(({ level, index }) => readNode(level, index)) };
}

/**
 * The fewest complete nodes that together cover the leaves [start, end), from left to right, the largest first.
 *
 * @param start - index of the first leaf; a multiple of the largest power of two that is at most end - start
 * @param end - index after the last leaf
 * @throws RangeError when no subtree of an RFC 6962 tree covers just these leaves
 */
export function completeNodesOf(start: number, end: number): NodePosition[] {
  if (!isSize(start) || !isSize(end) || start > end) throw new RangeError(`No range of leaves: [${start}, ${end}).`);
  const nodes: NodePosition[] = [];
  let from = start;
  let width = largestPowerOfTwoAtMost(end - start);
  for (let level = Math.log2(width); from < end; level--, width /= 2) {
    if (end - from < width) continue;
    if (from % width !== 0) throw new RangeError(`No subtree covers the leaves [${start}, ${end}).`);
    nodes.push({ level, index: from / width });
    from += width;
  }
  return nodes;
}

/**
 * MTH over the leaves [start, end): RFC 6962's D[start:end].
 *
 * @param readNode - asked for completeNodesOf(start, end)
 * @throws RangeError as completeNodesOf does
 */
export function hashOfRange(start: number, end: number, readNode: ReadNode): Uint8Array {
  return foldToRoot(completeNodesOf(start, end).map(({ level, index }) => readNode(level, index)));
}

/** The largest power of two below n: where RFC 6962 splits a tree of n leaves. n is an integer of at least 2. */
export function largestPowerOfTwoBelow(n: number): number {
  return largestPowerOfTwoAtMost(n - 1);
}

/** True for an integer that can be a tree size or an index: 0 to 2^53 - 1. */
export function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** True for a byte string of 32 bytes. */
export function isHash(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array && value.length === 32;
}

/** True when two byte strings are equal. Not in constant time: nothing in the log is secret. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

function largestPowerOfTwoAtMost(n: number): number {
  let power = 1;
  while (power * 2 <= n) power *= 2;
  return power;
}

function foldToRoot(hashes: readonly Uint8Array[]): Uint8Array {
  if (hashes.length === 0) return emptyRoot();
  return hashes.reduceRight((right, left) => nodeHash(left, right));
}
