/**
 * The log's entries: every fact of the market, typed, in the past tense, as it stands in the log. An entry's leaf is
 * its canonical JSON (RFC 8785). Money is a decimal string of wei; `atMs` is the coordinator's clock and never falls.
 */
import { z } from 'zod';
import { CHAIN_ENTRY_SCHEMAS, chainDepositSchema } from './chainEntries.js';
import { entry } from './entryShape.js';
import { escalationSchema, expiryReasonSchema, noAwardReasonSchema } from './escalation.js';
import { explanationSchema, unmetDemandSchema } from './explanations.js';
import { AFTER_MAX } from './jobsFile.js';
import { postings } from './ledger.js';
import { logClosedShape, logOpenedShape } from './logLink.js';
import {
  bidCommitmentSchema,
  bidSchema,
  blockRequestSchema,
  blockWithdrawalSchema,
  challengeRequestSchema,
  challengeSubmissionSchema,
  circuitRegistrationSchema,
  giveUpSchema,
  poolCommitSchema,
  proofSubmissionSchema,
  proverRegistrationSchema,
  ROUNDS_MAX,
  sealingSchema,
  signedSchema,
} from './messages.js';
import { PARAMETERS_REASON_MAX, parametersSchema } from './parameters.js';
import {
  addressSchema,
  blockIdSchema,
  bytes32Schema,
  jobIdSchema,
  labelSchema,
  roundIdSchema,
  unixMsSchema,
  weiSchema,
} from './units.js';

export const roleSchema = z.enum(['primary', 'backup']);
export type Role = z.infer<typeof roleSchema>;

/** As what a zkProof is delivered: under an assignment, or from the pool. */
export const deliveryRoleSchema = z.enum([...roleSchema.options, 'pool']);
export type DeliveryRole = z.infer<typeof deliveryRoleSchema>;

/** One side of an award. */
export const assignmentSchema = z.strictObject({
  prover: addressSchema,
  owner: addressSchema,
  /** The prover's own price for proving, from its bid. */
  priceBidWei: weiSchema,
  bondWei: weiSchema,
  /** The larger of promised and measured. */
  provingMsP95: z.int().min(1).max(86_400_000),
  slots: z.int().min(1).max(1_024),
  /** How long it is promised to take, queue and all, from `freeFromMs` or from its start if that is later. */
  promisedMs: z.int().min(1).max(Number.MAX_SAFE_INTEGER),
  /** When its slots are free of what it runs already. */
  freeFromMs: unixMsSchema,
  /**
   * Chance of a miss, in parts per million, as it stood at clearing: of a primary by the backup's start (alone: by the
   * deadline), of a backup from that start to the deadline.
   */
  missPpm: z.int().min(0).max(1_000_000),
});

/** What a job was sold for, and to whom. */
export const awardSchema = z.strictObject({
  jobId: jobIdSchema,
  primary: assignmentSchema,
  backup: z.nullable(assignmentSchema),
  priceWei: weiSchema,
  standbyFeeWei: weiSchema,
  primaryDueMs: unixMsSchema,
  /** Null without a backup. */
  backupStartMs: z.nullable(unixMsSchema),
  /** Demands of the policy and of the newcomers' rule that could not be met at a reasonable cost. */
  unmet: z.array(unmetDemandSchema).max(4),
});
export type Award = z.infer<typeof awardSchema>;

export const artifactSchema = z.strictObject({
  sha256: bytes32Schema,
  bytes: z
    .int()
    .min(0)
    .max(2 ** 40),
});

export const activationCauseSchema = z.enum(['startTime', 'leaseMissed', 'gaveUp', 'invalidZkProof', 'predictedMiss']);
export type ActivationCause = z.infer<typeof activationCauseSchema>;

/** Why an assignment that was handed back costs nothing. */
export const giveUpExcuseSchema = z.enum(['inputNotServed']);
export type GiveUpExcuse = z.infer<typeof giveUpExcuseSchema>;

