/**
 * The block file `understudy-block-1`: everything needed to execute a block again and to prove it. It names each
 * account that the block touches once, as it stands before the block, with the hashes of the tree beside them; the
 * accounts and paths between two transfers follow from executing, so the file cannot contradict itself about them.
 */
import { z } from 'zod';
import { fieldElementSchema, uint64Schema } from './fieldElement.js';
import {
  ACCOUNTS_MAX,
  ACCOUNTS_PER_BLOCK_MAX,
  SIBLINGS_PER_BLOCK_MAX,
  TRANSFERS_PER_BLOCK_MAX,
} from './rollupLimits.js';

/** The name and version of the format, the value of the field `format`. */
export const BLOCK_FORMAT = 'understudy-block-1';

const accountIndexSchema = z
  .int()
  .min(0)
  .max(ACCOUNTS_MAX - 1);
const pointSchema = z.tuple([fieldElementSchema, fieldElementSchema]);

/** An account that the block touches, as it stands before the block. */
export const blockAccountSchema = z.strictObject({
  index: accountIndexSchema,
  key: pointSchema,
  balance: uint64Schema,
  nonce: uint64Schema,
});

/** A signed transfer of the block. */
export const blockTransferSchema = z.strictObject({
  from: accountIndexSchema,
  to: accountIndexSchema,
  amount: uint64Schema,
  nonce: uint64Schema,
  signature: z.strictObject({ r8: pointSchema, s: fieldElementSchema }),
});

/**
 * A block file. `accounts` ascend strictly by index; `siblings` are the hashes at `siblingPositions` of the accounts'
 * indices, in that order.
 */
export const blockFileSchema = z.strictObject({
  format: z.literal(BLOCK_FORMAT),
  preStateRoot: fieldElementSchema,
  postStateRoot: fieldElementSchema,
  accounts: z
    .array(blockAccountSchema)
    .min(1)
    .max(ACCOUNTS_PER_BLOCK_MAX)
    .refine(
      (accounts) => accounts.every((account, i) => i === 0 || accounts[i - 1]!.index < account.index),
      'must ascend by index, each account once',
    ),
  siblings: z.array(fieldElementSchema).max(SIBLINGS_PER_BLOCK_MAX),
  transfers: z.array(blockTransferSchema).min(1).max(TRANSFERS_PER_BLOCK_MAX),
});

export type BlockFile = z.infer<typeof blockFileSchema>;
export type BlockTransfer = z.infer<typeof blockTransferSchema>;
