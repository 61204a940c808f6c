/**
 * What the coordinator answers: one schema per view. Money is a decimal string of wei, times are Unix milliseconds;
 * `null` means "not yet" or "does not apply".
 */
import { z } from 'zod';
import { bidEntrySchema } from './bidReceipt.js';
import {
  activationCauseSchema,
  artifactSchema,
  awardSchema,
  circuitKindSchema,
  deliveryRoleSchema,
  giveUpExcuseSchema,
  poolCauseSchema,
  protocolNameSchema,
  SAMPLES_MAX,
  sampleSchema,
} from './entries.js';
import { escalationSchema, expiryReasonSchema, noAwardReasonSchema } from './escalation.js';
import { explanationSchema } from './explanations.js';
import { AFTER_MAX } from './jobsFile.js';
import { postingSchema } from './ledger.js';
import { bidSchema, blockRequestSchema, sealingSchema, signedSchema } from './messages.js';
import { parametersSchema } from './parameters.js';
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

export const PAGE_MAX = 1_000;

const count = z.int().min(0);
const parameter = parametersSchema.shape;
const nullableMs = z.nullable(unixMsSchema);

export const marketViewSchema = z.strictObject({
  origin: z.string().max(128),
  coordinatorId: bytes32Schema,
  chainId: z.int().min(1),
  logKey: z.string().max(256),
  faucet: z.boolean(),
  parametersVersion: z.int().min(1),
  parameters: parametersSchema,
  treeSize: count,
  nowMs: unixMsSchema,
});
export type MarketView = z.infer<typeof marketViewSchema>;

/** One version of the parameters. */
export const parametersViewSchema = z.strictObject({ version: z.int().min(1), parameters: parametersSchema });

/** The answer to an accepted command: which entries it became. A repeated message gets the very same answer. */
export const acceptedSchema = z.strictObject({
  digest: bytes32Schema,
  firstIndex: count,
  entryCount: count,
  atMs: unixMsSchema,
});
export type Accepted = z.infer<typeof acceptedSchema>;

/** What a bidder keeps: the coordinator's Ed25519 word that the commitment stands at this place of the log. */
export const bidReceiptSchema = z.strictObject({
  ...acceptedSchema.shape,
  roundId: roundIdSchema,
  prover: addressSchema,
  /** Digest of the bid: of what was sent, unless that was a commitment. */
  commitment: bytes32Schema,
  /** Which entry it became. */
  type: bidEntrySchema,
  /** The log that it stands in. */
  origin: z.string().min(1).max(128),
  /** Over the canonical JSON of `{ atMs, commitment, entryIndex, origin, prover, roundId, type }`. */
  receiptSignature: z.string().regex(/^0x[0-9a-f]{128}$/),
});
export type BidReceipt = z.infer<typeof bidReceiptSchema>;

export const accountViewSchema = z.strictObject({
  address: addressSchema,
  freeWei: weiSchema,
  bondedWei: weiSchema,
  /** Nonce of the newest accepted block request; 0 before the first. */
  lastNonce: count,
  prover: z.nullable(
    z.strictObject({
      owner: addressSchema,
      name: labelSchema,
      /** Circuits whose challenge it has passed. */
      challengesPassed: z.array(bytes32Schema).max(PAGE_MAX),
    }),
  ),
});
export type AccountView = z.infer<typeof accountViewSchema>;

export const postingViewSchema = z.strictObject({
  ...postingSchema.shape,
  entryIndex: count,
  sequence: count,
  atMs: unixMsSchema,
});

export const circuitViewSchema = z.strictObject({
  circuitId: bytes32Schema,
  name: labelSchema,
  kind: circuitKindSchema,
  protocol: protocolNameSchema,
  signalCount: count,
  wasm: artifactSchema,
  zkey: artifactSchema,
  samples: z.array(sampleSchema).max(SAMPLES_MAX),
  verificationKey: z.record(z.string().max(64), z.json()),
});
export type CircuitView = z.infer<typeof circuitViewSchema>;

export const challengeViewSchema = z.strictObject({
  prover: addressSchema,
  circuitId: bytes32Schema,
  challengeId: bytes32Schema,
  sampleIndex: z
    .int()
    .min(0)
    .max(SAMPLES_MAX - 1),
  issuedAtMs: unixMsSchema,
  dueMs: unixMsSchema,
  status: z.enum(['open', 'received', 'passed', 'failed']),
  submissionId: z.nullable(bytes32Schema),
  receivedAtMs: nullableMs,
});
export type ChallengeView = z.infer<typeof challengeViewSchema>;

