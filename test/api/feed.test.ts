import { createServer, get, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Feed } from '#api/feed.js';
import type { CommittedEntry } from '#journal/journalPort.js';

/** A log that grows when told to; nothing of it is announced unless `announce` is called. */
class GrowingLog {
  readonly leaves: string[] = [];
  reads = 0;
  readonly #listeners = new Set<(entries: CommittedEntry[]) => void>();
  size = () => this.leaves.length;
  onCommitted = (listener: (entries: CommittedEntry[]) => void) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };
  readEntries = async (from: number, limit: number) => {
    this.reads += 1;
    return this.leaves.slice(from, from + limit).map((leaf, at) => ({ index: from + at, leaf }));
  };

  grow(count: number, padding = ''): CommittedEntry[] {
    return Array.from({ length: count }, () => {
      const index = this.leaves.length;
      const entry = { type: index % 3 === 0 ? 'bidPlaced' : 'deposited', index, padding };
      this.leaves.push(JSON.stringify(entry));
      return { index, entry: entry as never, leaf: this.leaves[index]! };
    });
  }

  announce(entries: CommittedEntry[]): void {
    for (const listener of this.#listeners) listener(entries);
  }
}

interface Reader {
  ids: number[];
  lastId: number;
  response: IncomingMessage;
  close(): void;
}

let log: GrowingLog;
let feed: Feed;
let server: Server;
let errors: string[];

