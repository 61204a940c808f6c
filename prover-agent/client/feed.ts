import { pathOf } from '#protocol/client.js';
import { type Entry, type EntryOf, type EntryType, parseEntry } from '#protocol/entries.js';
import { EventStreamParser } from '#protocol/eventStream.js';
import { ROUTES } from '#protocol/routes.js';
import { BACKOFF_MS, backoffMs, pause } from '../backoff.js';
import { type AgentLog, messageOf } from '../log.js';

/** Silence after which a connection is given up; the coordinator says something every 10 s. */
export const FEED_SILENCE_MS = 30_000;

export interface FeedOptions<Type extends EntryType> {
  baseUrl: string;
  fetch: typeof fetch;
  types: readonly Type[];
  signal: AbortSignal;
  log: AgentLog;
  /** Called with every entry of these types in the order of the log, with its index. */
  onEntry(entry: EntryOf<Type>, index: number): void;
  /** Called when a connection stands, before its first entry: the moment to catch up with what a feed does not tell. */
  onConnect(): void;
  random?: () => number;
  silenceMs?: number;
}

/**
 * Follows the log's feed until aborted. Reconnects for ever, and goes on behind the last entry it has seen, so that
 * nothing is missed. Never throws.
 */
export async function followFeed<Type extends EntryType>(options: FeedOptions<Type>): Promise<void> {
  const state = { lastId: null as string | null, failures: 0 };
  while (!options.signal.aborted) {
    try {
      await readOnce(options, state);
    } catch (error) {
      if (!options.signal.aborted) options.log('feedLost', { reason: messageOf(error) });
    }
    state.failures += 1;
    await pause(backoffMs(state.failures, (options.random ?? Math.random)()), options.signal);
  }
}

async function readOnce<Type extends EntryType>(
  options: FeedOptions<Type>,
  state: { lastId: string | null; failures: number },
): Promise<void> {
  const watchdog = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(() => watchdog.abort(new Error('the feed fell silent')), options.silenceMs ?? FEED_SILENCE_MS);
  };
  heard();
  try {
    const headers: Record<string, string> = { accept: 'text/event-stream' };
    if (state.lastId !== null) headers['last-event-id'] = state.lastId;
    const url = options.baseUrl + pathOf(ROUTES.followFeed, {}, { types: options.types.join(',') });
    const signal = AbortSignal.any([options.signal, watchdog.signal]);
    const response = await options.fetch(url, { headers, signal });
    if (!response.ok || !response.body) throw new Error(`the feed answered ${response.status}`);
    options.log('feedConnected', { afterIndex: state.lastId });
    options.onConnect();
    const parser = new EventStreamParser();
    const connectedMs = performance.now();
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      heard();
      for (const { id, data } of parser.push(chunk)) {
        state.failures = 0;
        if (id !== null) handOver(options, id, data);
      }
      // Something that answers and hangs up, like a proxy in trouble, is not to be asked five times a second.
      if (performance.now() - connectedMs > BACKOFF_MS.longest) state.failures = 0;
      // Ids come without data too: they tell how far the log is, past entries of types that nobody asked for.
      state.lastId = parser.lastId ?? state.lastId;
    }
    throw new Error('the feed ended');
  } finally {
    clearTimeout(timer);
    watchdog.abort();
  }
}

/** Hands an entry over. One that this version cannot read, or has not asked for, is passed by: it must not stop the agent. */
function handOver<Type extends EntryType>(options: FeedOptions<Type>, id: string, data: string): void {
  const index = Number(id);
  if (!Number.isSafeInteger(index) || index < 0) return;
  let entry: Entry;
  try {
    entry = parseEntry(JSON.parse(data));
  } catch (error) {
    options.log('entryUnreadable', { index, reason: messageOf(error).slice(0, 300) });
    return;
  }
  if (isOf(entry, options.types)) options.onEntry(entry, index);
}

function isOf<Type extends EntryType>(entry: Entry, types: readonly Type[]): entry is EntryOf<Type> {
  return (types as readonly EntryType[]).includes(entry.type);
}
