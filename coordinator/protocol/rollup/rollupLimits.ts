/** The sizes of the rollup. The first three are built into the circuit: changing one makes another circuit. */

/** Levels of the account tree above the leaves; every node has four children. */
export const TREE_LEVELS = 8;

/** Places for accounts: 4 ** TREE_LEVELS. */
export const ACCOUNTS_MAX = 4 ** TREE_LEVELS;

/** Transfers that one zkProof covers. */
export const TRANSFERS_PER_CHUNK = 2;

/** Transfers of one block. */
export const TRANSFERS_PER_BLOCK_MAX = 1_024;

/** Accounts that one block can touch: a sender and a receiver a transfer. */
export const ACCOUNTS_PER_BLOCK_MAX = 2 * TRANSFERS_PER_BLOCK_MAX;

/**
 * Sibling hashes that one block can need: three for each parent above the touched accounts, and a level has no more
 * parents than there are touched accounts or places.
 */
export const SIBLINGS_PER_BLOCK_MAX = Array.from({ length: TREE_LEVELS }, (_, level) =>
  Math.min(ACCOUNTS_PER_BLOCK_MAX, 4 ** (TREE_LEVELS - 1 - level)),
).reduce((sum, parents) => sum + 3 * parents, 0);
