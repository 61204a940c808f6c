/**
 * How a market's logs are linked. A market is a chain of logs, each a Merkle tree with an origin and a key of its own. A
 * log that goes on elsewhere ends with `logClosed`, which names the next one; the next one begins with `logOpened`, which
 * names what it follows by its signed checkpoint.
 */
import { z } from 'zod';
import { bytes32Schema, unixMsSchema } from './units.js';

/** Most logs of a market. */
export const LOGS_MAX = 1_000;

/** Longest reason for closing a log, in characters. */
export const LOG_REASON_MAX = 256;

/** Longest checkpoint that an entry names, in characters: an origin of 128, a size, a root, one signature. */
const CHECKPOINT_MAX = 1_024;

/** A log by its name and its key. */
export const logNameSchema = z.strictObject({
  /** The log's origin, which no other log of the market has or had. */
  origin: z
    .string()
    .min(1)
    .max(128)
    .regex(/^[^\s+]+$/, 'must be without spaces and plus signs'),
  /** The log's verifier key in the signed-note format. */
  logKey: z.string().min(1).max(256),
});
export type LogName = z.infer<typeof logNameSchema>;

/** Why a log follows another: the same operator goes on, or somebody carries the market on from an export. */
export const logCauseSchema = z.enum(['rotation', 'import']);
export type LogCause = z.infer<typeof logCauseSchema>;

/** The log before, as it ended. */
export const previousLogSchema = z.strictObject({
  ...logNameSchema.shape,
  /** Entries of its tree, `logClosed` included if it has one. */
  size: z.int().min(1),
  rootHash: bytes32Schema,
  /** Its last checkpoint, a note signed by its key. */
  checkpoint: z.string().max(CHECKPOINT_MAX),
});
export type PreviousLog = z.infer<typeof previousLogSchema>;

export const logClosedShape = {
  next: logNameSchema,
  /** Why, for people. */
  reason: z.string().min(1).max(LOG_REASON_MAX),
};

export const logOpenedShape = {
  /** Which log of the market it is, from 1. */
  number: z
    .int()
    .min(1)
    .max(LOGS_MAX - 1),
  cause: logCauseSchema,
  ...logNameSchema.shape,
  /** The market's name in messages that are signed from now on: another one after an import. */
  coordinatorId: bytes32Schema,
  previous: previousLogSchema,
  /** An import: how long nobody ran the market, by which due times of provers shift. */
  gapMs: unixMsSchema,
};

/** One log of a market, as it is listed. */
export const logViewSchema = z.strictObject({
  /** From 0. */
  number: z
    .int()
    .min(0)
    .max(LOGS_MAX - 1),
  ...logNameSchema.shape,
  /** Index in the market of its first entry. */
  firstIndex: z.int().min(0),
  /** Entries of its tree; null while it grows. */
  size: z.nullable(z.int().min(1)),
  /** Why the next one follows; null while there is none. */
  followedBy: z.nullable(logCauseSchema),
  /** True when its own last entry names the next one: the hand-over is the word of both. */
  isAnnounced: z.boolean(),
  /** When the next one began; null while there is none. */
  closedAtMs: z.nullable(unixMsSchema),
});
export type LogView = z.infer<typeof logViewSchema>;

export const logsViewSchema = z.strictObject({ logs: z.array(logViewSchema).min(1).max(LOGS_MAX) });
export type LogsView = z.infer<typeof logsViewSchema>;
