import { bytes32OfText, keccakOfWords } from './evmWords.js';
import type { SumNode } from './sumTree.js';
import type { Address } from './units.js';

/** What an account may take out of the settlement contract in all, what it has taken included. */
export interface Entitlement {
  account: Address;
  cumulativeWei: bigint;
}

const BALANCE_TAG = bytes32OfText('understudy.balance.v1');

/** The leaf of an account in the tree of a balance root. The hash covers tag, account and amount, a word each. */
export function balanceLeaf({ account, cumulativeWei }: Entitlement): SumNode {
  return { hash: keccakOfWords([BALANCE_TAG, account, cumulativeWei]), sumWei: cumulativeWei };
}

/**
 * The entitlements in the order of the tree's leaves: by account, rising; those of nothing left out. So every replay of a
 * log gets the same root.
 */
export function inTreeOrder(entitlements: readonly Entitlement[]): Entitlement[] {
  return entitlements
    .filter(({ cumulativeWei }) => cumulativeWei > 0n)
    .sort((one, other) => (one.account < other.account ? -1 : one.account > other.account ? 1 : 0));
}
