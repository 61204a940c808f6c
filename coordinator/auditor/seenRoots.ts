/** Checkpoints that a market's logs must go on from, each held against the tree when that has its size. */
import type { AuditTallies } from './auditChecks.js';
import type { SeenCheckpoint } from './seenCheckpoints.js';
import type { TreeFold } from './treeFold.js';

export class SeenRoots {
  /** Sizes of all of them, of whichever log. */
  readonly sizes: number[] = [];
  private readonly tallies: AuditTallies;
  /** Those of the log that is read which it has not reached yet. */
  private waiting: SeenCheckpoint[] = [];

  constructor(tallies: AuditTallies) {
    this.tallies = tallies;
  }

  /** @param tree - of its log, so far; one of a size that the tree had before is too late to be compared */
  add(seen: SeenCheckpoint, tree: TreeFold): void {
    if (seen.size < tree.size) return;
    this.sizes.push(seen.size);
    this.waiting.push(seen);
    this.compareAt(tree);
  }

  compareAt(tree: TreeFold): void {
    if (this.waiting.length === 0) return;
    const due = this.waiting.filter(({ size }) => size === tree.size);
    if (due.length === 0) return;
    this.waiting = this.waiting.filter(({ size }) => size !== tree.size);
    const root = Buffer.from(tree.root()).toString('hex');
    for (const { size, rootHash } of due) {
      this.tallies.count('consistency');
      if (root === rootHash) continue;
      const words = `at ${size} entries the root hash was ${rootHash}, of this log it is ${root}: history was rewritten`;
      this.tallies.fail('consistency', null, words);
    }
  }

  /** The log was read as far as it goes, for now or for ever. @param isOver - another one follows */
  end(treeSize: number, isOver: boolean): void {
    for (const { size } of this.waiting) {
      this.tallies.fail('consistency', null, `this auditor has seen ${size} entries, the log has ${treeSize}`);
    }
    if (isOver) this.waiting = [];
  }
}
