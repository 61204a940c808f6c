/** What an audit is asked to do. */
import type { KeptReceipt } from '#protocol/bidReceipt.js';
import type { Entry } from '#protocol/entries.js';
import type { VerifierPool } from '#verifier/verifierPool.js';
import type { SeenCheckpoint } from './seenCheckpoints.js';

export interface AuditOptions {
  verifier: Pick<VerifierPool, 'verify'>;
  /** Threads that check signatures. */
  threads: number;
  /** Share of signatures and zkProofs that are checked, from 0 to 1. */
  share?: number;
  /** Signatures and zkProofs of this many first entries are taken as checked before. */
  trusted?: number;
  /** A checkpoint that was audited before: the same of all that lies before it, and its log must go on from it. */
  since?: SeenCheckpoint;
  /** False: tree and shape only. */
  replay?: boolean;
  receipts?: readonly KeptReceipt[];
  /** Verifier keys of cosigners whose signatures are asked for. */
  cosigners?: readonly string[];
  /** Checkpoints that the log must go on from: what this auditor saw of the log with this origin. */
  seen?: (origin: string) => SeenCheckpoint[];
  onEntry?: (entry: Entry, index: number) => void;
  onProgress?: (done: number, size: number) => void;
}
