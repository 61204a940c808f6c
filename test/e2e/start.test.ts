/** `understudy start`, ended before it has begun: nothing may hang, and nothing may be left running. */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createClient } from '#protocol/client.js';
import { LiveProcess, until } from '../setup/liveProcess.js';

// Other work may share the machine; what is waited for has deadlines of its own.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

let home: string;
let start: LiveProcess;

/** Process ids of the demo's children, by their command lines; servers of the database have the folder in theirs. */
function processesOf(command: string): number[] {
  const lines = spawnSync('ps', ['-eo', 'pid=,args='], { encoding: 'utf8' }).stdout.split('\n');
  const found = lines.filter((line) => line.includes(home) && line.includes(command));
  return found.map((line) => Number.parseInt(line, 10));
}

/** What the agent has written so far. */
function agentLog(): string {
  const file = join(home, 'agents', 'single-thread', 'agent.log');
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'understudy-start-'));
  chmodSync(home, 0o711);
  start = new LiveProcess(['start', '--once', '--agents', '1', '--port', '0', '--home', home]);
  await until(() => start.end !== null || agentLog().includes('"event"'), 'the agent to be at work');
});

afterEach(async () => {
  await start.stop();
  // A server whose coordinator was killed needs a moment to shut down.
  await until(
    () => processesOf('').length === 0,
    () => `the end of ${processesOf('')}`,
    15_000,
  );
  rmSync(home, { recursive: true, force: true });
});

it('stops at once while the agent measures itself', async () => {
  expect(await start.stop()).toBe(130);
  expect(start.tail()).not.toContain('promises a zkProof');
});

it('says that the coordinator has ended, instead of waiting for an agent that has nobody to talk to', async () => {
  const [url] = start.tail().match(/http:[0-9./:]+\d/)!;
  const client = createClient({ baseUrl: url, fetch, timeoutMs: 15_000 });
  await until(async () => {
    const { entries } = await client.call('listEntries', { query: { from: 0, limit: 100 } });
    return entries.filter(({ leaf }) => leaf.includes('"deposited"')).length === 2;
  }, 'requester and agent to have money');
  process.kill(processesOf(' coordinator ')[0]!, 'SIGKILL');
  await until(() => start.end !== null, 'the end', 20_000);
  expect(start.end).toBe(1);
  expect(start.tail()).toContain('the coordinator has ended');
});
