/**
 * Every route, declared once: the server, the client, the OpenAPI document and the tests derive from this table.
 * Bodies are JSON; errors are problem details (RFC 9457) whose `code` is one of {@link REJECTIONS}.
 */

import { z } from 'zod';
import { AGENT_ROUTES } from './agentRoutes.js';
import { BID_ROUTES } from './bidRoutes.js';
import { BROWSE_ROUTES } from './browseRoutes.js';
import { CHAIN_ROUTES } from './chainRoutes.js';
import { CIRCUIT_ROUTES } from './circuitRoutes.js';
import { witnessInputSchema } from './jobsFile.js';
import { LOG_ROUTES } from './logRoutes.js';
import {
  blockRequestSchema,
  blockWithdrawalSchema,
  giveUpSchema,
  proofSubmissionSchema,
  proverRegistrationSchema,
  signedSchema,
} from './messages.js';
import { POOL_ROUTES } from './poolRoutes.js';
import { DATED, page, type Route, route, SIGNATURE } from './route.js';
import {
  addressSchema,
  blockIdSchema,
  bytes32Schema,
  integerText,
  jobIdSchema,
  roundIdSchema,
  signatureSchema,
  weiSchema,
} from './units.js';
import {
  acceptedSchema,
  accountViewSchema,
  blockViewSchema,
  bundleViewSchema,
  duesViewSchema,
  jobViewSchema,
  marketViewSchema,
  PAGE_MAX,
  parametersViewSchema,
  postingViewSchema,
  progressViewSchema,
  roundDetailSchema,
  roundViewSchema,
  scoresViewSchema,
} from './views.js';

/** Largest block file or list of jobs, in bytes of JSON. */
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
  getParameters: route({
    method: 'GET',
    path: '/v1/parameters/:version',
    summary: 'The parameters of one version: a round keeps to those that were in force when it opened.',
    params: z.strictObject({ version: integerText(Number.MAX_SAFE_INTEGER) }),
    response: parametersViewSchema,
    rejections: ['notFound'],
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
  getScores: route({
    method: 'GET',
    path: '/v1/provers/:address/scores',
    summary:
      'How reliable a prover is on each circuit by the log, with all that this is calculated from, and the line.',
    params: z.strictObject({ address: addressSchema }),
    response: scoresViewSchema,
    rejections: [],
  }),
  ...CIRCUIT_ROUTES,
  submitBlock: route({
    method: 'POST',
    path: '/v1/blocks',
    summary:
      'Submits a block: transfers are executed again and cut into jobs, inputs of other circuits become one job each.',
    body: z.strictObject({ ...signedSchema(blockRequestSchema).shape, blockFile: z.unknown() }),
    bodyLimit: BLOCK_BODY_BYTES,
    response: z.strictObject({ ...acceptedSchema.shape, blockId: blockIdSchema, roundId: roundIdSchema }),
    rejections: [
      ...SIGNATURE,
      'blockHashMismatch',
      'invalidBlock',
      'tooManyJobs',
      'unknownCircuit',
      'artifactMissing',
      'unsupportedPolicy',
      'noChain',
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
  withdrawBlock: route({
    method: 'POST',
    path: '/v1/withdrawals',
    summary: 'Ends the jobs of a block that nobody has been awarded, with their escrow; awarded ones go on.',
    body: signedSchema(blockWithdrawalSchema),
    response: z.strictObject({ ...acceptedSchema.shape, jobIds: z.array(jobIdSchema).max(10_000) }),
    rejections: [...DATED, 'unknownBlock', 'notRequester', 'nothingToWithdraw'],
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
    summary:
      'The private input of a job, for its primary and its backup; while it is in the pool, for whoever may deliver.',
    auth: 'token',
    params: z.strictObject({ jobId: jobIdSchema }),
    response: z.strictObject({ inputHash: bytes32Schema, input: witnessInputSchema }),
    rejections: [
      'notLoggedIn',
      'loginExpired',
      'unknownJob',
      'notAssigned',
      'notEligible',
      'challengeNeeded',
      'unknownProver',
      'jobEnded',
      'unavailable',
    ],
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
  ...BID_ROUTES,
  ...BROWSE_ROUTES,
  ...POOL_ROUTES,
  ...CHAIN_ROUTES,
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
      'noPoolCommitment',
      'revealTooLate',
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
  ...AGENT_ROUTES,
  ...LOG_ROUTES,
} as const satisfies Record<string, Route>;

export type RouteName = keyof typeof ROUTES;
