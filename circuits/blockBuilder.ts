import type { Account } from '#protocol/rollup/account.js';
import { BLOCK_FORMAT, type BlockFile } from '#protocol/rollup/blockFile.js';
import { UINT64_MAX } from '#protocol/rollup/fieldElement.js';
import { TRANSFERS_PER_BLOCK_MAX } from '#protocol/rollup/rollupLimits.js';
import type { SignedTransfer } from '#protocol/rollup/transfer.js';
import type { AccountTree } from './accountTree.js';

/**
 * Collects signed transfers into a block: applies each to the operator's tree and remembers what the block file needs.
 * Signatures are not checked here (splitBlock does), all else is, so that the tree never holds an impossible state.
 */
export class BlockBuilder {
  readonly #preStateRoot: bigint;
  readonly #touched = new Map<number, Account>();
  readonly #transfers: SignedTransfer[] = [];

  /** Starts a block on the tree as it is; nothing else may change the tree until {@link finish}. */
  constructor(private readonly tree: AccountTree) {
    this.#preStateRoot = tree.root();
  }

  /** Applies a transfer. Throws an Error that says why when the accounts do not allow it; the tree is then unchanged. */
  add(transfer: SignedTransfer): void {
    const { from, to, amount, nonce } = transfer;
    const sender = this.#accountAt(from);
    const receiver = this.#accountAt(to);
    if (this.#transfers.length >= TRANSFERS_PER_BLOCK_MAX) throw new Error('the block is full; start another one');
    if (nonce !== sender.nonce) throw new Error(`the nonce of account ${from} is ${sender.nonce}, not ${nonce}`);
    if (nonce === UINT64_MAX) throw new Error(`account ${from} has no nonce left`);
    if (amount > sender.balance) throw new Error(`account ${from} has ${sender.balance}, less than ${amount}`);
    if (from !== to && receiver.balance + amount > UINT64_MAX) throw new Error(`account ${to} would reach 2^64`);
    if (!this.#touched.has(from)) this.#touched.set(from, sender);
    if (!this.#touched.has(to)) this.#touched.set(to, receiver);
    this.#transfers.push(transfer);
    this.tree.set(from, { ...sender, balance: sender.balance - amount, nonce: nonce + 1n });
    const beforeCredit = this.#accountAt(to);
    this.tree.set(to, { ...beforeCredit, balance: beforeCredit.balance + amount });
  }

  /** Writes the block file. Throws when no transfer was added. */
  finish(): BlockFile {
    if (this.#transfers.length === 0) throw new Error('a block needs at least one transfer');
    const accounts = [...this.#touched].sort(([a], [b]) => a - b);
    return {
      format: BLOCK_FORMAT,
      preStateRoot: `${this.#preStateRoot}`,
      postStateRoot: `${this.tree.root()}`,
      accounts: accounts.map(([index, { key, balance, nonce }]) => ({
        index,
        key: [`${key[0]}`, `${key[1]}`],
        balance: `${balance}`,
        nonce: `${nonce}`,
      })),
      // Beside the touched accounts' paths nothing changes, so these hashes hold before the block as after it.
      siblings: this.tree.siblingHashes(accounts.map(([index]) => index)).map((hash) => `${hash}`),
      transfers: this.#transfers.map(({ from, to, amount, nonce, signature: { r8, s } }) => ({
        from,
        to,
        amount: `${amount}`,
        nonce: `${nonce}`,
        signature: { r8: [`${r8[0]}`, `${r8[1]}`], s: `${s}` },
      })),
    };
  }

  #accountAt(index: number): Account {
    const account = this.tree.get(index);
    if (!account) throw new Error(`there is no account ${index}`);
    return account;
  }
}

/** The text of a block file: JSON, one account, hash or transfer a line, the same block always the same bytes. */
export function writeBlockFile(block: BlockFile): string {
  const lines = (items: readonly unknown[]) =>
    `[\n${items.map((item) => `    ${JSON.stringify(item)}`).join(',\n')}\n  ]`;
  const fields = Object.entries(block).map(
    ([name, value]) => `  ${JSON.stringify(name)}: ${Array.isArray(value) ? lines(value) : JSON.stringify(value)}`,
  );
  return `{\n${fields.join(',\n')}\n}\n`;
}
