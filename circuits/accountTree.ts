import { type Account, accountLeaf, type CurvePoint } from '#protocol/rollup/account.js';
import { ACCOUNTS_MAX } from '#protocol/rollup/rollupLimits.js';
import { type SiblingPath, StateTree, siblingPositions } from '#protocol/rollup/stateTree.js';

/** The rollup operator's books: every account with its place, and the tree over them. */
export class AccountTree {
  readonly #accounts = new Map<number, Account>();
  readonly #tree = new StateTree();

  /**
   * Opens an account at a free place.
   *
   * @param index - 0 to ACCOUNTS_MAX - 1; throws when it is taken or out of range
   */
  open(index: number, key: CurvePoint, balance: bigint): void {
    if (!Number.isInteger(index) || index < 0 || index >= ACCOUNTS_MAX) throw new RangeError(`no place ${index}`);
    if (this.#accounts.has(index)) throw new RangeError(`account ${index} exists`);
    this.set(index, { key, balance, nonce: 0n });
  }

  /** Writes an account as it is given, whatever it says: rules are the caller's. */
  set(index: number, account: Account): void {
    this.#accounts.set(index, account);
    this.#tree.setLeaf(index, accountLeaf(account));
  }

  /** The account at a place, undefined when the place is empty. */
  get(index: number): Account | undefined {
    return this.#accounts.get(index);
  }

  root(): bigint {
    return this.#tree.root();
  }

  /** The siblings of a place, lowest level first. */
  siblings(index: number): SiblingPath {
    return this.#tree.siblings(index);
  }

  /** The hashes that a block file needs beside the accounts at `indices` (strictly ascending). */
  siblingHashes(indices: readonly number[]): bigint[] {
    return siblingPositions(indices).map(({ level, index }) => this.#tree.node(level, index));
  }
}
