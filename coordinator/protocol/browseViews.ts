/** What the routes of browseRoutes.ts answer: see views.ts for the conventions. */
import { z } from 'zod';
import { postingSchema } from './ledger.js';
import { addressSchema, labelSchema, unixMsSchema, weiSchema } from './units.js';
import { jobViewSchema } from './views.js';

/** A registered prover. */
export const registeredProverSchema = z.strictObject({
  prover: addressSchema,
  owner: addressSchema,
  name: labelSchema,
  registeredAtMs: unixMsSchema,
});
export type RegisteredProver = z.infer<typeof registeredProverSchema>;

/** A job without its signals, submissions and pool, and where it stands in the lists that it is paged by. */
export const jobBriefSchema = z.strictObject({
  ...jobViewSchema.omit({ publicSignals: true, inputHash: true, submissions: true, pool: true }).shape,
  requester: addressSchema,
  /** When its block was submitted. */
  submittedAtMs: unixMsSchema,
  /** When the zkProof that was accepted came in; null before. */
  receivedAtMs: z.nullable(unixMsSchema),
  /** Whose zkProof that was; null before. */
  deliverer: z.nullable(addressSchema),
  /** What it earned, when it came from the pool. */
  poolPriceWei: z.nullable(weiSchema),
  /** The entry that awarded it, or took the prover's newest commitment to its pool; null where nobody asked for it. */
  awardEntryIndex: z.nullable(z.int().min(0)),
});
export type JobBrief = z.infer<typeof jobBriefSchema>;

/** Postings of one block that share account and cause. */
export const postingGroupSchema = z.strictObject({
  ...postingSchema.shape,
  /** How many postings. */
  count: z.int().min(1),
  /** The first and the last entry that has one of them. */
  firstIndex: z.int().min(0),
  lastIndex: z.int().min(0),
});
export type PostingGroup = z.infer<typeof postingGroupSchema>;
