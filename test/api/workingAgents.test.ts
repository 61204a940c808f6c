/** One agent at a time works for a prover, on whatever machine and by whichever replica. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { agentAfter, type WorkingAgent } from '#api/agentRule.js';
import { WorkingAgents } from '#api/workingAgents.js';
import type { AgentSign } from '#protocol/agentRoutes.js';
import type { Address, Hex } from '#protocol/units.js';
import { createTestDatabase, type TestDatabase } from '../setup/database.js';

const id = (letter: string): Hex => `0x${letter.repeat(64)}`;
const agent = (letter: string, run: string, host = letter): AgentSign => ({
  agentId: id(letter),
  runId: id(run),
  host,
});
const LEASE_MS = 10_000;
const at = (nowMs: number, startedAtMs = 0) => ({ nowMs, leaseMs: LEASE_MS, startedAtMs });

describe('who works for a prover', () => {
  const first: WorkingAgent = { ...agent('a', '1'), sinceMs: 1_000, lastSeenMs: 50_000, formerRunId: null };

  it('is the first one for as long as it is heard of, and another after a lease of silence', () => {
    expect(agentAfter(first, agent('b', '2'), 'start', at(60_000))).toBeNull();
    expect(agentAfter(first, agent('b', '2'), 'run', at(60_000))).toBeNull();
    expect(agentAfter(first, agent('b', '2'), 'start', at(60_001))).toMatchObject({ runId: id('2'), sinceMs: 60_001 });
    expect(agentAfter(first, agent('b', '2'), 'run', at(60_001))).toMatchObject({ runId: id('2') });
  });

  it('is not lost in time in which there was no coordinator to hear it', () => {
    expect(agentAfter(first, agent('b', '2'), 'start', at(700_000, 690_001))).toBeNull();
    expect(agentAfter(first, agent('b', '2'), 'start', at(700_002, 690_001))).toMatchObject({ runId: id('2') });
  });

  it('is another at once when it is told so, or when the first has stopped', () => {
    expect(agentAfter(first, agent('b', '2'), 'takeOver', at(50_001))).toMatchObject({ host: 'b', formerRunId: null });
    const stopped = agentAfter(first, agent('a', '1'), 'stop', at(50_001))!;
    expect(agentAfter(stopped, agent('b', '2'), 'start', at(50_002, 50_000))).toMatchObject({ host: 'b' });
    // A heartbeat that was on its way does not bring it back.
    expect(agentAfter(stopped, agent('a', '1'), 'run', at(50_002))).toEqual(stopped);
    // Nor does who is not at work stop who is.
    expect(agentAfter(first, agent('b', '2'), 'stop', at(50_001))).toEqual(first);
  });

  it('is a restart of the same folder at once, unless the former run turns out to live', () => {
    const restarted = agentAfter(first, agent('a', '2'), 'start', at(51_000))!;
    expect(restarted).toMatchObject({ runId: id('2'), formerRunId: id('1') });
    expect(agentAfter(restarted, agent('a', '1'), 'run', at(51_900))).toBeNull();
    const back = agentAfter(restarted, agent('a', '1'), 'run', at(52_100))!;
    expect(back).toMatchObject({ runId: id('1'), formerRunId: null });
    expect(agentAfter(back, agent('a', '2'), 'run', at(52_200))).toBeNull();
    const heard = { ...restarted, lastSeenMs: 65_000 };
    expect(agentAfter(heard, agent('a', '1'), 'run', at(66_000))).toBeNull();
  });

  it('is the same after an answer that was lost', () => {
    const once = agentAfter(first, agent('b', '2'), 'takeOver', at(50_001))!;
    expect(agentAfter(once, agent('b', '2'), 'takeOver', at(50_900))).toEqual({ ...once, lastSeenMs: 50_900 });
  });
});

describe('replicas', () => {
  const prover: Address = `0x${'11'.repeat(20)}`;
  const log = { error: () => {} };
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(async () => {
    await database.drop();
  });
  const replica = () => new WorkingAgents({ pool: database.pool, log, flushMs: 60_000 });

  it('agree on who works, and a coordinator that comes back knows it too', async () => {
    const [one, two] = [replica(), replica()];
    expect(await one.sign(prover, agent('a', '1', 'attic'), 'start', at(1_000))).toEqual({ ok: true });
    expect(await two.sign(prover, agent('b', '2'), 'start', at(2_000))).toMatchObject({
      ok: false,
      other: { host: 'attic', sinceMs: 1_000, lastSeenMs: 1_000 },
    });
    expect(await one.sign(prover, agent('a', '1'), 'run', at(9_000))).toEqual({ ok: true });
    await one.flush();
    expect(await replica().sign(prover, agent('b', '2'), 'start', at(12_000))).toMatchObject({ ok: false });
    expect(await two.sign(prover, agent('b', '2'), 'takeOver', at(12_000))).toEqual({ ok: true });
    // The first replica learns of it with its next writing, at the latest.
    await one.sign(prover, agent('a', '1'), 'run', at(12_100));
    await one.flush();
    expect(await one.sign(prover, agent('a', '1'), 'run', at(12_200))).toMatchObject({
      ok: false,
      other: { host: 'b' },
    });
    expect(await one.sign(prover, agent('b', '2'), 'run', at(12_300))).toEqual({ ok: true });
  });

  it('let in one of two that start at the same moment', async () => {
    const other: Address = `0x${'22'.repeat(20)}`;
    const signs = ['c', 'd', 'e', 'f'].map((letter) =>
      replica().sign(other, agent(letter, letter), 'start', at(1_000)),
    );
    expect((await Promise.all(signs)).filter(({ ok }) => ok)).toHaveLength(1);
  });

  it('ask the database for nothing while the same agent speaks', async () => {
    const third: Address = `0x${'33'.repeat(20)}`;
    const agents = replica();
    await agents.sign(third, agent('a', '1'), 'start', at(1_000));
    const { pool } = database;
    const { connect, query } = pool;
    Object.assign(pool, { connect: () => expect.fail('asked'), query: () => expect.fail('asked') });
    for (let beat = 1; beat < 100; beat += 1) await agents.sign(third, agent('a', '1'), 'run', at(1_000 + beat));
    Object.assign(pool, { connect, query });
    await agents.flush();
    const { rows } = await pool.query('SELECT last_seen_ms FROM agents WHERE prover = $1', [third]);
    expect(Number(rows[0].last_seen_ms)).toBe(1_099);
    await agents.sign(third, agent('a', '1'), 'stop', at(1_200));
    expect(await agents.sign(third, agent('a', '1'), 'run', at(1_300))).toEqual({ ok: true });
    await agents.flush();
    expect(await replica().sign(third, agent('b', '2'), 'start', at(1_400))).toEqual({ ok: true });
  });
});
