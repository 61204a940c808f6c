/** What is answered about the market's logs and their trees. */
import { z } from 'zod';
import { LOGS_MAX } from './logLink.js';
import { PAGE_MAX } from './views.js';

const count = z.int().min(0);
const hash = z.string().regex(/^[0-9a-f]{64}$/);
const logNumber = z
  .int()
  .min(0)
  .max(LOGS_MAX - 1);

export const inclusionViewSchema = z.strictObject({
  /** Index of the entry in the market. */
  index: count,
  /** Which log holds it, and where in its tree. */
  log: logNumber,
  leafIndex: count,
  treeSize: count,
  leafHash: hash,
  inclusionProof: z.array(hash).max(64),
  checkpoint: z.string().max(10_000),
});

export const consistencyViewSchema = z.strictObject({
  log: logNumber,
  fromSize: count,
  toSize: count,
  consistencyProof: z.array(hash).max(128),
});

/** Entries as they stand in the logs: `leaf` is the canonical JSON whose hash is in a tree. `treeSize` counts all of them. */
export const entriesViewSchema = z.strictObject({
  treeSize: count,
  entries: z.array(z.strictObject({ index: count, leaf: z.string() })).max(PAGE_MAX),
});
