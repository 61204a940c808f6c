/** Commands that cannot do their work: they say so, end, and leave nothing behind. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createTestDatabase } from '../setup/database.js';
import { LiveProcess, until } from '../setup/liveProcess.js';

// Other work may share the machine; what is waited for has deadlines of its own.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'understudy-commands-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

it('fsck makes no market where there is none', async () => {
  const fsck = new LiveProcess(['fsck', '--data-dir', folder]);
  await until(() => fsck.end !== null, 'the end');
  expect(fsck.end).toBe(1);
  expect(fsck.tail()).toContain('Name its folder with --data-dir');
  expect(readdirSync(folder)).toEqual([]);
});

it('a coordinator that waits for Redis in vain can be stopped', async () => {
  const database = await createTestDatabase();
  // Takes connections, and never says a word.
  const silent = createServer(() => {}).listen(0, '127.0.0.1');
  await until(() => silent.listening, 'the silent server');
  const { port } = silent.address() as { port: number };
  const coordinator = new LiveProcess(['coordinator', '--data-dir', folder, '--port', '0'], {
    DATABASE_URL: database.databaseUrl,
    REDIS_URL: `redis://127.0.0.1:${port}`,
  });
  let connections = 0;
  silent.on('connection', () => {
    connections += 1;
  });
  await until(() => connections > 0, 'the coordinator to look for Redis');
  expect(await coordinator.stop()).toBe(0);
  silent.close();
  await database.drop();
});
