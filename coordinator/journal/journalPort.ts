/**
 * What the rest of the coordinator sees of the journal. `journal.ts` keeps these promises.
 */
import type { Command, SignedCommand } from '#market/command.js';
import type { MarketState } from '#market/state.js';
import type { Entry } from '#protocol/entries.js';
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
  /** Entries from an index on, oldest first. */
  readEntries(from: number, limit: number): Promise<{ index: number; leaf: string }[]>;
  /** The newest checkpoint, a signed note. */
  checkpoint(): Promise<string>;
  /** Hashes (hex) of the inclusion proof of an entry in the tree of `treeSize`; null when it is not in it. */
  inclusionProof(index: number, treeSize: number): Promise<{ leafHash: string; path: string[] } | null>;
  /** Hashes (hex) of the consistency proof; null when a size is not within the log. */
  consistencyProof(fromSize: number, toSize: number): Promise<string[] | null>;
  /** Signs bytes with the operator's Ed25519 key: receipts. */
  sign(bytes: Uint8Array): Uint8Array;
  close(): Promise<void>;
}
