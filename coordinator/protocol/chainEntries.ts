/**
 * Entries of a market whose money is on a chain: what was put in, what was let out, and the roots that promise the rest.
 * Every chain fact that changes money is an entry; a transaction of the coordinator is one before it is sent.
 */
import { z } from 'zod';
import { entry } from './entryShape.js';
import { postings } from './ledger.js';
import { signedSchema, withdrawalSchema } from './messages.js';
import { TREE_LEAVES_MAX } from './sumTree.js';
import { addressSchema, bytes32Schema, jobIdSchema, weiSchema } from './units.js';

/** Most items of a job set: the jobs of a block. */
export const SET_ITEMS_MAX = 10_000;

const blockNumber = z.int().min(0).max(Number.MAX_SAFE_INTEGER);

/** Longest time without a root before accounts may leave by themselves, in seconds: half a year. */
const EXIT_DELAY_SEC_MAX = 15_778_800;

/** The contract that holds a market's money, and how it is followed. */
export const chainTermsSchema = z.strictObject({
  chainId: z.int().min(1).max(Number.MAX_SAFE_INTEGER),
  contract: addressSchema,
  /** The ERC-20 that it holds; null for the chain's own coin. */
  token: z.nullable(addressSchema),
  /** The block that the contract was deployed in: nothing of it is before. */
  deployBlock: blockNumber,
  /** Blocks that must stand on a fact before the ledger believes it, its own included. */
  confirmations: z.int().min(1).max(100_000),
  /** Between two balance roots, in milliseconds. */
  epochMs: z.int().min(1_000).max(604_800_000),
  /** Without a root for so long, everybody may leave with the last one. */
  exitDelaySec: z.int().min(1).max(EXIT_DELAY_SEC_MAX),
});
export type ChainTerms = z.infer<typeof chainTermsSchema>;

/** Where a deposit stands on the chain. */
export const chainDepositSchema = z.strictObject({
  blockNumber,
  blockHash: bytes32Schema,
  logIndex: z.int().min(0).max(Number.MAX_SAFE_INTEGER),
  transactionHash: bytes32Schema,
  /** Where its part of the line of all deposits begins: no two deposits have the same, and none is left out. */
  startWei: weiSchema,
});
export type ChainDeposit = z.infer<typeof chainDepositSchema>;

/** What the contract pays for one zkProof of a job set. */
export const setItemSchema = z.strictObject({ jobId: jobIdSchema, payee: addressSchema, amountWei: weiSchema });
export type SetItem = z.infer<typeof setItemSchema>;

const epoch = z.int().min(1).max(Number.MAX_SAFE_INTEGER);
const transactionHash = bytes32Schema;

export const CHAIN_ENTRY_SCHEMAS = {
  /** From now on the market's money is what this contract holds. */
  chainAttached: entry('chainAttached', chainTermsSchema.shape),
  /** An account takes money out of the ledger; the contract pays it for a voucher. */
  withdrawalRequested: entry('withdrawalRequested', {
    withdrawalId: bytes32Schema,
    ...signedSchema(withdrawalSchema).shape,
    postings,
  }),
  /** The root of the sum tree of all entitlements, as they stand here: the tree size that goes with it includes this entry. */
  balanceRootComputed: entry('balanceRootComputed', {
    epoch,
    balanceRoot: bytes32Schema,
    /** The sum of all entitlements. */
    sumWei: weiSchema,
    /** All deposits that are credited here: the contract gives those behind it back by itself if there is no later root. */
    creditedWei: weiSchema,
    /** How many accounts have one. */
    accounts: z.int().min(0).max(TREE_LEAVES_MAX),
  }),
  /** The contract has had the root for as long as the market waits: vouchers may draw on it. */
  rootPosted: entry('rootPosted', { epoch, transactionHash, blockNumber }),
  /** What a block's provers are owed on chain leaves the ledger: the contract pays it for their zkProofs. */
  jobSetCommitted: entry('jobSetCommitted', {
    /** The block's id. */
    setId: bytes32Schema,
    setRoot: bytes32Schema,
    totalWei: weiSchema,
    items: z.array(setItemSchema).min(1).max(SET_ITEMS_MAX),
    postings,
  }),
  /** The contract has credited every item of the set. */
  jobSetSettled: entry('jobSetSettled', { setId: bytes32Schema, transactionHash, blockNumber }),
} as const;