/** Why the pool of a job opened: nobody bought it, or both of its sides are spent. */
export const poolCauseSchema = z.enum(['unsold', 'sidesSpent']);
export type PoolCause = z.infer<typeof poolCauseSchema>;

export const circuitKindSchema = z.enum(['transferRollup', 'generic']);
export const protocolNameSchema = z.enum(['groth16', 'plonk', 'fflonk']);

const signalsSchema = z.array(z.string().max(78)).max(1_024);

/** Most samples of a circuit. */
export const SAMPLES_MAX = 64;

/** A statement of a circuit with the hash of its public input. */
export const sampleSchema = z.strictObject({ publicSignals: signalsSchema, inputHash: bytes32Schema });

/** zkProofs and verification keys are checked by the verifier's strict parser; here only their size is bounded. */
const jsonObjectSchema = z.record(z.string().max(64), z.json());

export const ENTRY_SCHEMAS = {
  marketOpened: entry('marketOpened', {
    origin: z.string().min(1).max(128),
    coordinatorId: bytes32Schema,
    chainId: z.int().min(1).max(Number.MAX_SAFE_INTEGER),
    /** The log's verifier key in the signed-note format. */
    logKey: z.string().max(256),
    faucet: z.boolean(),
    /** Version 1 of the parameters; later versions come as `parametersSet`. */
    parameters: parametersSchema,
  }),
  parametersSet: entry('parametersSet', {
    version: z.int().min(2),
    parameters: parametersSchema,
    /** Why, for people. */
    reason: z.string().min(1).max(PARAMETERS_REASON_MAX),
  }),
  circuitRegistered: entry('circuitRegistered', {
    circuitId: bytes32Schema,
    name: labelSchema,
    kind: circuitKindSchema,
    protocol: protocolNameSchema,
    signalCount: z.int().min(0).max(1_024),
    verificationKey: jsonObjectSchema,
    wasm: artifactSchema,
    zkey: artifactSchema,
    /** Statements whose inputs are public: challenge jobs are drawn from them. */
    samples: z.array(sampleSchema).max(SAMPLES_MAX),
    /** Null for the circuits that the market opened with. */
    registration: z.nullable(signedSchema(circuitRegistrationSchema)),
  }),
  deposited: entry('deposited', {
    account: addressSchema,
    amountWei: weiSchema,
    source: z.enum(['faucet', 'chain']),
    reference: z.string().min(1).max(128),
    /** Where it stands on the chain; absent for the faucet's. */
    chain: z.optional(chainDepositSchema),
    postings,
  }),
  proverRegistered: entry('proverRegistered', {
    ...signedSchema(proverRegistrationSchema).shape,
    /** Null when the prover is its own owner. */
    ownerSignature: z.nullable(z.string().max(132)),
  }),
  challengeIssued: entry('challengeIssued', {
    challengeId: bytes32Schema,
    ...signedSchema(challengeRequestSchema).shape,
    /** Which of the circuit's samples is to be proven. */
    sampleIndex: z
      .int()
      .min(0)
      .max(SAMPLES_MAX - 1),
    dueMs: unixMsSchema,
  }),
  challengeReceived: entry('challengeReceived', {
    submissionId: bytes32Schema,
    ...signedSchema(challengeSubmissionSchema).shape,
  }),
  challengePassed: entry('challengePassed', {
    challengeId: bytes32Schema,
    prover: addressSchema,
    circuitId: bytes32Schema,
  }),
  challengeFailed: entry('challengeFailed', {
    challengeId: bytes32Schema,
    prover: addressSchema,
    circuitId: bytes32Schema,
    code: z.string().max(64),
  }),
  blockSubmitted: entry('blockSubmitted', {
    blockId: blockIdSchema,
    ...signedSchema(blockRequestSchema).shape,
    jobs: z
      .array(
        z.strictObject({
          jobId: jobIdSchema,
          publicSignals: signalsSchema,
          inputHash: bytes32Schema,
          /** Places in the list of the jobs that must be proven first; absent where there are none. */
          after: z.optional(z.array(z.int().min(0).max(9_999)).min(1).max(AFTER_MAX)),
        }),
      )
      .min(1)
      .max(10_000),
    postings,
  }),
  /** The requester does not want what nobody has been awarded: these jobs end, and these rounds with them. */
  blockWithdrawn: entry('blockWithdrawn', {
    withdrawalId: bytes32Schema,
    ...signedSchema(blockWithdrawalSchema).shape,
    jobIds: z.array(jobIdSchema).max(10_000),
    roundIds: z.array(roundIdSchema).max(10_000),
    /** Deposits of commitments to bids, given back. */
    postings,
  }),
  roundOpened: entry('roundOpened', {
    roundId: roundIdSchema,
    blockId: blockIdSchema,
    circuitId: bytes32Schema,
    jobIds: z.array(jobIdSchema).min(1).max(10_000),
    /** Which step of the block's escalation schedule this is, from 0. */
    step: z
      .int()
      .min(0)
      .max(ROUNDS_MAX - 1),
    /** The parameters that hold for this round and all that follows from it. */
    parametersVersion: z.int().min(1),
    sealing: sealingSchema,
    /** The most that this round pays for a job. */
    maxPriceWei: weiSchema,
    deadlineMs: unixMsSchema,
    closesAtMs: unixMsSchema,
  }),
  bidPlaced: entry('bidPlaced', { roundId: roundIdSchema, prover: addressSchema, commitment: bytes32Schema }),
  /** A commitment in a `commitReveal` round; the first one of a prover locks its deposit. */
  bidCommitted: entry('bidCommitted', { ...signedSchema(bidCommitmentSchema).shape, postings }),
  /** The window of a `commitReveal` round has closed: these commitments are all, and their bids may be opened. */
  bidsSealed: entry('bidsSealed', {
    roundId: roundIdSchema,
    /** Provers with a commitment that counts. */
    count: z.int().min(0).max(10_000),
    revealsUntilMs: unixMsSchema,
  }),
  bidOpened: entry('bidOpened', signedSchema(bidSchema).shape),
  roundCleared: entry('roundCleared', {
    roundId: roundIdSchema,
    /** The moment that the clearing reckons from: large ones are computed before they are written. */
    asOfMs: unixMsSchema,
    /** All bids that counted, in the order of their commitments in the log. */
    bids: z.array(signedSchema(bidSchema)).max(10_000),
    tieSeed: bytes32Schema,
    awards: z.array(awardSchema).max(10_000),
    unawarded: z.array(z.strictObject({ jobId: jobIdSchema, reason: noAwardReasonSchema })).max(10_000),
    /** What became of each bid and why, in the order of the bids. */
    explanations: z.array(explanationSchema).max(10_000),
    postings,
  }),
  jobsEscalated: entry('jobsEscalated', {
    /** The newest round of the jobs. */
    roundId: roundIdSchema,
    ...escalationSchema.shape,
  }),
  poolOpened: entry('poolOpened', {
    jobId: jobIdSchema,
    cause: poolCauseSchema,
    /** What is paid for a zkProof that is committed to now; it rises evenly to `toWei` at the deadline. */
    fromWei: weiSchema,
    toWei: weiSchema,
    /** Sides whose bonds pay what the pool costs beyond the job's price. */
    atFault: z.array(addressSchema).max(2),
  }),
  poolCommitted: entry('poolCommitted', {
    commitId: bytes32Schema,
    ...signedSchema(poolCommitSchema).shape,
    /** What its zkProof earns. */
    priceWei: weiSchema,
    /** The zkProof counts before this moment. */
    revealByMs: unixMsSchema,
    postings,
  }),
  leaseMissed: entry('leaseMissed', {
    jobId: jobIdSchema,
    prover: addressSchema,
    role: roleSchema,
    lastSeenMs: unixMsSchema,
  }),
  inputRefused: entry('inputRefused', { jobId: jobIdSchema, prover: addressSchema }),
  inputServed: entry('inputServed', { jobId: jobIdSchema, prover: addressSchema }),
  gaveUp: entry('gaveUp', {
    ...signedSchema(giveUpSchema).shape,
    role: roleSchema,
    /** Set when the coordinator had failed to serve the job's input. */
    excuse: z.nullable(giveUpExcuseSchema),
  }),
  witnessChecked: entry('witnessChecked', {
    jobId: jobIdSchema,
    /** Whether the job's input has a witness; null when that could not be checked. */
    satisfiable: z.nullable(z.boolean()),
    /** What the witness generator said, or why it was not asked; empty when there is a witness. */
    error: z.string().max(256),
  }),
  backupActivated: entry('backupActivated', {
    jobId: jobIdSchema,
    prover: addressSchema,
    cause: activationCauseSchema,
    /** For `predictedMiss`: the end that the primary's agent expected, as the coordinator heard it. */
    expectedEndMs: z.nullable(unixMsSchema),
  }),
  proofReceived: entry('proofReceived', {
    submissionId: bytes32Schema,
    ...signedSchema(proofSubmissionSchema).shape,
    role: deliveryRoleSchema,
    publicSignals: signalsSchema,
    zkProof: jsonObjectSchema,
  }),
  proofAccepted: entry('proofAccepted', {
    jobId: jobIdSchema,
    prover: addressSchema,
    role: deliveryRoleSchema,
    submissionId: bytes32Schema,
    postings,
  }),
  proofRejected: entry('proofRejected', {
    jobId: jobIdSchema,
    prover: addressSchema,
    role: deliveryRoleSchema,
    submissionId: bytes32Schema,
    code: z.string().max(64),
  }),
  jobExpired: entry('jobExpired', {
    jobId: jobIdSchema,
    reason: expiryReasonSchema,
    /** Provers that miss through no fault of theirs. */
    excused: z.array(addressSchema).max(2),
    postings,
  }),
  blockCompleted: entry('blockCompleted', {
    blockId: blockIdSchema,
    proven: z.int().min(0),
    expired: z.int().min(0),
  }),
  coordinatorStarted: entry('coordinatorStarted', {
    /** Last sign of life of any replica; equal to `atMs` when there was no gap. */
    lastSignMs: unixMsSchema,
    /** By how much due times shift, in milliseconds; however long that is. */
    gapMs: unixMsSchema,
    cause: z.enum(['start', 'stall']),
  }),
  /** The last entry of its log: the market goes on in the one that it names. */
  logClosed: entry('logClosed', logClosedShape),
  /** The first entry of a log that follows another; an import gives back what was locked for what is not in the log. */
  logOpened: entry('logOpened', { ...logOpenedShape, postings }),
  ...CHAIN_ENTRY_SCHEMAS,
} as const;

export type EntryType = keyof typeof ENTRY_SCHEMAS;
/** The name of an entry type. */
export const entryTypeSchema = z.enum(Object.keys(ENTRY_SCHEMAS) as [EntryType, ...EntryType[]]);
export type EntryOf<Type extends EntryType> = z.infer<(typeof ENTRY_SCHEMAS)[Type]>;
/** Any entry, discriminated by `type`. */
export type Entry = { [Type in EntryType]: EntryOf<Type> }[EntryType];

/** Checks an entry from outside against its schema. Throws a ZodError that names the path. */
export function parseEntry(value: unknown): Entry {
  const type = (value as { type?: unknown } | null)?.type;
  const schema = Object.hasOwn(ENTRY_SCHEMAS, String(type)) ? ENTRY_SCHEMAS[type as EntryType] : undefined;
  if (!schema) throw new TypeError(`unknown entry type ${JSON.stringify(type)}`);
  return schema.parse(value) as Entry;
}
