import { poseidon4 } from 'poseidon-lite/poseidon4';
import { EMPTY_LEAF } from './account.js';
import { TREE_LEVELS } from './rollupLimits.js';

/** The three other children of each parent on the way up from a leaf, lowest level first, children in order. */
export type SiblingPath = readonly (readonly [bigint, bigint, bigint])[];

/** Marks a node whose hash is out of date. */
const STALE = -1n;

let emptySubtrees: readonly bigint[] | undefined;

/** The hash of a subtree without accounts whose root stands `level` levels above the leaves. */
export function emptySubtreeHash(level: number): bigint {
  if (!emptySubtrees) {
    const hashes = [EMPTY_LEAF];
    for (let i = 0; i < TREE_LEVELS; i++) hashes.push(poseidon4(Array(4).fill(hashes[i]!)));
    emptySubtrees = hashes;
  }
  return emptySubtrees[level]!;
}

/** The root of the tree that has `leaf` at `index` and these siblings; what templates/quaternaryPath.circom computes. */
export function pathRoot(leaf: bigint, index: number, siblings: SiblingPath): bigint {
  let node = leaf;
  let place = index;
  for (const others of siblings) {
    const children: bigint[] = [...others];
    children.splice(place & 3, 0, node);
    node = poseidon4(children);
    place >>= 2;
  }
  return node;
}

/**
 * The account tree as far as somebody knows it: 4 ** TREE_LEVELS leaves, four children a node, Poseidon over the four.
 * A node hash is computed only when asked for, so that several changes of leaves share the hashes above them. What
 * was never set is empty.
 */
export class StateTree {
  readonly #levels: Map<number, bigint>[] = Array.from({ length: TREE_LEVELS + 1 }, () => new Map());

  /** Replaces the leaf at `index` (0 to 4 ** TREE_LEVELS - 1). */
  setLeaf(index: number, leaf: bigint): void {
    this.setNode(0, index, leaf);
  }

  /** States the hash of the node `index` of a level (0: leaves) without its children, as a block file does. */
  setNode(level: number, index: number, hash: bigint): void {
    this.#levels[level]!.set(index, hash);
    let place = index;
    for (let above = level + 1; above <= TREE_LEVELS; above++) {
      place >>= 2;
      if (this.#levels[above]!.get(place) === STALE) return;
      this.#levels[above]!.set(place, STALE);
    }
  }

  /** The hash of the node `index` of a level (0: leaves, TREE_LEVELS: root). */
  node(level: number, index: number): bigint {
    const known = this.#levels[level]!.get(index);
    if (known === undefined) return emptySubtreeHash(level);
    if (known !== STALE) return known;
    const child = index * 4;
    const hash = poseidon4([0, 1, 2, 3].map((k) => this.node(level - 1, child + k)));
    this.#levels[level]!.set(index, hash);
    return hash;
  }

  root(): bigint {
    return this.node(TREE_LEVELS, 0);
  }

  /** The siblings of the leaf at `index`, as the circuit takes them. */
  siblings(index: number): SiblingPath {
    const path: [bigint, bigint, bigint][] = [];
    let place = index;
    for (let level = 0; level < TREE_LEVELS; level++) {
      const others = siblingPlaces(place).map((sibling) => this.node(level, sibling));
      path.push(others as [bigint, bigint, bigint]);
      place >>= 2;
    }
    return path;
  }
}

function siblingPlaces(place: number): number[] {
  const first = place - (place & 3);
  return [first, first + 1, first + 2, first + 3].filter((candidate) => candidate !== place);
}

/**
 * The nodes that somebody must know beside the leaves at `indices` to compute the root, in the order of a block file:
 * level by level from the leaves, left to right.
 *
 * @param indices - strictly ascending, at least one
 */
export function siblingPositions(indices: readonly number[]): { level: number; index: number }[] {
  const positions: { level: number; index: number }[] = [];
  let known = indices;
  for (let level = 0; level < TREE_LEVELS; level++) {
    const present = new Set(known);
    const parents = [...new Set(known.map((index) => index >> 2))];
    for (const parent of parents) {
      for (let index = parent * 4; index < parent * 4 + 4; index++) {
        if (!present.has(index)) positions.push({ level, index });
      }
    }
    known = parents;
  }
  return positions;
}
