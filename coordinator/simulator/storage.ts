/** What survives the coordinator's process: the durable log with what lies beside it in the database. */
import type { SignedCommand } from '#market/command.js';
import type { Entry } from '#protocol/entries.js';
import { canonicalJson } from '#protocol/log/canonicalJson.js';
import type { Bid } from '#protocol/messages.js';
import type { Hex } from '#protocol/units.js';

/** What a command is answered with; `unavailable` is no decision, the same message may be sent again. */
export type Answer =
  | { ok: true; firstIndex: number; entryCount: number; atMs: number }
  | { ok: false; code: string; atMs: number };

/** What one batch adds, all of it or nothing. */
export interface BatchWrites {
  entries: Entry[];
  answers: Map<Hex, Answer>;
  sealedBids: SignedCommand<Bid>[];
}

/** The database. */
export class Storage {
  /** The log: canonical JSON of its entries. */
  readonly leaves: string[] = [];
  /** The same entries, read back from their leaves. */
  readonly entries: Entry[] = [];
  /** First answers by digest. */
  readonly answers = new Map<Hex, Answer>();
  readonly sealedBids = new Map<Hex, SignedCommand<Bid>>();
  /** Last signs of life of agents by `job prover`, Unix milliseconds. */
  readonly heartbeats = new Map<string, number>();
  /** The coordinator's own last sign of life, Unix milliseconds. */
  lastSignMs: number | null = null;
  /** True while the database cannot be reached. */
  away = false;

  /** Commits a batch. @returns the entries as they were read back */
  commit({ entries, answers, sealedBids }: BatchWrites): Entry[] {
    const from = this.entries.length;
    for (const entry of entries) {
      const leaf = canonicalJson(entry);
      this.leaves.push(leaf);
      this.entries.push(JSON.parse(leaf) as Entry);
    }
    for (const [digest, answer] of answers) this.answers.set(digest, answer);
    for (const bid of sealedBids) this.sealedBids.set(bid.digest, bid);
    return this.entries.slice(from);
  }
}
