/**
 * The signed messages by which the parties move the market. Each is EIP-712 typed data under one domain; its digest is
 * its idempotency key: the same digest gets the first answer that was kept. See README.md, "Idempotency".
 */
import { z } from 'zod';
import {
  addressSchema,
  bytes32Schema,
  durationMsSchema,
  jobIdSchema,
  labelSchema,
  roundIdSchema,
  signatureSchema,
  unixMsSchema,
  weiSchema,
} from './units.js';

/** A requester's order to prove one block. Prices are per job; the block itself is named by its hash. */
export const blockRequestSchema = z.strictObject({
  requester: addressSchema,
  /** Strictly increasing per requester; what makes two requests two. */
  nonce: z.int().min(1).max(Number.MAX_SAFE_INTEGER),
  label: labelSchema,
  circuitId: bytes32Schema,
  /** SHA-256 of the block file's canonical JSON. */
  blockHash: bytes32Schema,
  deadlineMs: unixMsSchema,
  bidWindowMs: durationMsSchema,
  maxPriceWei: weiSchema,
  /** What one missed job costs the requester: decides how much cover the market buys. */
  missCostWei: weiSchema,
  backup: z.enum(['market', 'required', 'none']),
  award: z.enum(['cheapest', 'fastest']),
  pricing: z.enum(['vickrey', 'first']),
});
export type BlockRequest = z.infer<typeof blockRequestSchema>;

/** A prover's sealed bid for a round: a price to prove one job, and a price to stand by for one. */
export const bidSchema = z.strictObject({
  roundId: roundIdSchema,
  prover: addressSchema,
  priceWei: weiSchema,
  standbyWei: weiSchema,
  maxJobs: z.int().min(1).max(10_000),
  maxConcurrent: z.int().min(1).max(1_024),
  provingMsP95: z.int().min(1).max(86_400_000),
  expiresAtMs: unixMsSchema,
  /** 32 random bytes, so that the logged digest does not give the price away. */
  salt: bytes32Schema,
});
export type Bid = z.infer<typeof bidSchema>;

/** Binds a zkProof and its public signals to a job and to the prover that is to be paid. */
export const proofSubmissionSchema = z.strictObject({
  jobId: jobIdSchema,
  prover: addressSchema,
  /** SHA-256 of the canonical JSON of `{ publicSignals, zkProof }`. */
  contentHash: bytes32Schema,
});
export type ProofSubmission = z.infer<typeof proofSubmissionSchema>;

/** Why an agent hands a job back. */
export const giveUpReasonSchema = z.enum([
  'shutdown',
  'overloaded',
  'artifactUnavailable',
  'inputUnavailable',
  'witnessFailed',
  'provingFailed',
]);

/** A prover's word that it will not deliver a job: the backup starts at once. */
export const giveUpSchema = z.strictObject({
  jobId: jobIdSchema,
  prover: addressSchema,
  reason: giveUpReasonSchema,
});
export type GiveUp = z.infer<typeof giveUpSchema>;

/** Registers a prover under its owner; signed by both when they differ. A primary and its backup differ in owner. */
export const proverRegistrationSchema = z.strictObject({
  prover: addressSchema,
  owner: addressSchema,
  name: labelSchema,
  issuedAtMs: unixMsSchema,
});
export type ProverRegistration = z.infer<typeof proverRegistrationSchema>;

/** Registers a circuit by its verification key. */
export const circuitRegistrationSchema = z.strictObject({
  registrant: addressSchema,
  circuitId: bytes32Schema,
  name: labelSchema,
  wasmSha256: bytes32Schema,
  zkeySha256: bytes32Schema,
  issuedAtMs: unixMsSchema,
});
export type CircuitRegistration = z.infer<typeof circuitRegistrationSchema>;

/** The messages by their EIP-712 primary type. */
export interface Messages {
  BlockRequest: BlockRequest;
  Bid: Bid;
  ProofSubmission: ProofSubmission;
  GiveUp: GiveUp;
  ProverRegistration: ProverRegistration;
  CircuitRegistration: CircuitRegistration;
}
export type MessageType = keyof Messages;

/** A message with its signer's signature, as it travels. */
export function signedSchema<Schema extends z.ZodType>(message: Schema) {
  return z.strictObject({ message, signature: signatureSchema });
}
