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

/** Most rounds of an escalation schedule. */
export const ROUNDS_MAX = 8;

/** Most owners that a request may name. */
export const ALLOWED_OWNERS_MAX = 64;

/** How the bids of a round are kept secret: known to the coordinator alone, or to nobody, until the window has closed. */
export const sealingSchema = z.enum(['receipt', 'commitReveal']);
export type Sealing = z.infer<typeof sealingSchema>;

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
  /**
   * The escalation schedule: the rounds that a job may go through until it is sold. Round k lasts `bidWindowsMs[k]` and
   * pays at most `roundPricesWei[k]` for a job. Prices never fall; the last is `maxPriceWei`.
   */
  bidWindowsMs: z.array(durationMsSchema).min(1).max(ROUNDS_MAX),
  roundPricesWei: z.array(weiSchema).min(1).max(ROUNDS_MAX),
  /** The most that one job may cost; held in escrow until the job ends. */
  maxPriceWei: weiSchema,
  /** What one missed job costs the requester: decides how much cover the market buys. */
  missCostWei: weiSchema,
  backup: z.enum(['market', 'required', 'none']),
  /** Least chance, in parts per million, that primary or backup deliver in time; 0 demands none. */
  minSuccessPpm: z.int().min(0).max(999_999),
  /** Largest part of a round's jobs that one owner may win while others can; 10,000 demands none. */
  maxOwnerShareBps: z.int().min(1).max(10_000),
  /** Owners that may bid; empty for everybody. */
  allowedOwners: z.array(addressSchema).max(ALLOWED_OWNERS_MAX),
  award: z.enum(['cheapest', 'fastest']),
  pricing: z.enum(['vickrey', 'first']),
  /** Who knows bids before the clearing: the coordinator (`receipt`), or nobody (`commitReveal`). */
  sealing: sealingSchema,
  /** Whether anyone eligible may deliver when primary and backup have failed, or nobody has bought the job. */
  pool: z.enum(['open', 'none']),
  /** `chain`: zkProofs are paid by the contract, which checks them itself. Absent: by the ledger. */
  settlement: z.optional(z.enum(['chain'])),
});
export type BlockRequest = z.infer<typeof blockRequestSchema>;

/** A requester's word that it does not want what nobody has been awarded of a block. */
export const blockWithdrawalSchema = z.strictObject({
  requester: addressSchema,
  blockId: bytes32Schema,
  issuedAtMs: unixMsSchema,
});
export type BlockWithdrawal = z.infer<typeof blockWithdrawalSchema>;

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

/** A prover's bid for a `commitReveal` round while that takes bids: the digest of the bid, and nothing of its prices. */
export const bidCommitmentSchema = z.strictObject({
  roundId: roundIdSchema,
  prover: addressSchema,
  /** The EIP-712 digest of the salted {@link bidSchema | Bid} that is opened later. */
  commitment: bytes32Schema,
});
export type BidCommitment = z.infer<typeof bidCommitmentSchema>;

/** Binds a zkProof and its public signals to a job and to the prover that is to be paid. */
export const proofSubmissionSchema = z.strictObject({
  jobId: jobIdSchema,
  prover: addressSchema,
  /** SHA-256 of the canonical JSON of `{ publicSignals, zkProof }`. */
  contentHash: bytes32Schema,
});
export type ProofSubmission = z.infer<typeof proofSubmissionSchema>;

/** A word that a prover has a zkProof for a pooled job, without showing it: whoever copies it later comes later. */
export const poolCommitSchema = z.strictObject({
  jobId: jobIdSchema,
  prover: addressSchema,
  /** See {@link poolCommitmentOf}. */
  commitment: bytes32Schema,
});
export type PoolCommit = z.infer<typeof poolCommitSchema>;

/** Why an agent hands a job back. */
export const giveUpReasonSchema = z.enum([
  'shutdown',
  'overloaded',
  'artifactUnavailable',
  'inputUnavailable',
  'witnessFailed',
  'provingFailed',
]);

/** What an agent says beside its reason, such as its witness generator's error: printable text, or none. */
export const giveUpDetailSchema = z
  .string()
  .max(256)
  .regex(/^[\p{L}\p{N}\p{P}\p{S} ]*$/u, 'must be printable text');

/** Makes a detail of any text: what is not printable becomes a space, and what is too long is cut off. */
export function giveUpDetail(text: string): string {
  return text
    .slice(0, 256)
    .replace(/[^\p{L}\p{N}\p{P}\p{S} ]/gu, ' ')
    .trim();
}

/** A prover's word that it will not deliver a job: the backup starts at once. */
export const giveUpSchema = z.strictObject({
  jobId: jobIdSchema,
  prover: addressSchema,
  reason: giveUpReasonSchema,
  detail: giveUpDetailSchema,
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
  /** Content hash of the list of the samples' input hashes. */
  samplesHash: bytes32Schema,
  issuedAtMs: unixMsSchema,
});
export type CircuitRegistration = z.infer<typeof circuitRegistrationSchema>;

/** Asks for a challenge job: what a prover new to a circuit proves before it may bid. */
export const challengeRequestSchema = z.strictObject({
  prover: addressSchema,
  circuitId: bytes32Schema,
  issuedAtMs: unixMsSchema,
});
export type ChallengeRequest = z.infer<typeof challengeRequestSchema>;

/** Delivers the zkProof of a challenge job. */
export const challengeSubmissionSchema = z.strictObject({
  prover: addressSchema,
  circuitId: bytes32Schema,
  /** The digest of the request. */
  challengeId: bytes32Schema,
  /** SHA-256 of the canonical JSON of `{ publicSignals, zkProof }`. */
  contentHash: bytes32Schema,
});
export type ChallengeSubmission = z.infer<typeof challengeSubmissionSchema>;

/** An account's word that the contract may pay it, up to a sum over all time: what is signed twice pays once. */
export const withdrawalSchema = z.strictObject({
  account: addressSchema,
  /** All that the account has ever taken out, with this. */
  cumulativeWei: weiSchema,
  issuedAtMs: unixMsSchema,
});
export type Withdrawal = z.infer<typeof withdrawalSchema>;

/** The messages by their EIP-712 primary type. */
export interface Messages {
  BlockRequest: BlockRequest;
  BlockWithdrawal: BlockWithdrawal;
  Bid: Bid;
  BidCommitment: BidCommitment;
  ProofSubmission: ProofSubmission;
  PoolCommit: PoolCommit;
  GiveUp: GiveUp;
  ProverRegistration: ProverRegistration;
  CircuitRegistration: CircuitRegistration;
  ChallengeRequest: ChallengeRequest;
  ChallengeSubmission: ChallengeSubmission;
  Withdrawal: Withdrawal;
}
export type MessageType = keyof Messages;

/** A message with its signer's signature, as it travels. */
export function signedSchema<Schema extends z.ZodType>(message: Schema) {
  return z.strictObject({ message, signature: signatureSchema });
}
