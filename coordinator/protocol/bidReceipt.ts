/** Bid receipts: the operator's signed word on where in the log a bid stands, as it is signed and as provers keep it. */
import { z } from 'zod';
import { canonicalBytes } from './log/canonicalJson.js';
import { verifyEd25519 } from './log/ed25519.js';
import type { VerifySignature } from './log/signedNote.js';
import { parseVerifierKey } from './log/verifierKey.js';
import { addressSchema, bytes32Schema, roundIdSchema, unixMsSchema } from './units.js';

/** The entries that a prover gets a receipt for. */
export const bidEntrySchema = z.enum(['bidPlaced', 'bidCommitted', 'bidOpened']);

/** A receipt with everything that its signature is over; one JSON object a line in a file of receipts. */
export const keptReceiptSchema = z.strictObject({
  /** The log's origin line. */
  origin: z.string().min(1).max(128),
  /** Which entry it is. */
  type: bidEntrySchema,
  roundId: roundIdSchema,
  prover: addressSchema,
  commitment: bytes32Schema,
  /** Index of the entry. */
  entryIndex: z.int().min(0),
  atMs: unixMsSchema,
  receiptSignature: z.string().regex(/^0x[0-9a-f]{128}$/),
});
export type KeptReceipt = z.infer<typeof keptReceiptSchema>;

/** The bytes that a receipt's signature is over. */
export function receiptBytes(receipt: Omit<KeptReceipt, 'receiptSignature'>): Uint8Array {
  const { atMs, commitment, entryIndex, origin, prover, roundId, type } = receipt;
  return canonicalBytes({ atMs, commitment, entryIndex, origin, prover, roundId, type });
}

/** True when the operator of the log with this verifier key has signed the receipt. */
export function isReceiptSigned(
  receipt: KeptReceipt,
  logKey: string,
  verify: VerifySignature = verifyEd25519,
): boolean {
  const key = parseVerifierKey(logKey);
  const signature = new Uint8Array(
    (receipt.receiptSignature.slice(2).match(/../g) ?? []).map((byte) => Number.parseInt(byte, 16)),
  );
  return key !== undefined && verify(key.publicKey, receiptBytes(receipt), signature);
}
