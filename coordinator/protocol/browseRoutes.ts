/**
 * Reads for whoever looks at a market: jobs in brief, rounds and money of a block, provers. Part of the table of
 * routes; every answer is a page, so that a long log costs no more than a short one.
 */
import { z } from 'zod';
import { jobBriefSchema, postingGroupSchema, registeredProverSchema } from './browseViews.js';
import { page, type Route } from './route.js';
import { addressSchema, blockIdSchema } from './units.js';
import { PAGE_MAX, roundViewSchema } from './views.js';

const jobs = z.strictObject({ jobs: z.array(jobBriefSchema).max(PAGE_MAX) });

export const BROWSE_ROUTES = {
  listProvers: {
    method: 'GET',
    path: '/v1/provers',
    summary: 'Registered provers, newest first; `before` is the registeredAtMs of the last one seen.',
    query: z.strictObject(page),
    response: z.strictObject({ provers: z.array(registeredProverSchema).max(PAGE_MAX) }),
    rejections: [],
  },
  listJobBriefs: {
    method: 'GET',
    path: '/v1/jobs',
    summary: 'Jobs in brief, those of the newest block first; `before` is the submittedAtMs of the last one seen.',
    query: z.strictObject({ ...page, requester: z.optional(addressSchema) }),
    response: jobs,
    rejections: [],
  },
  listProverJobs: {
    method: 'GET',
    path: '/v1/provers/:address/jobs',
    summary:
      'Jobs in brief that a prover was awarded or has committed to in the pool, newest first; `before` is the last awardEntryIndex seen.',
    params: z.strictObject({ address: addressSchema }),
    query: z.strictObject(page),
    response: jobs,
    rejections: [],
  },
  listBlockRounds: {
    method: 'GET',
    path: '/v1/blocks/:blockId/rounds',
    summary: 'The rounds of a block without their bids, first to last.',
    params: z.strictObject({ blockId: blockIdSchema }),
    response: z.strictObject({ rounds: z.array(roundViewSchema).max(PAGE_MAX) }),
    rejections: ['notFound'],
  },
  listBlockPostings: {
    method: 'GET',
    path: '/v1/blocks/:blockId/postings',
    summary: 'What moved by the entries that touch the escrow of a block, bonds too, summed up by cause.',
    params: z.strictObject({ blockId: blockIdSchema }),
    response: z.strictObject({ postings: z.array(postingGroupSchema).max(PAGE_MAX) }),
    rejections: ['notFound'],
  },
} as const satisfies Record<string, Route>;
