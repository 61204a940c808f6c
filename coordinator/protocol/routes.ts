/**
 * Every route, declared once: the server, the client, the OpenAPI document and the tests derive from this table.
 * Bodies are JSON; errors are problem details (RFC 9457) whose `code` is one of {@link REJECTIONS}.
 */
import { z } from 'zod';
import { artifactSchema, protocolNameSchema } from './entries.js';
import {
  bidSchema,
  blockRequestSchema,
  circuitRegistrationSchema,
  giveUpSchema,
  proofSubmissionSchema,
  proverRegistrationSchema,
  signedSchema,
} from './messages.js';
import type { RejectionCode } from './rejections.js';
import { chunkWitnessInputSchema } from './rollup/chunkWitness.js';
import {
  addressSchema,
  blockIdSchema,
  bytes32Schema,
  integerText,
  jobIdSchema,
  roundIdSchema,
  signatureSchema,
  unixMsSchema,
  weiSchema,
} from './units.js';
import {
  acceptedSchema,
  accountViewSchema,
  bidReceiptSchema,
  blockViewSchema,
  bundleViewSchema,
  circuitViewSchema,
  consistencyViewSchema,
  duesViewSchema,
  entriesViewSchema,
  inclusionViewSchema,
  jobViewSchema,
  marketViewSchema,
  PAGE_MAX,
  postingViewSchema,
  progressViewSchema,
  roundDetailSchema,
  roundViewSchema,
} from './views.js';

/** One route. `auth: 'token'` needs `Authorization: Bearer` from `logIn`. Body limits are in bytes. */
export interface Route {
  method: 'GET' | 'POST';
  path: string;
  summary: string;
  auth?: 'token';
  params?: z.ZodObject;
  query?: z.ZodObject;
  body?: z.ZodType;
  bodyLimit?: number;
  /** Absent for streams and texts, which `contentType` names. */
  response?: z.ZodType;
  contentType?: string;
  rejections: readonly RejectionCode[];
}

const route = <const One extends Route>(one: One): One => one;

const page = {
  /** Newest first; pass the last item's place to go on. */
  before: z.optional(integerText(Number.MAX_SAFE_INTEGER)),
  limit: z.optional(integerText(PAGE_MAX)),
};
const SIGNATURE = ['badSignature', 'highSSignature'] as const;
const DATED = [...SIGNATURE, 'messageExpired', 'messageFromFuture'] as const;
const CHALLENGE_BYTES = 4_096;

/** Largest block file, in bytes of JSON. */
export const BLOCK_BODY_BYTES = 8 * 1024 * 1024;

