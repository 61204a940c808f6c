/**
 * The trees of a market's logs, one after the other: what a replay does not see. The rules hold an opening entry against
 * the checkpoint that it names; whether that is the checkpoint of the entries before it, the tree says.
 */
import type { EntryOf } from '#protocol/entries.js';
import { entryLeafHash } from '#protocol/log/logLeaf.js';
import { appendLeaf, emptyFrontier, type Frontier, rootOf, type TreeNode } from '#protocol/log/merkleTree.js';

/** How an entry that begins a next log looks in canonical JSON, whose keys are sorted. */
const OPENS_LOG = /"type":"logOpened"\}$/;

/** True for the canonical JSON of an entry that begins a next log. */
export function opensLog(leaf: string): boolean {
  return OPENS_LOG.test(leaf);
}

export class LogTrees {
  /** Which log it is, from 0. */
  number = 0;
  /** The tree of the present log. */
  frontier: Frontier = emptyFrontier();

  /** Why an entry does not follow the log before: that one has another size or root. Null when it does, or opens no log. */
  flawOf(leaf: string): string | null {
    return opensLog(leaf) ? linkFlaw(JSON.parse(leaf), this.frontier.size, rootOf(this.frontier)) : null;
  }

  /** Takes the next entry, as canonical JSON. @returns the subtrees that it completes in its log */
  append(leaf: string): TreeNode[] {
    if (opensLog(leaf)) {
      this.number += 1;
      this.frontier = emptyFrontier();
    }
    const grown = appendLeaf(this.frontier, entryLeafHash(leaf));
    this.frontier = grown.frontier;
    return grown.completed;
  }
}

/** Why a log does not follow the one of this size and root, in a sentence; null when it does. */
export function linkFlaw({ previous }: EntryOf<'logOpened'>, size: number, root: Uint8Array): string | null {
  if (previous.size !== size) return `the log before is said to have ${previous.size} entries, it has ${size}`;
  const rootHash = `0x${[...root].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;
  if (previous.rootHash === rootHash) return null;
  return `the root hash of the log before is said to be ${previous.rootHash}, its entries make ${rootHash}`;
}
