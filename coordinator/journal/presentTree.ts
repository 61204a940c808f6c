/** The Merkle tree of the market's newest log, as its writer grows it. */
import type { PoolClient } from 'pg';
import { signCheckpoint } from '#protocol/log/checkpoint.js';
import { entryLeafHash } from '#protocol/log/logLeaf.js';
import { appendLeaf, emptyFrontier, type Frontier, rootOf, type TreeNode } from '#protocol/log/merkleTree.js';
import type { LogHead } from './loadState.js';
import type { OperatorKey } from './operatorKey.js';

/** A complete subtree of one of the market's logs. */
export interface LogNode extends TreeNode {
  log: number;
}

export class PresentTree {
  /** Which log of the market it is, from 0, and the index of its first entry. */
  number = 0;
  firstIndex = 0;
  /** Its newest checkpoint, a signed note; empty before the first. */
  checkpoint = '';
  private frontier: Frontier = emptyFrontier();

  /** Leaves so far. */
  get size(): number {
    return this.frontier.size;
  }

  /** Takes it up where the head of the database has it. */
  load({ number, firstIndex, frontier, checkpoint }: LogHead): void {
    Object.assign(this, { number, firstIndex, frontier, checkpoint });
  }

  /** Begins the tree of the next log. @param firstIndex - index in the market of its first entry */
  beginNext(firstIndex: number): void {
    this.number += 1;
    this.firstIndex = firstIndex;
    this.frontier = emptyFrontier();
  }

  /** @param leaf - the entry's canonical JSON. @returns the subtrees that it completes */
  append(leaf: string): LogNode[] {
    const grown = appendLeaf(this.frontier, entryLeafHash(leaf));
    this.frontier = grown.frontier;
    return grown.completed.map((node) => ({ ...node, log: this.number }));
  }

  /** Its root in hexadecimal. */
  rootHash(): `0x${string}` {
    return `0x${Buffer.from(rootOf(this.frontier)).toString('hex')}`;
  }

  /** The tree as it stands, signed, and its root in hexadecimal. */
  sign({ origin, verifierKey, sign }: OperatorKey): { checkpoint: string; rootHash: `0x${string}` } {
    const rootHash = rootOf(this.frontier);
    const text = { origin, size: this.size, rootHash, extensionLines: [] };
    this.checkpoint = signCheckpoint(text, [{ key: verifierKey, sign }]);
    return { checkpoint: this.checkpoint, rootHash: this.rootHash() };
  }

  /** Writes the head of the log, which its writer has locked. @param lastAtMs - of the newest entry */
  async writeHead(client: PoolClient, lastAtMs: number): Promise<void> {
    const { number, firstIndex, frontier, checkpoint } = this;
    await client.query(
      `UPDATE log_head SET size = $1, last_at_ms = $2, frontier = $3, checkpoint = $4, log_number = $5, first_index = $6
       WHERE id = 1`,
      [firstIndex + frontier.size, lastAtMs, Buffer.concat(frontier.hashes), checkpoint, number, firstIndex],
    );
  }
}
