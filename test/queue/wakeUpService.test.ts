/** The sweep of wake-ups when what it leans on fails: the queue, or the handling of one of them. */
import type { Pool } from 'pg';
import { afterEach, expect, it } from 'vitest';
import type { Journal } from '#journal/journalPort.js';
import type { BellQueue } from '#queue/bellQueue.js';
import { startWakeUps, type WakeUpService, type WakeUpServiceOptions } from '#queue/wakeUpService.js';

const NOW_MS = 1_000_000;

let service: WakeUpService;
let executed: string[];
let logged: string[];

afterEach(async () => {
  await service.stop();
});

/** A service over rows, with parts that do nothing unless told. */
async function start(rows: [kind: string, key: string, dueMs: number][], parts: Partial<WakeUpServiceOptions> = {}) {
  executed = [];
  logged = [];
  const execute = async (command: { kind: string; jobId?: string }) => {
    executed.push(`${command.kind} ${command.jobId}`);
    return { ok: true };
  };
  const queue = { start: async () => {}, ring: async () => {}, close: async () => {} };
  service = await startWakeUps({
    pool: {
      query: async () => ({ rows: rows.map(([kind, key, due_ms]) => ({ kind, key, due_ms })) }),
    } as unknown as Pool,
    journal: { execute } as unknown as Journal,
    bells: queue as unknown as BellQueue,
    judge: { judgeJob: async () => {}, stop: async () => {} },
    challengeJudge: { judge: async () => {} },
    witnessJudge: { judge: async () => {} },
    closer: { close: async () => {} },
    rooter: { compute: async () => {} },
    nowMs: () => NOW_MS,
    log: { error: (_fields, message) => logged.push(message) },
    ...parts,
  });
}

it('handles what is overdue while the queue is away, at the start and later', async () => {
  const ring = () => Promise.reject(new Error('the queue is away'));
  const bells = { start: async () => {}, ring, close: async () => {} } as unknown as BellQueue;
  await start(
    [
      ['expireJob', 'late', NOW_MS - 5_000],
      ['expireJob', 'soon', NOW_MS + 3_000],
    ],
    { bells },
  );
  await service.sweep();
  expect(executed).toContain('expireJob late');
  expect(executed).not.toContain('expireJob soon');
  expect(logged).toContain('bells could not be rung');
});

it('starts, and handles the others, when one wake-up cannot be handled', async () => {
  const closer = { close: () => Promise.reject(new Error('a round that cannot be cleared')) };
  await start(
    [
      ['closeRound', 'round', NOW_MS - 9_000],
      ['expireJob', 'job', NOW_MS - 5_000],
    ],
    { closer },
  );
  await service.sweep();
  expect(executed).toContain('expireJob job');
  expect(logged).toContain('a wake-up could not be handled yet');
});

it('looks again while a verdict is slow to come, and asks for it only once', async () => {
  let asked = 0;
  let give = () => {};
  const slow = new Promise<void>((resolve) => {
    give = resolve;
  });
  const judgeJob = () => {
    asked += 1;
    return slow;
  };
  const rows: [string, string, number][] = [['verifyZkProof', 'slow', NOW_MS - 5_000]];
  await start(rows, { judge: { judgeJob, stop: async () => {} } });
  rows.push(['expireJob', 'other', NOW_MS - 5_000]);
  const swept = service.sweep();
  await new Promise((resolve) => setImmediate(resolve));
  expect(executed).toEqual(['expireJob other']);
  expect(asked).toBe(1);
  give();
  await swept;
});
