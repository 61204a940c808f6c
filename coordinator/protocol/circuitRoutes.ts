import { z } from 'zod';
import { artifactSchema, protocolNameSchema, SAMPLES_MAX, sampleSchema } from './entries.js';
import { witnessInputSchema } from './jobsFile.js';
import {
  challengeRequestSchema,
  challengeSubmissionSchema,
  circuitRegistrationSchema,
  signedSchema,
} from './messages.js';
import { DATED, type Route, route, SIGNATURE } from './route.js';
import { addressSchema, bytes32Schema, integerText, unixMsSchema } from './units.js';
import { acceptedSchema, challengeViewSchema, circuitViewSchema, PAGE_MAX } from './views.js';

/** Largest piece of an upload, in bytes: all that a coordinator holds of a file at once. */
export const UPLOAD_PIECE_BYTES = 2 * 1024 * 1024;

/** Its length as base64. */
const UPLOAD_PIECE_TEXT_MAX = Math.ceil(UPLOAD_PIECE_BYTES / 3) * 4;

/** Most samples of a circuit that anybody registers. */
export const OWN_SAMPLES_MAX = 8;

const uploadViewSchema = z.strictObject({
  sha256: bytes32Schema,
  receivedBytes: z.int().min(0),
  /** True when all of it is there and has that hash. */
  complete: z.boolean(),
});
export type UploadView = z.infer<typeof uploadViewSchema>;

/** Circuits, their files, and the challenges of those who are new to them. */
export const CIRCUIT_ROUTES = {
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
    summary: 'Registers a circuit whose files were uploaded: they are held against its verification key once, here.',
    body: z.strictObject({
      ...signedSchema(circuitRegistrationSchema).shape,
      protocol: protocolNameSchema,
      verificationKey: z.unknown(),
      wasm: artifactSchema,
      zkey: artifactSchema,
      /** Inputs that anybody may see: the coordinator works out their public signals. */
      samples: z.array(witnessInputSchema).max(OWN_SAMPLES_MAX),
    }),
    bodyLimit: 1024 * 1024,
    response: acceptedSchema,
    rejections: [
      ...DATED,
      'invalidVerificationKey',
      'circuitExists',
      'tooManyCircuits',
      'artifactMissing',
      'circuitMismatch',
    ],
  }),
  getUpload: route({
    method: 'GET',
    path: '/v1/artifacts/:sha256/upload',
    summary: 'How much of an artifact this account has uploaded: where to go on.',
    auth: 'token',
    params: z.strictObject({ sha256: bytes32Schema }),
    response: uploadViewSchema,
    rejections: ['notLoggedIn', 'loginExpired'],
  }),
  uploadArtifact: route({
    method: 'POST',
    path: '/v1/artifacts/:sha256/upload',
    summary: 'Appends a piece to an artifact of a circuit to be registered. With the last one its hash is checked.',
    auth: 'token',
    params: z.strictObject({ sha256: bytes32Schema }),
    body: z.strictObject({
      /** Size of the whole file. */
      bytes: z
        .int()
        .min(1)
        .max(2 ** 40),
      /** Where the piece begins: what `receivedBytes` said last. */
      offset: z
        .int()
        .min(0)
        .max(2 ** 40),
      piece: z.base64().max(UPLOAD_PIECE_TEXT_MAX),
    }),
    bodyLimit: UPLOAD_PIECE_TEXT_MAX + 1_024,
    response: uploadViewSchema,
    rejections: [
      'notLoggedIn',
      'loginExpired',
      'insufficientFunds',
      'artifactTooLarge',
      'tooManyUploads',
      'uploadOffset',
      'artifactHashMismatch',
    ],
  }),
  getArtifact: route({
    method: 'GET',
    path: '/v1/artifacts/:sha256',
    summary: 'A witness generator or proving key, addressed by its SHA-256; resumable by Range.',
    params: z.strictObject({ sha256: bytes32Schema }),
    contentType: 'application/octet-stream',
    rejections: ['notFound'],
  }),
  getSample: route({
    method: 'GET',
    path: '/v1/circuits/:circuitId/samples/:index',
    summary: 'A sample of a circuit with its input: what challenge jobs are drawn from.',
    params: z.strictObject({ circuitId: bytes32Schema, index: integerText(SAMPLES_MAX - 1) }),
    response: z.strictObject({ ...sampleSchema.shape, input: witnessInputSchema }),
    rejections: ['unknownCircuit', 'notFound'],
  }),
  requestChallenge: route({
    method: 'POST',
    path: '/v1/challenges',
    summary: 'Draws the challenge job that a prover proves before it may bid on a circuit.',
    body: signedSchema(challengeRequestSchema),
    response: z.strictObject({
      ...acceptedSchema.shape,
      sampleIndex: z
        .int()
        .min(0)
        .max(SAMPLES_MAX - 1),
      dueMs: unixMsSchema,
    }),
    rejections: [...DATED, 'unknownProver', 'unknownCircuit', 'challengeNotNeeded', 'challengeOpen'],
  }),
  submitChallenge: route({
    method: 'POST',
    path: '/v1/challenges/submissions',
    summary: 'Delivers the zkProof of a challenge job: received when accepted, and judged soon after.',
    body: z.strictObject({
      ...signedSchema(challengeSubmissionSchema).shape,
      publicSignals: z.unknown(),
      zkProof: z.unknown(),
    }),
    bodyLimit: 64 * 1024,
    response: acceptedSchema,
    rejections: [...SIGNATURE, 'invalidZkProof', 'signalsMismatch', 'contentHashMismatch', 'challengeOver'],
  }),
  listChallenges: route({
    method: 'GET',
    path: '/v1/provers/:address/challenges',
    summary: 'The newest challenge of a prover for each circuit.',
    params: z.strictObject({ address: addressSchema }),
    response: z.strictObject({ challenges: z.array(challengeViewSchema).max(PAGE_MAX) }),
    rejections: [],
  }),
} as const satisfies Record<string, Route>;
