/** Folds a long log's leaves into its root, on the platform's own SHA-256: the tree of `merkleTree.ts`, only quicker. */
import { createHash } from 'node:crypto';
import { leafOf } from '#protocol/log/logLeaf.js';
import { emptyRoot } from '#protocol/log/merkleTree.js';

const LEAF_PREFIX = Uint8Array.of(0);
const NODE_PREFIX = Uint8Array.of(1);

export class TreeFold {
  /** Leaves so far. */
  size = 0;
  /** Roots of the complete subtrees from left to right, the largest first. */
  private readonly hashes: Uint8Array[] = [];

  /** @param entry - canonical JSON; long ones stand in the tree by their stubs */
  append(entry: string): void {
    let hash: Uint8Array = createHash('sha256').update(LEAF_PREFIX).update(leafOf(entry)).digest();
    for (let left = this.size; left % 2 === 1; left = Math.floor(left / 2)) hash = nodeOf(this.hashes.pop()!, hash);
    this.hashes.push(hash);
    this.size += 1;
  }

  /** The root hash, 32 bytes. */
  root(): Uint8Array {
    return this.hashes.length === 0 ? emptyRoot() : this.hashes.reduceRight((right, left) => nodeOf(left, right));
  }
}

function nodeOf(left: Uint8Array, right: Uint8Array): Uint8Array {
  return createHash('sha256').update(NODE_PREFIX).update(left).update(right).digest();
}
