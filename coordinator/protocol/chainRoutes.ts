/** Routes of a market whose money is on a chain. */
import { z } from 'zod';
import { chainTermsSchema } from './chainEntries.js';
import { signedSchema, withdrawalSchema } from './messages.js';
import { DATED, route } from './route.js';
import { addressSchema, bytes32Schema, signatureSchema, unixMsSchema, weiSchema } from './units.js';
import { acceptedSchema } from './views.js';

const blockNumber = z.int().min(0);

const rootViewSchema = z.strictObject({
  epoch: z.int().min(1),
  balanceRoot: bytes32Schema,
  sumWei: weiSchema,
  creditedWei: weiSchema,
  treeSize: z.int().min(1),
  computedAtMs: unixMsSchema,
});

/** How a market stands with its chain. */
export const chainViewSchema = z.strictObject({
  ...chainTermsSchema.shape,
  /** All deposits that the ledger has credited. */
  depositedWei: weiSchema,
  /** All that left the ledger for zkProofs that the contract pays. */
  committedWei: weiSchema,
  /** The newest root, and the newest that the contract has for good. */
  computed: z.nullable(rootViewSchema),
  posted: z.nullable(rootViewSchema),
  /** Sets that the contract has not settled yet. */
  openSets: z.int().min(0),
  headBlock: z.nullable(blockNumber),
  /** Why nothing is credited and no voucher given; null while all is well. */
  haltedReason: z.nullable(z.string().max(512)),
  /** Why the chain could not be asked at the newest look; null when it could. */
  failure: z.nullable(z.string().max(2_048)),
  lookedAtMs: z.nullable(unixMsSchema),
});
export type ChainView = z.infer<typeof chainViewSchema>;

/** What an account may be paid by the contract, over all time. */
export const voucherViewSchema = z.strictObject({
  account: addressSchema,
  /** All that it has taken out of the ledger. */
  requestedWei: weiSchema,
  /** What the contract pays of it by now; the rest with the next root. */
  cumulativeWei: weiSchema,
  /** The coordinator's EIP-712 signature of `Voucher(address account,uint256 cumulativeWei)`. */
  signature: signatureSchema,
});
export type VoucherView = z.infer<typeof voucherViewSchema>;

/** An account's entitlement under the newest root that the contract has, with its inclusionProof. */
export const entitlementViewSchema = z.strictObject({
  epoch: z.int().min(1),
  account: addressSchema,
  cumulativeWei: weiSchema,
  index: z.int().min(0),
  siblings: z.array(z.strictObject({ hash: bytes32Schema, sumWei: weiSchema })).max(64),
});

const account = z.strictObject({ account: addressSchema });

export const CHAIN_ROUTES = {
  getChain: route({
    method: 'GET',
    path: '/v1/chain',
    summary: 'The contract that holds the market’s money, and how far the market has followed it.',
    response: chainViewSchema,
    rejections: ['noChain'],
  }),
  requestWithdrawal: route({
    method: 'POST',
    path: '/v1/chain/withdrawals',
    summary: 'Takes money out of the ledger, for the contract to pay; the voucher for it follows with the next root.',
    body: signedSchema(withdrawalSchema),
    response: acceptedSchema,
    rejections: [...DATED, 'noChain', 'alreadyWithdrawn', 'insufficientFunds'],
  }),
  getVoucher: route({
    method: 'GET',
    path: '/v1/chain/vouchers/:account',
    summary: 'The coordinator’s voucher for what the contract may pay an account by now.',
    params: account,
    response: voucherViewSchema,
    rejections: ['noChain', 'chainHalted'],
  }),
  getEntitlement: route({
    method: 'GET',
    path: '/v1/chain/entitlements/:account',
    summary: 'What the newest posted root entitles an account to, with the inclusionProof that exit needs.',
    params: account,
    response: entitlementViewSchema,
    rejections: ['noChain', 'notFound'],
  }),
} as const;
