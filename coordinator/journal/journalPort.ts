/**
 * What the rest of the coordinator sees of the journal. `journal.ts` keeps these promises.
 */
import type { Command, SignedCommand } from '#market/command.js';
import type { MarketState } from '#market/state.js';
import type { Entry, EntryType } from '#protocol/entries.js';
import type { LogName, LogView } from '#protocol/logLink.js';
import type { Bid } from '#protocol/messages.js';
import type { Rejection } from '#protocol/rejections.js';
import type { Hex } from '#protocol/units.js';
import type { Accepted } from '#protocol/views.js';

/** An entry that is durable, with its place and its canonical JSON. */
export interface CommittedEntry {
  index: number;
  entry: Entry;
  leaf: string;
}

/** What an executed command led to, known only once it is durable. */
export type Outcome = { ok: true; accepted: Accepted } | { ok: false; rejection: Rejection };

/** Private data that a command stores beside the log, in the same transaction. */
export interface PrivateRows {
  /** Witness inputs of a submitted block, in the order of its jobs. */
  jobInputs?: unknown[];
  /** Public signals and zkProof of a challenge. */
  challengeProof?: { publicSignals: string[]; zkProof: Record<string, unknown> };
}

/** A log with its newest checkpoint, a signed note. */
export interface LogTree {
  view: LogView;
  checkpoint: string;
}

export interface Journal {
  /**
   * Executes a command: decided, written and durable before the answer. A command with a digest that was executed
   * before gets the first answer again. Throws an operational error (retryable) when the database fails.
   * @param digest - the idempotency key; null for commands that are idempotent by their rules (wake-ups)
   */
  execute(command: Command, digest: Hex | null, privateRows?: PrivateRows): Promise<Outcome>;
  /** The live state as of the last batch of this process: read, never change. Completed blocks are not in it. */
  state(): MarketState;
  /** Size of the log as this process knows it. */
  size(): number;
  /** Calls back after every commit seen by this process, in the order of the log; returns how to stop. */
  onCommitted(listener: (entries: CommittedEntry[]) => void): () => void;
  /** Folds what other replicas have committed since the last batch; cheap when there is nothing. */
  catchUp(): Promise<void>;
  /** The sealed bids with these digests, in any order; those of cleared rounds are gone. */
  sealedBids(digests: Hex[]): Promise<SignedCommand<Bid>[]>;
  /** Entries from an index on, oldest first; of one type only, if it is named. */
  readEntries(from: number, limit: number, type?: EntryType): Promise<{ index: number; leaf: string }[]>;
  /** All logs of the market, oldest first, as they stand in the database; the last one is the present one. */
  logs(): Promise<LogTree[]>;
  /** The newest checkpoint of the present log, a signed note. */
  checkpoint(): Promise<string>;
  /** Hashes (hex) of the inclusion proof of a log's leaf in its tree of `treeSize`; null when it is not in it. */
  inclusionProof(log: number, index: number, treeSize: number): Promise<{ leafHash: string; path: string[] } | null>;
  /** Hashes (hex) of the consistency proof of a log; null when a size is not within it. */
  consistencyProof(log: number, fromSize: number, toSize: number): Promise<string[] | null>;
  /** Signs bytes with the Ed25519 key of one of the market's logs: receipts. Null when this machine does not have it. */
  sign(log: LogName, bytes: Uint8Array): Uint8Array | null;
  /** Closes the log and opens the next one, in one transaction. Throws as {@link execute} does. */
  rotate(next: LogName, reason: string): Promise<Outcome>;
  close(): Promise<void>;
}
