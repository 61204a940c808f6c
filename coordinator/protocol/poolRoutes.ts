/** The routes by which provers take part in the pool. */
import { z } from 'zod';
import { poolCommitSchema, signedSchema } from './messages.js';
import { route, SIGNATURE } from './route.js';
import { acceptedSchema, jobViewSchema, PAGE_MAX } from './views.js';

export const POOL_ROUTES = {
  listPool: route({
    method: 'GET',
    path: '/v1/pool',
    summary: 'The jobs that are in the pool now, the nearest deadline first.',
    response: z.strictObject({ jobs: z.array(jobViewSchema).max(PAGE_MAX) }),
    rejections: [],
  }),
  commitToPool: route({
    method: 'POST',
    path: '/v1/pool/commitments',
    summary: 'Commits to a zkProof for a pooled job. Once this is accepted, submit it within poolRevealMs.',
    body: signedSchema(poolCommitSchema),
    response: acceptedSchema,
    rejections: [
      ...SIGNATURE,
      'unknownJob',
      'jobEnded',
      'poolClosed',
      'unknownProver',
      'notEligible',
      'challengeNeeded',
      'commitPending',
      'submissionPending',
      'poolFailures',
      'poolFull',
      'insufficientFunds',
    ],
  }),
} as const;
