/** Why a bid won or lost: one typed explanation for each bid of a cleared round, with the figures that decided. */
import { z } from 'zod';
import { unixMsSchema, weiSchema } from './units.js';

const count = z.int().min(0).max(10_000);

/** What an award may lack, best effort: a backup, the success asked for, the owner's share, a newcomer's backup. */
export const unmetDemandSchema = z.enum(['backup', 'success', 'ownerShare', 'establishedBackup']);
export type UnmetDemand = z.infer<typeof unmetDemandSchema>;

/** Why a prover may not win at all. */
export const ineligibleSchema = z.enum(['notAllowed', 'belowScoreLine', 'notChallenged']);
export type Ineligible = z.infer<typeof ineligibleSchema>;

const one = <Code extends string, Shape extends z.ZodRawShape>(code: Code, shape: Shape) =>
  z.strictObject({ code: z.literal(code), ...shape });

export const explanationSchema = z.discriminatedUnion('code', [
  one('wonPrimary', { primaryJobs: count }),
  one('wonBackup', { backupJobs: count }),
  one('wonBoth', { primaryJobs: count, backupJobs: count }),
  one('ineligible', { why: ineligibleSchema }),
  one('expired', { expiresAtMs: unixMsSchema, closesAtMs: unixMsSchema }),
  one('aboveMaxPrice', { priceWei: weiSchema, maxPriceWei: weiSchema }),
  /** It would have been done at `finishMs`, and had to be by `dueMs`. */
  one('notInTime', { finishMs: unixMsSchema, dueMs: unixMsSchema }),
  one('noBond', { needsWei: weiSchema, hasWei: weiSchema }),
  /** A newcomer holds one job at a time. */
  one('newcomerHolds', { heldJobs: z.int().min(1) }),
  /** Its owner has its share of the round already, and others can take the rest. */
  one('shareCap', { ownerJobs: count, capJobs: count }),
  /** It does not meet these demands, and others do. */
  one('demandUnmet', { unmet: z.array(unmetDemandSchema).min(1).max(4) }),
  /** By how much its price (as primary) or its standby price (as backup) was too high for the round's dearest job. */
  one('outbid', { seat: z.enum(['primary', 'backup']), byWei: weiSchema }),
  /** Award "fastest": it would have been done at `finishMs`, the slowest winner at `slowestMs`. */
  one('slower', { finishMs: unixMsSchema, slowestMs: unixMsSchema }),
  /** Nothing that it could be sold as is worth its cost; alone it is expected to cost `costWei`. */
  one('notWorthIt', { costWei: weiSchema, missCostWei: weiSchema }),
]);
export type Explanation = z.infer<typeof explanationSchema>;
