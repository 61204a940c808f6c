import { describe, expect, it } from 'vitest';
import { backoffMs } from '#agent/backoff.js';
import { followFeed } from '#agent/client/feed.js';
import { until } from './agentFixtures.js';

const encode = (text: string) => new TextEncoder().encode(text);
const entry = {
  type: 'backupActivated',
  atMs: 1,
  jobId: `0x${'b1'.repeat(32)}.0`,
  prover: `0x${'0a'.repeat(20)}`,
  cause: 'startTime',
  expectedEndMs: null,
};

/** Answers each connection with the next text, then says nothing more or ends; keeps what was asked for. */
function serving(texts: readonly string[], ends: boolean) {
  const asked: (string | null)[] = [];
  const connect = async (_url: unknown, init?: RequestInit) => {
    asked.push(new Headers(init?.headers).get('last-event-id'));
    const text = texts[asked.length - 1] ?? '';
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(encode(text));
        if (ends) controller.close();
        init?.signal?.addEventListener('abort', () => controller.error(init.signal?.reason));
      },
    });
    return new Response(body);
  };
  return { asked, fetch: connect as typeof fetch };
}

function follow(fetching: typeof fetch, silenceMs: number) {
  const stop = new AbortController();
  const seen: number[] = [];
  const unreadable: unknown[] = [];
  const running = followFeed({
    baseUrl: 'http://coordinator.test',
    fetch: fetching,
    types: ['backupActivated'],
    signal: stop.signal,
    log: (event, fields) => event === 'entryUnreadable' && unreadable.push(fields?.index),
    onEntry: (_entry, index) => seen.push(index),
    onConnect: () => {},
    random: () => 0.99,
    silenceMs,
  });
  const end = () => {
    stop.abort();
    return running;
  };
  return { seen, unreadable, stop: end };
}

describe('the feed', () => {
  it('goes on behind the last place it was told of, with or without an entry, and passes by what it cannot read', async () => {
    const data = JSON.stringify(entry);
    const texts = [
      `id: 4\n\n`,
      `id: 5\ndata: ${data}\n\nid: 6\ndata: {"type":"news"}\n\nid: 9\n\n`,
      `id: 10\ndata: ${data}\n`,
    ];
    const { asked, fetch } = serving(texts, true);
    const feed = follow(fetch, 1_000);
    await until(() => asked.length >= 4, 'the fourth connection');
    await feed.stop();
    expect(asked.slice(0, 4)).toEqual([null, '4', '9', '9']);
    expect(feed.seen).toEqual([5]);
    expect(feed.unreadable).toEqual([6]);
  });

  it('connects again when it hears nothing for too long', async () => {
    const { asked, fetch } = serving([': hello\n\n'], false);
    const feed = follow(fetch, 30);
    await until(() => asked.length >= 2, 'the second connection');
    await feed.stop();
  });
});

it('waits longer and longer, up to five seconds, less a random part of at most half', () => {
  expect([1, 2, 3, 6, 100].map((attempt) => backoffMs(attempt, 0))).toEqual([200, 400, 800, 5_000, 5_000]);
  expect(backoffMs(100, 0.999_999)).toBe(2_500);
});
