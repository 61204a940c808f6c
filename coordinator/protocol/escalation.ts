/** What becomes of jobs that nobody has bought: the typed reasons, and the steps with their counts. */
import { z } from 'zod';
import { jobIdSchema } from './units.js';

/** Why a job of a round got no award. */
export const noAwardReasonSchema = z.enum([
  'noBids',
  'noneEligible',
  'allAboveMaxPrice',
  'noCapacity',
  'noneInTime',
  'noBond',
  'notWorthIt',
]);
export type NoAwardReason = z.infer<typeof noAwardReasonSchema>;

/** Why the pool brought an unsold job no zkProof. */
export const noPoolReasonSchema = z.enum(['noPoolCommit', 'noPoolReveal', 'noPoolProof']);
export type NoPoolReason = z.infer<typeof noPoolReasonSchema>;

/** Why a job that waited for others was never auctioned. */
export const dependencyReasonSchema = z.enum(['predecessorExpired', 'readyTooLate']);
export type DependencyReason = z.infer<typeof dependencyReasonSchema>;

/** Why a job ended without a zkProof. */
export const expiryReasonSchema = z.enum([
  ...noAwardReasonSchema.options,
  ...noPoolReasonSchema.options,
  ...dependencyReasonSchema.options,
  'withdrawn',
  'deadlinePassed',
  'unsatisfiable',
]);
export type ExpiryReason = z.infer<typeof expiryReasonSchema>;

/** What was there when unsold jobs went a step further: the bids of a round, or the commitments of a pool. */
export const escalationCountsSchema = z.strictObject({
  /** Bids that were opened; each stands in one of the eleven counts below, by its explanation. */
  bids: z.int().min(0),
  won: z.int().min(0),
  expired: z.int().min(0),
  ineligible: z.int().min(0),
  aboveMaxPrice: z.int().min(0),
  notInTime: z.int().min(0),
  noBond: z.int().min(0),
  newcomerHolds: z.int().min(0),
  shareCap: z.int().min(0),
  demandUnmet: z.int().min(0),
  outbid: z.int().min(0),
  notWorthIt: z.int().min(0),
  /** Commitments to the pooled job; those that were never revealed; those whose zkProof was invalid. */
  commits: z.int().min(0),
  unrevealed: z.int().min(0),
  invalid: z.int().min(0),
});
export type EscalationCounts = z.infer<typeof escalationCountsSchema>;

/** A step of unsold jobs: where they go, and why they are unsold. */
export const escalationSchema = z.strictObject({
  next: z.enum(['round', 'pool', 'expiry']),
  jobIds: z.array(jobIdSchema).min(1).max(10_000),
  /** How many of the jobs were unsold for which reason. */
  reasons: z
    .array(z.strictObject({ reason: expiryReasonSchema, jobs: z.int().min(1) }))
    .min(1)
    .max(16),
  counts: escalationCountsSchema,
});
export type Escalation = z.infer<typeof escalationSchema>;
