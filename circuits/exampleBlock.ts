import { createHash } from 'node:crypto';
import type { BlockFile } from '#protocol/rollup/blockFile.js';
import { ACCOUNTS_MAX } from '#protocol/rollup/rollupLimits.js';
import { AccountTree } from './accountTree.js';
import { BlockBuilder } from './blockBuilder.js';
import { publicKeyOf, signTransfer } from './transferSigner.js';

/** Accounts of an example: enough for every kind of neighbourhood in the tree, few enough for nonces to rise. */
const EXAMPLE_ACCOUNTS_MAX = 48;

/** A rollup in miniature for examples and tests: accounts with known private keys at seeded places of the tree. */
export type ExampleRollup = { tree: AccountTree; indices: number[]; privateKeys: Map<number, string> };

/** Draws numbers from a seed: the n-th is SHA-256(seed, n), so every machine draws the same. */
export function seededDraws(seed: string): (below: number) => number {
  let count = 0;
  return (below) => createHash('sha256').update(`${seed}/${count++}`).digest().readUInt32BE(0) % below;
}

/** Opens `accounts` accounts with balances of 1,000,000 to 1,999,999. The same arguments give the same rollup. */
export function buildExampleRollup(options: { accounts: number; seed: number }): ExampleRollup {
  const draw = seededDraws(`understudy example rollup ${options.seed}`);
  const rollup: ExampleRollup = { tree: new AccountTree(), indices: [], privateKeys: new Map() };
  while (rollup.indices.length < options.accounts) {
    const index = draw(ACCOUNTS_MAX);
    if (rollup.privateKeys.has(index)) continue;
    const privateKey = `understudy example account ${options.seed}/${index}`;
    rollup.tree.open(index, publicKeyOf(privateKey), BigInt(1_000_000 + draw(1_000_000)));
    rollup.privateKeys.set(index, privateKey);
    rollup.indices.push(index);
  }
  return rollup;
}

/**
 * Makes a block of valid transfers between example accounts, about one in sixteen to the sender itself. The same
 * arguments give the same bytes on every machine.
 *
 * @param options.transfers - 1 to TRANSFERS_PER_BLOCK_MAX
 * @param options.seed - any safe integer
 */
export function buildExampleBlock(options: { transfers: number; seed: number }): BlockFile {
  const accounts = Math.max(4, Math.min(EXAMPLE_ACCOUNTS_MAX, options.transfers));
  const { tree, indices, privateKeys } = buildExampleRollup({ accounts, seed: options.seed });
  const draw = seededDraws(`understudy example block ${options.seed}`);
  const builder = new BlockBuilder(tree);
  for (let i = 0; i < options.transfers; i++) {
    const from = indices[draw(accounts)]!;
    const to = draw(16) === 0 ? from : indices[draw(accounts)]!;
    const { balance, nonce } = tree.get(from)!;
    const amount = BigInt(draw(Number(balance / 4n) + 1));
    builder.add(signTransfer(privateKeys.get(from)!, { from, to, amount, nonce }));
  }
  return builder.finish();
}
