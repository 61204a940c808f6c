import { z } from 'zod';
import { artifactSchema, protocolNameSchema, SAMPLES_MAX, sampleSchema } from './entries.js';
import {
  challengeRequestSchema,
  challengeSubmissionSchema,
  circuitRegistrationSchema,
  signedSchema,
} from './messages.js';
import { chunkWitnessInputSchema } from './rollup/chunkWitness.js';
import { DATED, type Route, route, SIGNATURE } from './route.js';
import { addressSchema, bytes32Schema, integerText, unixMsSchema } from './units.js';
import { acceptedSchema, challengeViewSchema, circuitViewSchema, PAGE_MAX } from './views.js';

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
  getSample: route({
    method: 'GET',
    path: '/v1/circuits/:circuitId/samples/:index',
    summary: 'A sample of a circuit with its input: what challenge jobs are drawn from.',
    params: z.strictObject({ circuitId: bytes32Schema, index: integerText(SAMPLES_MAX - 1) }),
    response: z.strictObject({ ...sampleSchema.shape, input: chunkWitnessInputSchema }),
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
