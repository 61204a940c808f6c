import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { Pool } from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Bell, type BellQueue, type BellQueueOptions, createBellQueue } from '#queue/bellQueue.js';
import { createTestDatabase } from '../setup/database.js';
import { kill, type Server, startPostgres, startRedis } from './queueServers.js';

const WORKER = `
  import { createBellQueue } from '#queue/bellQueue.js';
  const queue = await createBellQueue(JSON.parse(process.argv[1]));
  await queue.start(async () => { console.log('ringing'); await new Promise(() => {}); }, { concurrency: 1 });
`;

const hasRedis = spawnSync('redis-server', ['--version']).status === 0;
if (!hasRedis) console.log('The Redis half of the queue suite is skipped: there is no redis-server on the PATH.');

const BACKENDS = [
  { name: 'postgres', startServer: startPostgres, available: true },
  { name: 'redis', startServer: startRedis, available: hasRedis },
];

describe.each(BACKENDS.filter((backend) => backend.available))('bells on $name', ({ name, startServer }) => {
  let server: Server;
  let cleanUps: (() => Promise<void>)[] = [];
  let prefixes = 0;
  let prefix = '';

  beforeAll(async () => {
    server = await startServer();
  });
  afterAll(() => server.stop());
  afterEach(async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp();
    cleanUps = [];
    prefix = '';
  });

  /** All queues of one test share their bells; each test has its own. */
  async function openQueue(options: Partial<BellQueueOptions> = {}): Promise<BellQueue> {
    prefix ||= `test-${++prefixes}`;
    const queue = await createBellQueue({ ...server.connection, prefix, ...options });
    cleanUps.push(queue.close);
    return queue;
  }

  test('a bell rings once, not early, with all that it was given', async () => {
    const queue = await openQueue();
    const bell = { kind: 'closeRound', key: 'round:7/ü', dueMs: Date.now() + 300 };
    const rang = collect(1);
    await queue.start(rang.handler, { concurrency: 2 });
    await queue.ring([bell]);
    await rang.all;
    expect(Date.now()).toBeGreaterThanOrEqual(bell.dueMs);
    expect(rang.bells).toEqual([bell]);
    expect(queue.backend).toBe(name);
  });

  test('a bell that is overdue rings at once; the delay is counted on the clock that was given', async () => {
    const queue = await openQueue({ nowMs: () => 5_000 });
    const rang = collect(2);
    await queue.start(rang.handler, { concurrency: 2 });
    await queue.ring([bellOf('past', 10), bellOf('now', 5_000), bellOf('far', 5_000 + 3_600_000)]);
    await rang.all;
    expect(rang.keys()).toEqual(['now', 'past']);
    expect(await settledCounts(queue)).toEqual({ waiting: 0, delayed: 1, active: 0, failed: 0 });
  });

  test('equal bells are one bell; another time, key or kind is another bell', async () => {
    const queue = await openQueue();
    const dueMs = Date.now() + 3_600_000;
    const bell = { kind: 'closeRound', key: 'a', dueMs };
    await queue.ring([bell, bell]);
    await queue.ring([{ ...bell }]);
    expect((await queue.counts()).delayed).toBe(1);
    await queue.ring([
      { ...bell, dueMs: dueMs + 1 },
      { ...bell, key: 'b' },
      { ...bell, kind: 'expireJob' },
    ]);
    expect((await queue.counts()).delayed).toBe(4);
  });

  test('a bell that has rung can be rung again', async () => {
    const queue = await openQueue();
    const bell = bellOf('again');
    const first = collect(1);
    const second = collect(1);
    let current = first;
    await queue.start((rung) => current.handler(rung), { concurrency: 1 });
    await queue.ring([bell]);
    await first.all;
    await settledCounts(queue);
    current = second;
    await queue.ring([bell]);
    await second.all;
    expect(second.bells).toEqual([bell]);
  });

  test('a failing handler is tried again, and given up after the last attempt', async () => {
    const errors: string[] = [];
    const log = { info: () => {}, warn: () => {}, error: (_fields: object, message: string) => errors.push(message) };
    const queue = await openQueue({ attemptsMax: 3, retryDelayMs: 10, log });
    const attempts = new Map<string, number>();
    const rang = collect(5);
    const handler = async (bell: Bell) => {
      const attempt = (attempts.get(bell.key) ?? 0) + 1;
      attempts.set(bell.key, attempt);
      await rang.handler(bell);
      if (bell.key === 'hopeless' || attempt < 2) throw new Error('not now');
    };
    await queue.start(handler, { concurrency: 1 });
    await queue.ring([bellOf('second time lucky'), bellOf('hopeless')]);
    await rang.all;
    expect(await settledCounts(queue)).toEqual({ waiting: 0, delayed: 0, active: 0, failed: 0 });
    expect(Object.fromEntries(attempts)).toEqual({ 'second time lucky': 2, hopeless: 3 });
    await queue.close();
    expect(errors).toEqual(['bell given up after its last attempt']);
  });

  test('2,000 bells all ring, shared by two workers', async () => {
    const queues = [await openQueue(), await openQueue()];
    const dueMs = Date.now();
    const bells = Array.from({ length: 2_000 }, (_, index) => ({
      ...bellOf(`k${index}`),
      dueMs: dueMs + (index % 50),
    }));
    const seen = new Set<string>();
    const shares = [0, 0];
    let finish = () => {};
    const all = new Promise<void>((done) => {
      finish = done;
    });
    for (const [index, queue] of queues.entries()) {
      const handler = async (bell: Bell) => {
        seen.add(bell.key);
        shares[index]! += 1;
        if (seen.size === bells.length) finish();
      };
      await queue.start(handler, { concurrency: 8 });
    }
    await queues[0]!.ring(bells);
    await all;
    expect(await settledCounts(queues[0]!)).toEqual({ waiting: 0, delayed: 0, active: 0, failed: 0 });
    expect(Math.min(...shares)).toBeGreaterThan(0);
  });

  test('a flush loses the bells; rung again, they ring', async () => {
    const queue = await openQueue();
    const bells = [bellOf('due'), { ...bellOf('later'), dueMs: Date.now() + 3_600_000 }];
    await queue.ring(bells);
    await queue.flush();
    expect(await queue.counts()).toEqual({ waiting: 0, delayed: 0, active: 0, failed: 0 });
    const rang = collect(1);
    await queue.start(rang.handler, { concurrency: 1 });
    await queue.ring(bells);
    await rang.all;
    expect(rang.keys()).toEqual(['due']);
    expect((await queue.counts()).delayed).toBe(1);
  });

  test('a bell rings again when its process is killed in the handler', async () => {
    const queue = await openQueue({ lockMs: 500 });
    const bell = bellOf('survivor');
    await queue.ring([bell]);
    const options = JSON.stringify({ ...server.connection, prefix, lockMs: 500 });
    const stdio: ['ignore', 'pipe', 'inherit'] = ['ignore', 'pipe', 'inherit'];
    const child = spawn(process.execPath, ['--input-type=module', '-e', WORKER, options], { stdio });
    cleanUps.push(() => kill(child));
    await once(createInterface({ input: child.stdout }), 'line');
    await kill(child);
    const rang = collect(1);
    await queue.start(rang.handler, { concurrency: 1 });
    await rang.all;
    expect(rang.bells).toEqual([bell]);
  });

  test('close waits for the handlers that run and leaves the rest for others', async () => {
    const closing = await openQueue();
    const began = collect(1);
    let ended = false;
    let letGo = () => {};
    const held = new Promise<void>((done) => {
      letGo = done;
    });
    const handler = async (bell: Bell) => {
      await began.handler(bell);
      await held;
      ended = true;
    };
    await closing.start(handler, { concurrency: 1 });
    await closing.ring([bellOf('first')]);
    await began.all;
    await closing.ring([bellOf('second')]);
    const closed = Promise.all([closing.close(), closing.close()]);
    letGo();
    await closed;
    expect(ended).toBe(true);
    const other = await openQueue();
    const rang = collect(1);
    await other.start(rang.handler, { concurrency: 1 });
    await rang.all;
    expect(rang.keys()).toEqual(['second']);
  });

  test('a worker whose connections are cut goes on', async () => {
    const queue = await openQueue({ lockMs: 1_000 });
    const first = collect(1);
    const rang = collect(2);
    // Delivery is at least once: the cut may keep the first bell from being noted as handled, and it rings again.
    const isFirst = ({ key }: Bell) => key === bellOf('before').key;
    await queue.start((bell) => (isFirst(bell) ? first : rang).handler(bell), { concurrency: 2 });
    await queue.ring([bellOf('before')]);
    await first.all;
    await queue.ring([{ ...bellOf('delayed over the cut'), dueMs: Date.now() + 500 }]);
    await server.cutConnections();
    await ringUntilTaken(queue, [bellOf('after')]);
    await rang.all;
    expect(rang.keys()).toEqual(['after', 'delayed over the cut']);
  });

  test('starting twice is an error', async () => {
    const queue = await openQueue();
    await queue.start(async () => {}, { concurrency: 1 });
    await expect(queue.start(async () => {}, { concurrency: 1 })).rejects.toThrow('started already');
  });
});