export const blockViewSchema = z.strictObject({
  blockId: blockIdSchema,
  request: blockRequestSchema,
  status: z.enum(['open', 'completed']),
  submittedAtMs: unixMsSchema,
  /** When its requester withdrew what nobody had been awarded. */
  withdrawnAtMs: nullableMs,
  completedAtMs: nullableMs,
  jobIds: z.array(jobIdSchema).max(10_000),
  roundIds: z.array(roundIdSchema).max(10_000),
  provenCount: count,
  expiredCount: count,
});
export type BlockView = z.infer<typeof blockViewSchema>;

/** What became of a prover's word that a job has no witness. */
export const witnessVerdictSchema = z.enum(['satisfiable', 'unsatisfiable', 'unchecked']);

const assignmentViewSchema = z.strictObject({
  prover: addressSchema,
  owner: addressSchema,
  priceBidWei: weiSchema,
  bondWei: weiSchema,
  provingMsP95: count,
  slots: count,
  promisedMs: count,
  freeFromMs: unixMsSchema,
  missPpm: count,
  dueMs: unixMsSchema,
  status: z.enum(['standby', 'active', 'gaveUp']),
  activeSinceMs: nullableMs,
  leaseMissed: z.boolean(),
  invalidCount: count,
  inputRefusedAtMs: nullableMs,
  excuse: z.nullable(giveUpExcuseSchema),
  /** From when on it counts as having failed: see `poolOpened`. Null while there is no such moment. */
  spentAtMs: nullableMs,
});

/** A job's pool: anyone eligible may commit to a zkProof and then submit it. */
export const poolViewSchema = z.strictObject({
  cause: poolCauseSchema,
  openedAtMs: unixMsSchema,
  fromWei: weiSchema,
  toWei: weiSchema,
  atFault: z.array(addressSchema).max(2),
  commitments: z
    .array(
      z.strictObject({
        prover: addressSchema,
        commitment: bytes32Schema,
        entryIndex: count,
        committedAtMs: unixMsSchema,
        priceWei: weiSchema,
        bondWei: weiSchema,
        revealByMs: unixMsSchema,
        /** Its submission; null while its zkProof has not come. */
        submissionId: z.nullable(bytes32Schema),
      }),
    )
    .max(10_000),
});
export type PoolView = z.infer<typeof poolViewSchema>;

export const jobViewSchema = z.strictObject({
  jobId: jobIdSchema,
  blockId: blockIdSchema,
  circuitId: bytes32Schema,
  publicSignals: z.array(z.string().max(78)).max(1_024),
  inputHash: bytes32Schema,
  maxPriceWei: weiSchema,
  deadlineMs: unixMsSchema,
  /** `waiting`: for the jobs that must be proven first. */
  status: z.enum(['waiting', 'open', 'awarded', 'pooled', 'ended']),
  /** The jobs of its block that must be proven before it is auctioned. */
  after: z.array(jobIdSchema).max(AFTER_MAX),
  /** Its newest round; null before the first. */
  roundId: z.nullable(roundIdSchema),
  parametersVersion: count,
  roundsHeld: count,
  awardedAtMs: nullableMs,
  priceWei: weiSchema,
  standbyFeeWei: weiSchema,
  primary: z.nullable(assignmentViewSchema),
  backup: z.nullable(assignmentViewSchema),
  backupStartMs: nullableMs,
  activatedAtMs: nullableMs,
  activationCause: z.nullable(activationCauseSchema),
  witnessClaimedAtMs: nullableMs,
  witnessVerdict: z.nullable(witnessVerdictSchema),
  /** Whether the requester lets others deliver. */
  poolPolicy: z.enum(['open', 'none']),
  pool: z.nullable(poolViewSchema),
  submissions: z
    .array(
      z.strictObject({
        submissionId: bytes32Schema,
        entryIndex: count,
        /** Its place in the order in which zkProofs count: its own in the log, or that of its commitment to the pool. */
        claimIndex: count,
        prover: addressSchema,
        role: deliveryRoleSchema,
        receivedAtMs: unixMsSchema,
        verdict: z.enum(['pending', 'valid', 'invalid']),
      }),
    )
    .max(20_000),
  outcome: z.nullable(z.enum(['proven', 'expired'])),
  outcomeReason: z.nullable(expiryReasonSchema),
  deliveredBy: z.nullable(deliveryRoleSchema),
  provingMs: z.nullable(count),
  endedAtMs: nullableMs,
});
export type JobView = z.infer<typeof jobViewSchema>;

/** What the assigned agents report of a running job; no entry of the log, and nobody is paid by it. */
export const progressViewSchema = z.strictObject({
  jobId: jobIdSchema,
  prover: addressSchema,
  lastSeenMs: unixMsSchema,
  stage: z.enum(['standby', 'queued', 'fetching', 'witness', 'proving', 'submitting']),
  progressPpm: z.int().min(0).max(1_000_000),
  expectedEndMs: nullableMs,
});
export type ProgressView = z.infer<typeof progressViewSchema>;

