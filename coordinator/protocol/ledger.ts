/** The ledger's accounts and movements, as entries carry them. */
import { z } from 'zod';
import { weiSchema } from './units.js';

/**
 * A ledger account: a party's free money, a prover's locked bonds, a block's escrow, what a block owes to provers that
 * are paid on chain, or the world outside.
 */
export const ledgerAccountSchema = z
  .string()
  .max(80)
  .regex(/^(outside|account:0x[0-9a-f]{40}|bond:0x[0-9a-f]{40}|escrow:0x[0-9a-f]{64}|set:0x[0-9a-f]{64})$/);

/** One immutable movement of money: debits `from`, credits `to`. */
export const postingSchema = z.strictObject({
  from: ledgerAccountSchema,
  to: ledgerAccountSchema,
  amountWei: weiSchema,
  why: z.enum([
    'deposit',
    'escrow',
    'bondLocked',
    'bondReleased',
    'price',
    'standbyFee',
    'cover',
    'lateShare',
    'slashToRescuer',
    'slashToRequester',
    'refund',
    'bidDeposit',
    'bidDepositReturned',
    'bidForfeited',
    'withdrawal',
    'jobSet',
  ]),
});
export type Posting = z.infer<typeof postingSchema>;

/** The movements of one entry. */
export const postings = z.array(postingSchema).max(40_000);