test('a pool that was lent is used, and left open', async () => {
  const database = await createTestDatabase();
  const pool = new Pool({ connectionString: database.databaseUrl, options: '-c search_path=bullmq,public', max: 4 });
  const queue = await createBellQueue({ pool });
  const rang = collect(1);
  await queue.start(rang.handler, { concurrency: 2 });
  await queue.ring([bellOf('lent')]);
  await rang.all;
  await queue.close();
  expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  await pool.end();
  await database.drop();
});

test('without any server the queue says what it needs', async () => {
  await expect(createBellQueue({})).rejects.toThrow('needs a PostgreSQL URL or pool, or a Redis URL');
});

function bellOf(key: string, dueMs = Date.now()): Bell {
  return { kind: 'test', key, dueMs };
}

/** A handler that keeps what it got, and a promise of the `count`th call. */
function collect(count: number) {
  const bells: Bell[] = [];
  let finish = () => {};
  const all = new Promise<void>((done) => {
    finish = done;
  });
  const handler = async (bell: Bell) => {
    bells.push(bell);
    if (bells.length === count) finish();
  };
  return { bells, all, handler, keys: () => bells.map((bell) => bell.key).sort() };
}

/** The counts once nothing is due any more: a handler's end reaches the server a moment after the handler ends. */
async function settledCounts(queue: BellQueue) {
  for (;;) {
    const counts = await queue.counts();
    if (counts.waiting === 0 && counts.active === 0) return counts;
  }
}

/** As the journal's sweeper does: what could not be rung is rung again. */
async function ringUntilTaken(queue: BellQueue, bells: Bell[]): Promise<void> {
  for (;;) {
    const taken = await queue.ring(bells).then(
      () => true,
      () => false,
    );
    if (taken) return;
  }
}
