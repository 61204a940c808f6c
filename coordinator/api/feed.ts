/**
 * The log as Server-Sent Events. One rule keeps it without gap and without repetition: every follower has a cursor,
 * the index of the next entry that it has not dealt with, and moves it over entries in their order only. Where the
 * entries come from does not matter: from the newest ones kept in memory for all followers together, or, for whoever
 * is behind them (after a reconnect, or through a slow connection), page by page from the database. Nothing is kept
 * for a single follower, so a slow one costs nothing.
 */
import type { ServerResponse } from 'node:http';
import type { CommittedEntry, Journal } from '#journal/journalPort.js';
import type { ApiLog } from './apiDeps.js';

/** Entries read from the database at a time. */
const PAGE_ENTRIES = 500;

/** Entries kept in memory for all followers, at most so many and of so many characters. */
const RECENT_ENTRIES_MAX = 4_096;
const RECENT_CHARS_MAX = 8 * 1024 * 1024;

/** Longest silence on a stream. */
const KEEP_ALIVE_MS = 10_000;

/** How often the log is looked at for entries that nobody announced. */
const POLL_MS = 1_000;

/** Characters that are handed to a socket before it is asked whether it can take more. */
const CHUNK_CHARS = 64 * 1024;

/** How long a stream that is ended may take to send what it has. */
const CUT_AFTER_MS = 500;

/** A follower with a filter is told its place after so many entries that it did not get. */
const SKIPPED_MAX = 256;

interface FeedEvent {
  index: number;
  type: string;
  text: string;
}

export interface FeedOptions {
  journal: Pick<Journal, 'onCommitted' | 'readEntries' | 'size'>;
  streamsMax: number;
  /** Streams of one address; no bound unless told. */
  streamsPerAddressMax?: number;
  log: ApiLog;
  /** {@link POLL_MS} unless told. */
  pollMs?: number;
}

/** All streams of one process. */
export class Feed {
  readonly #options: FeedOptions;
  readonly #followers = new Set<Follower>();
  readonly #streamsOf = new Map<string, number>();
  readonly #unsubscribe: () => void;
  /** The newest entries, without a gap. */
  #recent: FeedEvent[] = [];
  #recentChars = 0;
  /** Size of the log as a look at it showed, which may be ahead of what was announced. */
  #seenSize = 0;
  #poll: NodeJS.Timeout | undefined;

  constructor(options: FeedOptions) {
    this.#options = options;
    this.#unsubscribe = options.journal.onCommitted((entries) => this.#announce(entries));
  }

