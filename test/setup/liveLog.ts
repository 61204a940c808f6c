/** The log of a live market, followed through its feed as any party would, across restarts of the coordinator. */
import type { Pool } from 'pg';
import { followFeed } from '#agent/client/feed.js';
import { ENTRY_SCHEMAS, type Entry, type EntryOf, type EntryType } from '#protocol/entries.js';
import { canonicalJson } from '#protocol/log/canonicalJson.js';
import { blockIdOf } from '#protocol/units.js';
import { until } from './liveProcess.js';

/** The block that an entry is about; null for those about none. */
export function blockOfEntry(entry: Entry): string | null {
  if ('blockId' in entry) return entry.blockId;
  if ('jobId' in entry) return blockIdOf(entry.jobId);
  if ('roundId' in entry) return blockIdOf(entry.roundId);
  if (entry.type === 'bidCommitted' || entry.type === 'bidOpened') return blockIdOf(entry.message.roundId);
  if (entry.type === 'proofReceived' || entry.type === 'gaveUp' || entry.type === 'poolCommitted') {
    return blockIdOf(entry.message.jobId);
  }
  return null;
}

/** Follows a market's feed from the moment it is made. */
export class LiveLog {
  /** What the feed brought, in the order in which it came. */
  readonly seen: { index: number; entry: Entry }[] = [];
  readonly #closing = new AbortController();
  #following: Promise<void> = Promise.resolve();

  /** Returns when the feed stands. */
  async follow(baseUrl: string): Promise<void> {
    let isConnected = false;
    this.#following = followFeed({
      baseUrl,
      fetch,
      types: Object.keys(ENTRY_SCHEMAS) as EntryType[],
      signal: this.#closing.signal,
      log: () => {},
      onEntry: (entry, index) => void this.seen.push({ index, entry }),
      onConnect: () => {
        isConnected = true;
      },
    });
    await until(() => isConnected, 'the feed');
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#following;
  }

  /** The entries of a block. */
  of(blockId: string): Entry[] {
    return this.seen.map(({ entry }) => entry).filter((entry) => blockOfEntry(entry) === blockId);
  }

  /** The entries of one type, of one block. */
  all<Type extends EntryType>(type: Type, blockId: string): EntryOf<Type>[] {
    return this.of(blockId).filter((entry) => entry.type === type) as EntryOf<Type>[];
  }

  /** Waits for the `count`-th entry of a type about a block. */
  async wait<Type extends EntryType>(
    type: Type,
    blockId: string,
    count = 1,
    withinMs = 90_000,
  ): Promise<EntryOf<Type>> {
    const look = () => this.all(type, blockId)[count - 1];
    return until(look, () => `${type} number ${count}; the block has ${this.#typesOf(blockId)}`, withinMs) as never;
  }

  #typesOf(blockId: string): string {
    return this.of(blockId)
      .map(({ type }) => type)
      .join(', ');
  }

  /** What is wrong with what the feed brought: a gap, a repetition, or an entry that the log does not have so. */
  async flaws(pool: Pool): Promise<string[]> {
    const flaws: string[] = [];
    const { rows } = await pool.query<{ index: string; leaf: string }>('SELECT index, leaf FROM entries');
    const leaves = new Map(rows.map(({ index, leaf }) => [Number(index), leaf]));
    for (const [place, { index, entry }] of this.seen.entries()) {
      const before = this.seen[place - 1];
      if (before && index !== before.index + 1) flaws.push(`I5: the feed went from ${before.index} to ${index}`);
      if (leaves.get(index) !== canonicalJson(entry)) flaws.push(`I5: entry ${index} is not what the feed said`);
    }
    return flaws;
  }
}
