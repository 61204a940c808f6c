/**
 * The feed of the log, one stream for the whole page. Whoever shows something is told of each new entry; after a break
 * the stream goes on at the entry behind the last one seen, so nothing is missed.
 */
import { ENTRY_SCHEMAS, type Entry, type EntryType } from '#protocol/entries.js';

/** A new entry with its place. Its shape is the coordinator's word: it says what to read again, and is not believed. */
export interface LiveEntry {
  index: number;
  type: EntryType;
  entry: Entry;
}

export type Connection = 'connecting' | 'live' | 'broken';

type Listener = (entry: LiveEntry) => void;

const RETRY_MS_MIN = 500;
const RETRY_MS_MAX = 8_000;

/** How far the stream may be behind what another answer has shown of the log, in milliseconds. */
const LAG_MS_MAX = 5_000;

class Live {
  connection: Connection = 'connecting';
  /** Index of the newest entry seen; null before the first. */
  newest: number | null = null;
  #source: EventSource | null = null;
  #retryMs = RETRY_MS_MIN;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #isStarted = false;
  readonly #listeners = new Set<Listener>();
  readonly #watchers = new Set<() => void>();

  /** Begins with what comes after the entries that the page has read. @param size - of the log */
  start(size: number): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    this.newest = size - 1;
    this.#open();
  }

  /**
   * Takes note of the log's size from another answer. Signs of life fire no event, so this is how a stream that died
   * without a word, as after a sleep of the machine, is found out.
   */
  expect(size: number): void {
    if (!this.#isStarted || size <= (this.newest ?? -1) + 1) return;
    const source = this.#source;
    setTimeout(() => {
      if (source && this.#source === source && (this.newest ?? -1) + 1 < size) this.#lose(source);
    }, LAG_MS_MAX);
  }

  onEntry(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Tells of changes of the connection and of the newest index. */
  onChange(watcher: () => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  #open(): void {
    const source = new EventSource(`/v1/feed?from=${(this.newest ?? -1) + 1}`);
    this.#source = source;
    source.onopen = () => {
      this.#retryMs = RETRY_MS_MIN;
      this.#become('live');
    };
    source.onerror = () => this.#lose(source);
    for (const type of Object.keys(ENTRY_SCHEMAS) as EntryType[]) {
      source.addEventListener(type, (event) => this.#take(type, event));
    }
  }

  #take(type: EntryType, { lastEventId, data }: MessageEvent<string>): void {
    const index = Number(lastEventId);
    if (this.newest !== null && index <= this.newest) return;
    this.newest = index;
    const live = { index, type, entry: JSON.parse(data) as Entry };
    for (const listener of this.#listeners) listener(live);
    this.#tell();
  }

  /** Opens the stream anew after a while; a closed one, or one that is answered with an error, does not by itself. */
  #lose(source: EventSource): void {
    source.close();
    if (this.#source !== source) return;
    this.#source = null;
    this.#become('broken');
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#open(), this.#retryMs);
    this.#retryMs = Math.min(RETRY_MS_MAX, this.#retryMs * 2);
  }

  #become(connection: Connection): void {
    this.connection = connection;
    this.#tell();
  }

  #tell(): void {
    for (const watcher of this.#watchers) watcher();
  }
}

export const live = new Live();
