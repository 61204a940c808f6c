/**
 * Has the roots over all balances computed. That of a few accounts is the writer's work; of many the tree is made in a
 * thread of its own, and the writer only brings it up to date. When accounts came or went meanwhile, it is made again;
 * after a few vain attempts the writer makes it all the same.
 */
import { Worker } from 'node:worker_threads';
import type { Journal } from '#journal/journalPort.js';
import { ROOT_INLINE_MAX } from '#market/balanceRoot.js';
import { entitlementsOf, nextRootAtMs } from '#market/settlement.js';
import type { PackedBalanceTree } from '#protocol/packedBalanceTree.js';
import type { Address } from '#protocol/units.js';

/** How often a tree is made beside the writer before the writer does it itself. */
export const ROOT_ATTEMPTS_MAX = 3;

export interface BalanceRooter {
  /** Computes the root that is due; a call while one is being computed waits for the same. */
  compute(): Promise<void>;
}

/** @param makeTree - makes a tree off this thread; {@link treeInThread} unless told */
export function createBalanceRooter(options: {
  journal: Pick<Journal, 'state' | 'execute'>;
  nowMs: () => number;
  makeTree?: (entitlements: Map<Address, bigint>) => Promise<PackedBalanceTree>;
}): BalanceRooter {
  let running: Promise<void> | null = null;
  return {
    compute() {
      running ??= computeRoot({ makeTree: treeInThread, ...options }).finally(() => {
        running = null;
      });
      return running;
    },
  };
}

async function computeRoot({
  journal,
  nowMs,
  makeTree,
}: {
  journal: Pick<Journal, 'state' | 'execute'>;
  nowMs: () => number;
  makeTree: (entitlements: Map<Address, bigint>) => Promise<PackedBalanceTree>;
}): Promise<void> {
  for (let attempt = 0; attempt < ROOT_ATTEMPTS_MAX; attempt += 1) {
    const { settlement } = journal.state();
    const dueMs = settlement && nextRootAtMs(settlement);
    if (dueMs === null || nowMs() < dueMs) break;
    const entitlements = entitlementsOf(journal.state());
    if (entitlements.size <= ROOT_INLINE_MAX) break;
    const prepared = { entitlements, tree: await makeTree(entitlements) };
    const outcome = await journal.execute({ kind: 'computeBalanceRoot', prepared }, null);
    if (outcome.ok && outcome.accepted.entryCount > 0) return;
  }
  await journal.execute({ kind: 'computeBalanceRoot' }, null);
}

/** Makes a tree in a new thread, which ends with it. Throws when the thread fails. */
export function treeInThread(entitlements: Map<Address, bigint>): Promise<PackedBalanceTree> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./balanceTreeWorker.js', import.meta.url), { workerData: entitlements });
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', (code) => reject(new Error(`the tree's thread ended with ${code} and no result`)));
  });
}
