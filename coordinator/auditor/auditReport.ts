/** What an audit has found: of a whole market, and of each of its logs. */
import type { LogCause, LogName } from '#protocol/logLink.js';
import type { AuditFlaw, AuditTally } from './auditChecks.js';

/** One log of a market, as it was read. */
export interface AuditedLog {
  origin: string;
  logKey: string;
  /** Index in the market of its first entry. */
  firstIndex: number;
  /** Entries of its tree. */
  size: number;
  /** The signed note of the checkpoint that it was read to. */
  note: string;
  /** How it follows the one before; null for the first, and where that could not be told. */
  follows: { cause: LogCause; isAnnounced: boolean } | null;
}

export interface AuditReport {
  ok: boolean;
  /** Name and key of the newest log. */
  origin: string | null;
  logKey: string | null;
  /** Entries of all logs. */
  size: number;
  /** Root hash of the newest log in hexadecimal, as recomputed. */
  rootHash: string;
  /** Its checkpoint's signed note. */
  note: string;
  /** All logs, oldest first. */
  logs: AuditedLog[];
  /** The log that the newest one was closed for, when that one could not be read. */
  goesOnAs: LogName | null;
  checks: AuditTally[];
  /** The first divergence in the log; null when there is none. */
  first: AuditFlaw | null;
  flaws: AuditFlaw[];
  /** Sizes of earlier checkpoints that the log was held against. */
  seenSizes: number[];
  /** Receipts that prove nothing against this log. */
  unusableReceipts: number;
  /** Signatures and zkProofs that were left out, by --sample or --since. */
  skipped: { signatures: number; zkProofs: number };
}