beforeEach(async () => {
  log = new GrowingLog();
  errors = [];
  feed = new Feed({ journal: log, streamsMax: 10, pollMs: 20, log: { error: (message) => errors.push(message) } });
  server = createServer((request, response) => {
    const { searchParams } = new URL(request.url!, 'http://x');
    const types = searchParams.get('types');
    feed.follow(response, Number(searchParams.get('from')), types === null ? null : new Set([types]));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

afterEach(async () => {
  feed.close();
  await new Promise((resolve) => server.close(resolve));
  expect(errors).toEqual([]);
});

/** Follows the feed; `ids` are those of events with data, in order of arrival, `lastId` is what a reconnect would name. */
async function follow(from: number, types = ''): Promise<Reader> {
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}/?from=${from}${types && `&types=${types}`}`;
  const response = await new Promise<IncomingMessage>((resolve) => get(url, resolve));
  const reader: Reader = { ids: [], lastId: from - 1, response, close: () => void response.destroy() };
  let buffered = '';
  response.setEncoding('utf8').on('data', (text: string) => {
    buffered += text;
    for (let end = buffered.indexOf('\n\n'); end >= 0; end = buffered.indexOf('\n\n')) {
      const event = buffered.slice(0, end);
      buffered = buffered.slice(end + 2);
      const id = /^id: (\d+)$/m.exec(event)?.[1];
      if (id === undefined) continue;
      reader.lastId = Number(id);
      if (event.includes('\ndata: ')) reader.ids.push(Number(id));
    }
  });
  response.on('error', () => undefined);
  return reader;
}

async function until(isSo: () => boolean): Promise<void> {
  await expect.poll(isSo, { timeout: 20_000, interval: 2 }).toBe(true);
}

const upTo = (size: number, from = 0) => Array.from({ length: size - from }, (_, at) => from + at);

describe('the feed', () => {
  it('catches up page by page and goes on live', async () => {
    log.grow(1_234);
    const reader = await follow(0);
    await until(() => reader.ids.length === 1_234);
    log.announce(log.grow(10));
    await until(() => reader.ids.length === 1_244);
    expect(reader.ids).toEqual(upTo(1_244));
    reader.close();
  });

  it('finds entries that nobody announced', async () => {
    const reader = await follow(0);
    log.grow(700);
    await until(() => reader.ids.length === 700);
    log.grow(3);
    await until(() => reader.ids.length === 703);
    expect(reader.ids).toEqual(upTo(703));
    reader.close();
  });

  it('serves followers at the end of the log without reading it', async () => {
    log.grow(10);
    const readers = await Promise.all(upTo(8).map(() => follow(10)));
    const reads = log.reads;
    for (let time = 0; time < 20; time += 1) log.announce(log.grow(5));
    await until(() => readers.every(({ ids }) => ids.length === 100));
    expect(log.reads - reads).toBeLessThan(40);
    for (const reader of readers) {
      expect(reader.ids).toEqual(upTo(110, 10));
      reader.close();
    }
  });

  it('misses and repeats nothing over random disconnects, bursts and gaps in what is announced', async () => {
    const step = fc.record({
      grow: fc.integer({ min: 0, max: 900 }),
      announced: fc.boolean(),
      disconnect: fc.boolean(),
      filtered: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 8 }), async (steps) => {
        const from = log.size();
        let reader = await follow(from);
        const seen: number[] = [];
        for (const { grow, announced, disconnect } of steps) {
          const grown = log.grow(grow);
          if (announced) log.announce(grown);
          await new Promise((resolve) => setImmediate(resolve));
          if (!disconnect) continue;
          reader.close();
          seen.push(...reader.ids);
          reader = await follow(reader.lastId + 1);
        }
        await until(() => reader.lastId === log.size() - 1);
        seen.push(...reader.ids);
        reader.close();
        expect(seen).toEqual(upTo(log.size(), from));
      }),
      { numRuns: 15 },
    );
  });

  it('sends only the wanted types, and moves the id on all the same', async () => {
    log.grow(3_000);
    const reader = await follow(1, 'bidPlaced');
    await until(() => reader.lastId >= 2_997);
    expect(reader.ids).toEqual(upTo(3_000, 1).filter((index) => index % 3 === 0));
    reader.close();
    const none = await follow(0, 'roundCleared');
    await until(() => none.lastId > 2_500);
    expect(none.ids).toEqual([]);
    none.close();
  });

  it('keeps nothing for a follower that does not read, and lets it catch up', async () => {
    const reader = await follow(0);
    reader.response.pause();
    const before = process.memoryUsage().heapUsed + process.memoryUsage().external;
    for (let time = 0; time < 60; time += 1) {
      log.announce(log.grow(100, 'x'.repeat(5_000)));
      await new Promise((resolve) => setImmediate(resolve));
    }
    const logChars = log.leaves.reduce((sum, leaf) => sum + leaf.length, 0);
    const grown = process.memoryUsage().heapUsed + process.memoryUsage().external - before;
    expect(logChars).toBeGreaterThan(30_000_000);
    expect(grown).toBeLessThan(logChars + 25_000_000);
    reader.response.resume();
    await until(() => reader.ids.length === 6_000);
    expect(reader.ids).toEqual(upTo(6_000));
    reader.close();
  });

  it('ends its streams when it is closed, also those that do not read', async () => {
    log.grow(6_000, 'x'.repeat(5_000));
    const [reader, idle] = await Promise.all([follow(0), follow(6_000)]);
    reader.response.pause();
    const ended = new Promise((resolve) => idle.response.on('end', resolve));
    feed.close();
    await ended;
    await new Promise((resolve) => server.close(resolve));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });

  it('keeps no place for clients that were gone before they could be followed', async () => {
    const gone = createServer((request, response) => {
      const from = Number(new URL(request.url!, 'http://x').searchParams.get('from'));
      request.socket.destroy();
      response.once('close', () => setImmediate(() => feed.follow(response, from, null)));
    });
    await new Promise<void>((resolve) => gone.listen(0, '127.0.0.1', resolve));
    const { port } = gone.address() as AddressInfo;
    const ask = () =>
      new Promise<void>((resolve) => get(`http://127.0.0.1:${port}/?from=0`).on('error', () => resolve()));
    await Promise.all(Array.from({ length: 10 }, ask));
    await new Promise((resolve) => setTimeout(resolve, 50));
    await until(() => feed.hasRoom());
    await new Promise((resolve) => gone.close(resolve));
  });

  it('gives one address its share of the places and no more, and has it back', async () => {
    const few = new Feed({ journal: log, streamsMax: 10, streamsPerAddressMax: 2, log: { error: () => undefined } });
    const shared = createServer((_request, response) => few.follow(response, 0, null, '10.0.0.1'));
    await new Promise<void>((resolve) => shared.listen(0, '127.0.0.1', resolve));
    const { port } = shared.address() as AddressInfo;
    const [one] = await Promise.all(
      [1, 2].map(() => new Promise<IncomingMessage>((resolve) => get(`http://127.0.0.1:${port}/`, resolve))),
    );
    expect([few.hasRoom('10.0.0.1'), few.hasRoom('10.0.0.2'), few.hasRoom()]).toEqual([false, true, true]);
    one!.destroy();
    await until(() => few.hasRoom('10.0.0.1'));
    few.close();
    await new Promise((resolve) => shared.close(resolve));
  });
});
