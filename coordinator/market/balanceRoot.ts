/**
 * The tree under a balance root. Of many accounts it takes too long for the writer: then it is made beside it, from the
 * entitlements of a moment ago, and the writer brings up to date what has changed since. The entry is the same either
 * way, and whoever replays it makes the whole tree.
 */
import {
  changedBalanceTree,
  type PackedBalanceTree,
  type PackedEntitlements,
  packEntitlements,
  packedBalanceTree,
} from '#protocol/packedBalanceTree.js';
import type { Address } from '#protocol/units.js';
import { entitlementsOf } from './settlement.js';
import type { MarketState } from './state.js';

/** Accounts up to which the writer makes the whole tree itself: some ten milliseconds. */
export const ROOT_INLINE_MAX = 256;

/** A tree that was made beside the writer. */
export interface PreparedRoot {
  /** What it was made of. */
  entitlements: ReadonlyMap<Address, bigint>;
  tree: PackedBalanceTree;
}

/** The newest tree that was decided on, for the entry that follows at once. */
const decided = new WeakMap<MarketState, { size: number; entitlements: PackedEntitlements }>();

/** Trees by their entitlements: who asks for an inclusionProof does not have it made again. */
const trees = new WeakMap<PackedEntitlements, PackedBalanceTree>();

/**
 * The tree over all entitlements as they stand.
 * @param prepared - one that was made a moment ago
 * @returns null when `prepared` is of other accounts than there are now
 */
export function currentTree(state: MarketState, prepared?: PreparedRoot): PackedBalanceTree | null {
  const entitlements = entitlementsOf(state);
  const tree = prepared ? upToDate(prepared, entitlements) : packedBalanceTree(packEntitlements(entitlements));
  if (!tree) return null;
  trees.set(tree.entitlements, tree);
  decided.set(state, { size: state.size, entitlements: tree.entitlements });
  return tree;
}

function upToDate({ entitlements: then, tree }: PreparedRoot, now: Map<Address, bigint>): PackedBalanceTree | null {
  if (then.size !== now.size) return null;
  const changes = new Map<Address, bigint>();
  for (const [account, wei] of now) {
    const before = then.get(account);
    if (before === undefined) return null;
    if (before !== wei) changes.set(account, wei);
  }
  return changes.size > 0 ? changedBalanceTree(tree, changes) : tree;
}

/** The entitlements as they stand, packed: what was just decided on, or anew. */
export function currentEntitlements(state: MarketState): PackedEntitlements {
  const known = decided.get(state);
  return known?.size === state.size ? known.entitlements : packEntitlements(entitlementsOf(state));
}

/** The tree over the entitlements of a root, made when it is not at hand. */
export function treeOver(entitlements: PackedEntitlements): PackedBalanceTree {
  const tree = trees.get(entitlements) ?? packedBalanceTree(entitlements);
  trees.set(entitlements, tree);
  return tree;
}
