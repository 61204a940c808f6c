/**
 * The feed of the log, one stream for the whole page. Whoever shows something is told of each new entry; after a break
 * the stream goes on at the entry behind the last one seen, so nothing is missed. It is read by `fetch`, because an
 * EventSource tells of no entry whose type it was not asked for, and of no sign of life.
 */
import { EventStreamParser } from '#protocol/eventStream.js';

/** A new entry with its place. Its shape is the coordinator's word: it says what to read again, and is not believed. */
export interface LiveEntry {
  index: number;
  /** Of the table of entries, unless the market is newer than this page. */
  type: string;
  entry: Record<string, unknown>;
}

/** `paused`: the page is hidden. */
export type Connection = 'connecting' | 'live' | 'broken' | 'paused';

type Listener = (entry: LiveEntry) => void;

const RETRY_MS_MIN = 500;
const RETRY_MS_MAX = 8_000;

/** Silence after which a stream is taken to be dead, as after a sleep of the machine: it says something every 10 s. */
const SILENCE_MS_MAX = 25_000;

class Live {
  connection: Connection = 'connecting';
  /** Index of the newest entry seen; null before the first. */
  newest: number | null = null;
  #log: string | null = null;
  #stream: AbortController | null = null;
  #retryMs = RETRY_MS_MIN;
  #retry: ReturnType<typeof setTimeout> | undefined;
  readonly #listeners = new Set<Listener>();
  readonly #watchers = new Set<() => void>();

  /**
   * Follows a log from what the page has read of it. Another log than before is followed from its own end, and so is one
   * that was rolled back: what is to come of it has numbers that were seen before.
   * @param log - what tells it from others
   * @param size - as the coordinator told it
   * @param seen - the newest entry seen when it was asked
   */
  follow(log: string, size: number, seen: number | null): void {
    if (this.#log === null) document.addEventListener('visibilitychange', () => this.#heed());
    if (this.#log === log && size > (seen ?? -1)) return;
    // What is shown is of another log: views read anew when the stream stands again.
    if (this.#log !== null) this.#become('broken');
    this.#log = log;
    this.newest = size - 1;
    this.#close();
    this.#open();
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

  /** A hidden page holds no stream: a browser has six connections for all pages of one address. */
  #heed(): void {
    if (document.hidden === (this.connection === 'paused')) return;
    this.#close();
    if (!document.hidden) this.#become('connecting');
    this.#open();
  }

  #open(): void {
    if (document.hidden) {
      this.#become('paused');
      return;
    }
    const stream = new AbortController();
    this.#stream = stream;
    const lose = () => this.#lose(stream);
    this.#read(stream).then(lose, lose);
  }

  /** Reads until the stream ends, or is silent for too long. */
  async #read(stream: AbortController): Promise<void> {
    let silence = setTimeout(() => stream.abort(), SILENCE_MS_MAX);
    try {
      const from = (this.newest ?? -1) + 1;
      const { ok, body } = await fetch(`/v1/feed?from=${from}`, { signal: stream.signal, cache: 'no-store' });
      if (!ok || !body) return;
      this.#retryMs = RETRY_MS_MIN;
      this.#become('live');
      const parser = new EventStreamParser();
      const reader = body.getReader();
      for (let read = await reader.read(); read.value; read = await reader.read()) {
        clearTimeout(silence);
        silence = setTimeout(() => stream.abort(), SILENCE_MS_MAX);
        for (const { id, event, data } of parser.push(read.value)) {
          if (this.#stream === stream) this.#take(Number(id), event, data);
        }
      }
    } finally {
      clearTimeout(silence);
      stream.abort();
    }
  }

  #take(index: number, type: string, data: string): void {
    if (!Number.isSafeInteger(index) || (this.newest !== null && index <= this.newest)) return;
    this.newest = index;
    const live = { index, type, entry: JSON.parse(data) as LiveEntry['entry'] };
    for (const listener of this.#listeners) listener(live);
    this.#tell();
  }

  /** Opens the stream anew after a while. */
  #lose(stream: AbortController): void {
    if (this.#stream !== stream) return;
    this.#close();
    this.#become('broken');
    this.#retry = setTimeout(() => this.#open(), this.#retryMs);
    this.#retryMs = Math.min(RETRY_MS_MAX, this.#retryMs * 2);
  }

  #close(): void {
    clearTimeout(this.#retry);
    const stream = this.#stream;
    this.#stream = null;
    stream?.abort();
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