export const ROUTES = {
  getHealth: route({
    method: 'GET',
    path: '/health',
    summary: 'Answers as soon as the process can answer at all.',
    response: z.strictObject({ status: z.literal('ok') }),
    rejections: [],
  }),
  getReadiness: route({
    method: 'GET',
    path: '/ready',
    summary: 'Answers ok when the database, the queue and the verifier can take work.',
    response: z.strictObject({ status: z.literal('ok') }),
    rejections: ['unavailable'],
  }),
  getMarket: route({
    method: 'GET',
    path: '/v1/market',
    summary: 'Who runs this market, under which parameters, and how long its log is.',
    response: marketViewSchema,
    rejections: [],
  }),
  getAccount: route({
    method: 'GET',
    path: '/v1/accounts/:address',
    summary: 'Free and bonded money of an account. An unknown account has none.',
    params: z.strictObject({ address: addressSchema }),
    response: accountViewSchema,
    rejections: [],
  }),
  listPostings: route({
    method: 'GET',
    path: '/v1/accounts/:address/postings',
    summary: 'Every movement of money of an account, newest first, with the entry that made it.',
    params: z.strictObject({ address: addressSchema }),
    query: z.strictObject(page),
    response: z.strictObject({ postings: z.array(postingViewSchema).max(PAGE_MAX) }),
    rejections: [],
  }),
  requestDeposit: route({
    method: 'POST',
    path: '/v1/faucet',
    summary: 'Demo markets only: credits an account from the faucet. The reference makes it idempotent.',
    body: z.strictObject({ address: addressSchema, amountWei: weiSchema, reference: bytes32Schema }),
    response: acceptedSchema,
    rejections: ['faucetClosed', 'faucetLimit'],
  }),
  registerProver: route({
    method: 'POST',
    path: '/v1/provers',
    summary: 'Registers a prover under its owner.',
    body: z.strictObject({
      ...signedSchema(proverRegistrationSchema).shape,
      ownerSignature: z.nullable(signatureSchema),
    }),
    response: acceptedSchema,
    rejections: [...DATED, 'ownerSignatureMissing', 'proverOwned'],
  }),
  listDues: route({
    method: 'GET',
    path: '/v1/provers/:address/dues',
    summary: 'The open jobs that a prover is primary or backup of: what a restarted agent takes up again.',
    params: z.strictObject({ address: addressSchema }),
    response: duesViewSchema,
    rejections: [],
  }),
  listCircuits: route({
    method: 'GET',
    path: '/v1/circuits',
    summary: 'The registered circuits.',
    response: z.strictObject({ circuits: z.array(circuitViewSchema).max(PAGE_MAX) }),
    rejections: [],
  }),
  getCircuit: route({
    method: 'GET',
    path: '/v1/circuits/:circuitId',
    summary: 'One circuit with its verification key.',
    params: z.strictObject({ circuitId: bytes32Schema }),
    response: circuitViewSchema,
    rejections: ['unknownCircuit'],
  }),
  registerCircuit: route({
    method: 'POST',
    path: '/v1/circuits',
    summary: 'Registers a circuit by its verification key, which is checked once, here.',
    body: z.strictObject({
      ...signedSchema(circuitRegistrationSchema).shape,
      protocol: protocolNameSchema,
      verificationKey: z.unknown(),
      wasm: artifactSchema,
      zkey: artifactSchema,
    }),
    bodyLimit: 1024 * 1024,
    response: acceptedSchema,
    rejections: [...DATED, 'invalidVerificationKey', 'circuitExists', 'tooManyCircuits'],
  }),
  getArtifact: route({
    method: 'GET',
    path: '/v1/artifacts/:sha256',
    summary: 'A witness generator or proving key, addressed by its SHA-256; resumable by Range.',
    params: z.strictObject({ sha256: bytes32Schema }),
    contentType: 'application/octet-stream',
    rejections: ['notFound'],
  }),
  submitBlock: route({
    method: 'POST',
    path: '/v1/blocks',
    summary: 'Submits a block: it is executed again, cut into jobs, escrowed and opened for bids.',
    body: z.strictObject({ ...signedSchema(blockRequestSchema).shape, blockFile: z.unknown() }),
    bodyLimit: BLOCK_BODY_BYTES,
    response: z.strictObject({ ...acceptedSchema.shape, blockId: blockIdSchema, roundId: roundIdSchema }),
    rejections: [
      ...SIGNATURE,
      'blockHashMismatch',
      'invalidBlock',
      'tooManyJobs',
      'unknownCircuit',
      'unsupportedCircuit',
      'unsupportedPolicy',
      'zeroMaxPrice',
      'bidWindow',
      'badSchedule',
      'deadlinePassed',
      'deadlineTooNear',
      'deadlineTooFar',
      'duplicateBlock',
      'insufficientFunds',
    ],
  }),
  listBlocks: route({
    method: 'GET',
    path: '/v1/blocks',
    summary: 'Blocks, newest first; `before` is the submittedAtMs of the last one seen.',
    query: z.strictObject({ ...page, requester: z.optional(addressSchema) }),
    response: z.strictObject({ blocks: z.array(blockViewSchema).max(PAGE_MAX) }),
    rejections: [],
  }),
  getBlock: route({
    method: 'GET',
    path: '/v1/blocks/:blockId',
    summary: 'One block.',
    params: z.strictObject({ blockId: blockIdSchema }),
    response: blockViewSchema,
    rejections: ['notFound'],
  }),
  listJobs: route({
    method: 'GET',
    path: '/v1/blocks/:blockId/jobs',
    summary: 'The jobs of a block with what their agents report.',
    params: z.strictObject({ blockId: blockIdSchema }),
    response: z.strictObject({
      jobs: z.array(jobViewSchema).max(10_000),
      progress: z.array(progressViewSchema).max(20_000),
    }),
    rejections: ['notFound'],
  }),
  getBundle: route({
    method: 'GET',
    path: '/v1/blocks/:blockId/bundle',
    summary: 'The zkProofs of a block in order, with public signals and verification key.',
    params: z.strictObject({ blockId: blockIdSchema }),
    response: bundleViewSchema,
    rejections: ['notFound'],
  }),
  getJob: route({
    method: 'GET',
    path: '/v1/jobs/:jobId',
    summary: 'One job.',
    params: z.strictObject({ jobId: jobIdSchema }),
    response: jobViewSchema,
    rejections: ['unknownJob'],
  }),
  getJobInput: route({
    method: 'GET',
    path: '/v1/jobs/:jobId/input',
    summary: 'The private input of a job, for its primary and its backup only.',
    auth: 'token',
    params: z.strictObject({ jobId: jobIdSchema }),
    response: z.strictObject({ inputHash: bytes32Schema, input: chunkWitnessInputSchema }),
    rejections: ['notLoggedIn', 'loginExpired', 'unknownJob', 'notAssigned', 'jobEnded'],
  }),
  listOpenRounds: route({
    method: 'GET',
    path: '/v1/rounds',
    summary: 'The rounds that take bids now.',
    response: z.strictObject({ rounds: z.array(roundViewSchema).max(PAGE_MAX) }),
    rejections: [],
  }),
  getRound: route({
    method: 'GET',
    path: '/v1/rounds/:roundId',
    summary: 'One round; once cleared, with all its bids and awards.',
    params: z.strictObject({ roundId: roundIdSchema }),
    response: roundDetailSchema,
    rejections: ['unknownRound'],
  }),
  placeBid: route({
    method: 'POST',
    path: '/v1/bids',
    summary: 'Places or replaces a sealed bid; the answer is a signed receipt.',
    body: signedSchema(bidSchema),
    response: bidReceiptSchema,
    rejections: [
      ...SIGNATURE,
      'unknownProver',
      'unknownRound',
      'roundClosed',
      'roundFull',
      'aboveMaxPrice',
      'bidExpired',
    ],
  }),
  submitProof: route({
    method: 'POST',
    path: '/v1/submissions',
    summary: 'Delivers a zkProof; it is stored before the answer and checked after it. Watch the feed for the verdict.',
    body: z.strictObject({
      ...signedSchema(proofSubmissionSchema).shape,
      publicSignals: z.unknown(),
      zkProof: z.unknown(),
    }),
    bodyLimit: 64 * 1024,
    response: acceptedSchema,
    rejections: [
      ...SIGNATURE,
      'invalidZkProof',
      'signalsMismatch',
      'contentHashMismatch',
      'unknownJob',
      'jobEnded',
      'notAssigned',
      'notActivated',
      'tooManyInvalid',
      'submissionPending',
    ],
  }),
  giveUp: route({
    method: 'POST',
    path: '/v1/giveups',
    summary: 'Hands an assignment back, so that the backup can start at once.',
    body: signedSchema(giveUpSchema),
    response: acceptedSchema,
    rejections: [...SIGNATURE, 'unknownJob', 'jobEnded', 'notAssigned'],
  }),
  beat: route({
    method: 'POST',
    path: '/v1/heartbeats',
    summary: 'Keeps the leases of all the jobs named, with their progress; the answer names those that have ended.',
    auth: 'token',
    body: z.strictObject({
      jobs: z.array(progressViewSchema.omit({ prover: true, lastSeenMs: true })).max(4_096),
    }),
    bodyLimit: 1024 * 1024,
    response: z.strictObject({ leaseMs: z.int(), nowMs: unixMsSchema, dropJobIds: z.array(jobIdSchema).max(4_096) }),
    rejections: ['notLoggedIn', 'loginExpired'],
  }),
  getLoginNonce: route({
    method: 'GET',
    path: '/v1/login/nonce',
    summary: 'A nonce for a login message.',
    response: z.strictObject({ nonce: z.string().max(128), expiresAtMs: unixMsSchema }),
    rejections: [],
  }),
  logIn: route({
    method: 'POST',
    path: '/v1/login',
    summary: 'Trades a message by EIP-4361, signed by EIP-191, for a token.',
    body: z.strictObject({ message: z.string().max(CHALLENGE_BYTES), signature: signatureSchema }),
    response: z.strictObject({ token: z.string().max(512), expiresAtMs: unixMsSchema }),
    rejections: [...SIGNATURE, 'loginExpired', 'badRequest'],
  }),
  getCheckpoint: route({
    method: 'GET',
    path: '/v1/log/checkpoint',
    summary: 'The newest checkpoint, a C2SP signed note.',
    contentType: 'text/plain; charset=utf-8',
    rejections: [],
  }),
  listEntries: route({
    method: 'GET',
    path: '/v1/log/entries',
    summary: 'Entries as they stand in the log, oldest first, from an index.',
    query: z.strictObject({
      from: integerText(Number.MAX_SAFE_INTEGER),
      limit: z.optional(integerText(PAGE_MAX)),
    }),
    response: entriesViewSchema,
    rejections: [],
  }),
  getInclusion: route({
    method: 'GET',
    path: '/v1/log/inclusion/:index',
    summary: 'The inclusion proof of an entry in the tree of the newest checkpoint.',
    params: z.strictObject({ index: integerText(Number.MAX_SAFE_INTEGER) }),
    response: inclusionViewSchema,
    rejections: ['notFound'],
  }),
  getConsistency: route({
    method: 'GET',
    path: '/v1/log/consistency',
    summary: 'The consistency proof between two tree sizes.',
    query: z.strictObject({ from: integerText(Number.MAX_SAFE_INTEGER), to: integerText(Number.MAX_SAFE_INTEGER) }),
    response: consistencyViewSchema,
    rejections: ['notFound'],
  }),
  followFeed: route({
    method: 'GET',
    path: '/v1/feed',
    summary:
      'The log as Server-Sent Events: the event id is the entry index, so that Last-Event-ID goes on without a gap.',
    query: z.strictObject({
      /** First index to send; without it and without Last-Event-ID, only what comes from now on. */
      from: z.optional(integerText(Number.MAX_SAFE_INTEGER)),
      /** Only these entry types, separated by commas. */
      types: z.optional(z.string().max(512)),
    }),
    contentType: 'text/event-stream',
    rejections: ['tooManyRequests'],
  }),
} as const satisfies Record<string, Route>;

export type RouteName = keyof typeof ROUTES;
