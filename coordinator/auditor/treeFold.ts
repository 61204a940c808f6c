/** Folds a long log's leaves into its root, on the platform's own SHA-256: the tree of `merkleTree.ts`, only quicker. */
import { hash as digestOf } from 'node:crypto';
import { ENTRY_BYTES_MAX } from '#protocol/log/entryBundle.js';
import { leafOf } from '#protocol/log/logLeaf.js';
import { emptyRoot } from '#protocol/log/merkleTree.js';

const HASH_BYTES = 32;

/** What is hashed is put together here, behind its prefix: a hash of one piece costs half of one of three. */
const leafBytes = Buffer.alloc(1 + ENTRY_BYTES_MAX);
const nodeBytes = Buffer.alloc(1 + 2 * HASH_BYTES);
nodeBytes[0] = 1;

/** UTF-16 code units that may not fit where a leaf is put together. */
const UNITS_MAX = Math.floor(ENTRY_BYTES_MAX / 3);

export class TreeFold {
  /** Leaves so far. */
  size = 0;
  /** Roots of the complete subtrees from left to right, the largest first. */
  private readonly hashes: Uint8Array[] = [];

  /** @param entry - canonical JSON; long ones stand in the tree by their stubs */
  append(entry: string): void {
    let hash = hashOfLeaf(entry);
    for (let left = this.size; left % 2 === 1; left = Math.floor(left / 2)) hash = nodeOf(this.hashes.pop()!, hash);
    this.hashes.push(hash);
    this.size += 1;
  }

  /** The root hash, 32 bytes. */
  root(): Uint8Array {
    return this.hashes.length === 0 ? emptyRoot() : this.hashes.reduceRight((right, left) => nodeOf(left, right));
  }
}

function hashOfLeaf(entry: string): Uint8Array {
  if (entry.length <= UNITS_MAX) return sha256(leafBytes.subarray(0, 1 + leafBytes.write(entry, 1)));
  const leaf = leafOf(entry);
  leafBytes.set(leaf, 1);
  return sha256(leafBytes.subarray(0, 1 + leaf.length));
}

function nodeOf(left: Uint8Array, right: Uint8Array): Uint8Array {
  nodeBytes.set(left, 1);
  nodeBytes.set(right, 1 + HASH_BYTES);
  return sha256(nodeBytes);
}

function sha256(bytes: Uint8Array): Uint8Array {
  return digestOf('sha256', bytes, 'buffer');
}
