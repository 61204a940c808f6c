import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { type Bid, bidSchema } from '#protocol/messages.js';

/** Bids that may wait to be opened; no further round is committed to before some are. */
export const UNOPENED_MAX = 1_000;

const fileSchema = z.strictObject({ bids: z.array(bidSchema).max(UNOPENED_MAX) });

/**
 * The bids that were committed to and not opened yet. They are in a file before their commitments leave the machine:
 * nobody else knows them, and what cannot be opened forfeits its deposit.
 */
export class UnopenedBids {
  readonly #path: string;
  #bids: readonly Bid[];

  /** Throws when there is a file that cannot be read: to go on without it would forfeit deposits. */
  constructor(path: string) {
    this.#path = path;
    this.#bids = readBids(path);
  }

  /** Those for a round, oldest first: a replaced one is kept until the round is over. */
  ofRound(roundId: string): Bid[] {
    return this.#bids.filter((bid) => bid.roundId === roundId);
  }

  roundIds(): string[] {
    return [...new Set(this.#bids.map(({ roundId }) => roundId))];
  }

  /** Writes a bid down. Throws when it cannot, or when there are as many as there may be: it must not be committed to. */
  keep(bid: Bid): void {
    if (this.#bids.length >= UNOPENED_MAX) throw new RangeError(`${UNOPENED_MAX} bids wait to be opened already`);
    this.#write([...this.#bids, bid]);
  }

  /** Forgets a round that is over. Never throws: a bid that stays on disk is looked at again at the next start. */
  drop(roundId: string): void {
    const kept = this.#bids.filter((bid) => bid.roundId !== roundId);
    if (kept.length === this.#bids.length) return;
    try {
      this.#write(kept);
    } catch {
      this.#bids = kept;
    }
  }

  /** In one step, and on the disk when it returns. */
  #write(bids: readonly Bid[]): void {
    const fresh = `${this.#path}.new`;
    mkdirSync(dirname(this.#path), { recursive: true });
    const file = openSync(fresh, 'w', 0o600);
    try {
      writeSync(file, `${JSON.stringify({ bids })}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(fresh, this.#path);
    this.#bids = bids;
  }
}

function readBids(path: string): readonly Bid[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  try {
    return fileSchema.parse(JSON.parse(text)).bids;
  } catch (error) {
    throw new Error(`${path} holds bids that must be opened and cannot be read; put it right or move it away`, {
      cause: error,
    });
  }
}