  /** False when there are as many streams as there may be, in all or from this address. */
  hasRoom(address: string | null = null): boolean {
    if (this.#followers.size >= this.#options.streamsMax) return false;
    const { streamsPerAddressMax = Number.POSITIVE_INFINITY } = this.#options;
    return address === null || (this.#streamsOf.get(address) ?? 0) < streamsPerAddressMax;
  }

  /**
   * Sends events until the connection ends.
   * @param from - index of the first entry to send; null for what comes from now on
   * @param types - entry types to send; null for all
   * @param address - whose share of the streams it takes; null for nobody's
   */
  follow(
    response: ServerResponse,
    from: number | null,
    types: ReadonlySet<string> | null,
    address: string | null = null,
  ): void {
    const cursor = from ?? this.#options.journal.size();
    const follower = new Follower(response, cursor, types, (at) => this.#pageFrom(at));
    this.#followers.add(follower);
    this.#count(address, 1);
    this.#poll ??= setInterval(() => this.#look(), this.#options.pollMs ?? POLL_MS).unref();
    follower
      .run()
      .catch((error: unknown) => this.#options.log.error('a feed broke off', { err: error }))
      .finally(() => {
        this.#followers.delete(follower);
        this.#count(address, -1);
        if (this.#followers.size > 0) return;
        clearInterval(this.#poll);
        this.#poll = undefined;
      });
  }

  /** Ends all streams: their clients come back with Last-Event-ID, here or elsewhere. */
  close(): void {
    this.#unsubscribe();
    for (const follower of this.#followers) follower.end();
  }

  #count(address: string | null, change: 1 | -1): void {
    if (address === null) return;
    const streams = (this.#streamsOf.get(address) ?? 0) + change;
    if (streams > 0) this.#streamsOf.set(address, streams);
    else this.#streamsOf.delete(address);
  }

  #announce(entries: readonly CommittedEntry[]): void {
    for (const { index, entry, leaf } of entries) {
      const last = this.#recent.at(-1);
      if (last && index <= last.index) continue;
      if (last && index > last.index + 1) this.#forgetRecent();
      const event = eventOf(index, entry.type, leaf);
      this.#recent.push(event);
      this.#recentChars += event.text.length;
    }
    this.#trimRecent();
    this.#wakeAll();
  }

  #forgetRecent(): void {
    this.#recent = [];
    this.#recentChars = 0;
  }

  /** Cuts the oldest half away when there is too much, so that the cost of cutting stays small. */
  #trimRecent(): void {
    if (this.#recent.length <= RECENT_ENTRIES_MAX && this.#recentChars <= RECENT_CHARS_MAX) return;
    while (this.#recent.length > RECENT_ENTRIES_MAX / 2 || this.#recentChars > RECENT_CHARS_MAX / 2) {
      const kept = this.#recent.slice(Math.ceil(this.#recent.length / 2));
      this.#recent = kept;
      this.#recentChars = kept.reduce((sum, { text }) => sum + text.length, 0);
      if (kept.length <= 1) return;
    }
  }

  #wakeAll(): void {
    for (const follower of this.#followers) follower.wake();
  }

  #size(): number {
    return Math.max(this.#options.journal.size(), this.#seenSize, (this.#recent.at(-1)?.index ?? -1) + 1);
  }

  /** One look for all followers: another replica may have written, and whatever tells us of it may have failed. */
  #look(): void {
    const size = this.#size();
    for (const follower of this.#followers) if (follower.cursor < size) follower.wake();
    this.#options.journal
      .readEntries(size, 1)
      .then((rows) => {
        if (rows.length === 0) return;
        this.#seenSize = Math.max(this.#seenSize, size + 1);
        this.#wakeAll();
      })
      .catch((error: unknown) => this.#options.log.error('the feed could not look at the log', { err: error }));
  }

  async #pageFrom(at: number): Promise<FeedEvent[]> {
    const [first] = this.#recent;
    if (first && at >= first.index && at < first.index + this.#recent.length) {
      return this.#recent.slice(at - first.index, at - first.index + PAGE_ENTRIES);
    }
    if (at >= this.#size()) return [];
    const rows = await this.#options.journal.readEntries(at, PAGE_ENTRIES);
    const last = rows.at(-1);
    if (last) this.#seenSize = Math.max(this.#seenSize, last.index + (rows.length < PAGE_ENTRIES ? 1 : 2));
    return rows.map(({ index, leaf }) => eventOf(index, (JSON.parse(leaf) as { type: string }).type, leaf));
  }
}

function eventOf(index: number, type: string, leaf: string): FeedEvent {
  return { index, type, text: `id: ${index}\nevent: ${type}\ndata: ${leaf}\n\n` };
}

/** One stream. */
class Follower {
  readonly #response: ServerResponse;
  readonly #types: ReadonlySet<string> | null;
  readonly #readPage: (at: number) => Promise<FeedEvent[]>;
  /** Index of the next entry that was not dealt with. */
  #cursor: number;
  #skipped = 0;
  #isEnded = false;
  #isWoken = false;
  #wake: () => void = () => undefined;

  constructor(
    response: ServerResponse,
    cursor: number,
    types: ReadonlySet<string> | null,
    readPage: (at: number) => Promise<FeedEvent[]>,
  ) {
    this.#response = response;
    this.#cursor = cursor;
    this.#types = types;
    this.#readPage = readPage;
    response.on('close', () => this.end());
    response.on('error', () => this.end());
    // A client that went before it got here fires no event any more, and would keep its place for ever.
    if (response.destroyed) this.end();
  }

  get cursor(): number {
    return this.#cursor;
  }

  wake(): void {
    this.#isWoken = true;
    this.#wake();
  }

  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#response.end();
    // A client that does not read would keep the connection, and the coordinator from stopping.
    const cut = setTimeout(() => this.#response.destroy(), CUT_AFTER_MS);
    this.#response.once('close', () => clearTimeout(cut));
    if (this.#response.closed) clearTimeout(cut);
    this.wake();
  }

  async run(): Promise<void> {
    try {
      // From now on a reconnect knows its place, even if nothing is sent before it breaks off.
      await this.#write(`retry: 1000\n${this.#placeText()}\n`);
      while (!this.#isEnded) {
        this.#isWoken = false;
        const events = await this.#readPage(this.#cursor);
        if (events.length > 0) await this.#send(events);
        else if (!this.#isWoken && !this.#isEnded && !(await this.#isWokenInTime())) {
          await this.#write(`:\n${this.#placeText()}\n`);
        }
      }
    } finally {
      this.end();
    }
  }

  async #send(events: readonly FeedEvent[]): Promise<void> {
    let chunk = '';
    for (const { index, type, text } of events) {
      if (this.#isEnded) return;
      if (index !== this.#cursor) throw new Error(`the feed was handed entry ${index} at ${this.#cursor}`);
      this.#cursor += 1;
      if (this.#types && !this.#types.has(type)) this.#skipped += 1;
      else {
        chunk += text;
        this.#skipped = 0;
      }
      if (this.#skipped > SKIPPED_MAX) chunk += `${this.#placeText()}\n`;
      if (chunk.length < CHUNK_CHARS) continue;
      await this.#write(chunk);
      chunk = '';
    }
    if (chunk !== '') await this.#write(chunk);
  }

  /** An id without data: browsers and our client keep it for Last-Event-ID and fire no event. */
  #placeText(): string {
    this.#skipped = 0;
    return this.#cursor > 0 ? `id: ${this.#cursor - 1}\n` : '';
  }

  async #write(text: string): Promise<void> {
    if (this.#isEnded || this.#response.write(text)) return;
    await new Promise<void>((resolve) => {
      const go = () => {
        this.#response.off('drain', go).off('close', go);
        resolve();
      };
      this.#response.on('drain', go).on('close', go);
    });
  }

  /** Waits for news, at most until the stream must say something. */
  async #isWokenInTime(): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const isWoken = await new Promise<boolean>((resolve) => {
      this.#wake = () => resolve(true);
      timer = setTimeout(() => resolve(false), KEEP_ALIVE_MS).unref();
    });
    clearTimeout(timer);
    this.#wake = () => undefined;
    return isWoken;
  }
}