export const roundViewSchema = z.strictObject({
  roundId: roundIdSchema,
  blockId: blockIdSchema,
  circuitId: bytes32Schema,
  jobIds: z.array(jobIdSchema).max(10_000),
  step: count,
  parametersVersion: count,
  sealing: sealingSchema,
  maxPriceWei: weiSchema,
  deadlineMs: unixMsSchema,
  openedAtMs: unixMsSchema,
  closesAtMs: unixMsSchema,
  /** Of `commitReveal` rounds: when the commitments were complete, where the log says so, and until when bids open. */
  sealedAtMs: nullableMs,
  sealedEntryIndex: z.nullable(count),
  revealsUntilMs: nullableMs,
  /** The coordinator was down in that time: nobody forfeits. */
  revealExcused: z.boolean(),
  /** When it was cleared, or ended because its block was withdrawn. */
  clearedAtMs: nullableMs,
  withdrawn: z.boolean(),
  /** Where its unsold jobs went, in order: each step once, summed over the jobs that took it. */
  escalations: z.array(escalationSchema).max(3),
  bidCount: count,
});
export type RoundView = z.infer<typeof roundViewSchema>;

/** A cleared round as the log has it: every bid, every award. Null fields before the clearing. */
export const roundDetailSchema = z.strictObject({
  ...roundViewSchema.shape,
  commitments: z.array(z.strictObject({ prover: addressSchema, commitment: bytes32Schema })).max(10_000),
  cleared: z.nullable(
    z.strictObject({
      entryIndex: count,
      bids: z.array(signedSchema(bidSchema)).max(10_000),
      tieSeed: bytes32Schema,
      awards: z.array(awardSchema).max(10_000),
      unawarded: z.array(z.strictObject({ jobId: jobIdSchema, reason: noAwardReasonSchema })).max(10_000),
      /** In the order of the bids. */
      explanations: z.array(explanationSchema).max(10_000),
    }),
  ),
});

/** A prover's score on a circuit with all that it is calculated from; shares are null where there is nothing to share. */
export const scoreViewSchema = z.strictObject({
  circuitId: bytes32Schema,
  isEligible: z.boolean(),
  /** The parts that are below the line. */
  flaws: z.array(z.enum(['onTime', 'latency', 'reachable'])).max(3),
  /** Ended assignments that count; those of them that had to prove; those of these that delivered. */
  outcomes: count,
  proven: count,
  delivered: count,
  /** Delivered within the promised time. */
  onTime: count,
  onTimePpm: z.nullable(count),
  /** Time taken in percent of the promised of all that was delivered, sorted; how many of them are outliers. */
  latenessPct: z.array(count).max(1_000),
  outliers: count,
  /** Median without the outliers. */
  latencyPct: z.nullable(count),
  reachable: count,
  reachablePpm: z.nullable(count),
});
export type ScoreView = z.infer<typeof scoreViewSchema>;

/** As many as a market has circuits. */
export const SCORES_MAX = 10_000;

/** The scores of a prover on every circuit that it has a record of, and the line that they are held against. */
export const scoresViewSchema = z.strictObject({
  prover: addressSchema,
  nowMs: unixMsSchema,
  line: z.strictObject({
    scoreOutcomesMin: parameter.scoreOutcomesMin,
    scoreOnTimePpmMin: parameter.scoreOnTimePpmMin,
    scoreLatencyPctMax: parameter.scoreLatencyPctMax,
    scoreReachablePpmMin: parameter.scoreReachablePpmMin,
    recordWindowMs: parameter.recordWindowMs,
    outcomesMax: parameter.outcomesMax,
  }),
  scores: z.array(scoreViewSchema).max(SCORES_MAX),
});
export type ScoresView = z.infer<typeof scoresViewSchema>;

/** Everything a prover needs to take up (again) what it holds. */
export const duesViewSchema = z.strictObject({ prover: addressSchema, jobs: z.array(jobViewSchema).max(10_000) });

export const bundleViewSchema = z.strictObject({
  blockId: blockIdSchema,
  /** True when every job of the block is proven. */
  complete: z.boolean(),
  circuitId: bytes32Schema,
  verificationKey: z.record(z.string().max(64), z.json()),
  zkProofs: z
    .array(
      z.strictObject({
        jobId: jobIdSchema,
        publicSignals: z.array(z.string().max(78)).max(1_024),
        /** Null when the job expired or is still running. */
        zkProof: z.nullable(z.record(z.string().max(64), z.json())),
        prover: z.nullable(addressSchema),
      }),
    )
    .max(10_000),
});
export type BundleView = z.infer<typeof bundleViewSchema>;

export const problemSchema = z.strictObject({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.string(),
  /** For shape errors: what is wrong where. */
  errors: z.optional(z.array(z.strictObject({ pointer: z.string(), message: z.string() }))),
});
export type Problem = z.infer<typeof problemSchema>;
