import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decidePool, type PoolInput } from '#agent/bidding/decidePool.js';
import { type Account, accountOf, newPrivateKey } from '#agent/client/account.js';
import { parseAgentConfig } from '#agent/config.js';
import { runAgent } from '#agent/main.js';
import { sampleInput } from '#agent/proving/sampleInput.js';
import { contentHashOf } from '#protocol/contentHash.js';
import { poolCommitmentOf } from '#protocol/poolCommitment.js';
import { poolPriceWei, poolReachesAtMs } from '#protocol/poolPrice.js';
import type { JobView } from '#protocol/views.js';
import { committedCircuit, jobOf, OTHER, sideOf, slowProver, until } from './agentFixtures.js';
import { type FakeCoordinator, Refusal, startFakeCoordinator } from './fakeCoordinator.js';

const NOW = 1_000_000;
const input = (more: Partial<PoolInput> = {}): PoolInput => ({
  ramp: { openedAtMs: NOW, fromWei: 100n, toWei: 1_100n },
  deadlineMs: NOW + 100_000,
  priceWei: 100n,
  promisedMs: 5_000,
  proofsFail: false,
  slots: 1,
  committedMs: 0,
  freeWei: 1_000n,
  bondWei: 50n,
  atRiskWei: 0n,
  maxBondWei: null,
  unwanted: null,
  parameters: { deliveryMarginMs: 2_000 },
  nowMs: NOW,
  ...more,
});

describe('whether to prove a pooled job', () => {
  it('begins at once when the price is there, and otherwise so that it is there at the end', () => {
    expect(decidePool(input())).toEqual({ ok: true, startMs: NOW });
    expect(decidePool(input({ priceWei: 600n }))).toEqual({ ok: true, startMs: NOW + 45_000 });
    expect(decidePool(input({ priceWei: 600n, committedMs: 10_000 }))).toEqual({ ok: true, startMs: NOW + 35_000 });
  });

  it('says why not', () => {
    const codeOf = (more: Partial<PoolInput>) => {
      const decision = decidePool(input(more));
      return decision.ok ? null : decision.code;
    };
    expect(codeOf({ promisedMs: null })).toBe('circuitUnknown');
    expect(codeOf({ proofsFail: true })).toBe('proofsFail');
    expect(codeOf({ priceWei: 1_101n })).toBe('poolTooCheap');
    expect(codeOf({ priceWei: 1_100n })).toBe('tooLittleTime');
    expect(codeOf({ committedMs: 94_000 })).toBe('tooLittleTime');
    expect(codeOf({ freeWei: 49n })).toBe('noBond');
    expect(codeOf({ unwanted: 'denied' })).toBe('notWanted');
    expect(codeOf({ atRiskWei: 51n, maxBondWei: 100n })).toBe('bondAtRisk');
    expect(codeOf({ atRiskWei: 50n, maxBondWei: 100n })).toBeNull();
  });
});

describe('the price of the pool', () => {
  it('is reached at the first millisecond that pays it', () => {
    const amount = fc.bigInt({ min: 0n, max: 10n ** 24n });
    const duration = fc.integer({ min: 1, max: 10 ** 9 });
    const run = fc.property(amount, amount, amount, duration, (fromWei, riseWei, aboveWei, wholeMs) => {
      const ramp = { openedAtMs: NOW, fromWei, toWei: fromWei + riseWei };
      const priceWei = fromWei + (riseWei === 0n ? 0n : aboveWei % (riseWei + 1n));
      const atMs = poolReachesAtMs(ramp, NOW + wholeMs, priceWei)!;
      expect(poolPriceWei(ramp, NOW + wholeMs, atMs)).toBeGreaterThanOrEqual(priceWei);
      if (atMs > NOW) expect(poolPriceWei(ramp, NOW + wholeMs, atMs - 1)).toBeLessThan(priceWei);
    });
    fc.assert(run);
  });
});

describe('an agent and the pool', () => {
  const bytes = Buffer.from('an artifact');
  const artifact = { sha256: `0x${createHash('sha256').update(bytes).digest('hex')}` as const, bytes: bytes.length };
  const circuit = committedCircuit({ wasm: artifact, zkey: artifact });
  let dataDir: string;
  let coordinator: FakeCoordinator;
  let account: Account;
  let pooled: JobView[];
  let events: { event: string; fields: Readonly<Record<string, unknown>> }[];
  let stop: AbortController;
  let running: Promise<void>;

  beforeEach(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'understudy-pool-'));
    account = accountOf(newPrivateKey());
    pooled = [];
    events = [];
    stop = new AbortController();
    coordinator = await startFakeCoordinator({
      listCircuits: () => ({ circuits: [circuit] }),
      getArtifact: () => bytes,
      listPool: () => ({ jobs: pooled }),
      getJob: ({ params }) => pooled.find(({ jobId }) => jobId === params.jobId),
      getJobInput: () => ({ inputHash: contentHashOf(sampleInput()), input: sampleInput() }),
    });
  });

  afterEach(async () => {
    stop.abort();
    await running;
    await coordinator.close();
    rmSync(dataDir, { recursive: true, force: true });
  });

  function start(more: object = {}, ms = 20): void {
    const config = parseAgentConfig({
      coordinator: coordinator.baseUrl,
      dataDir,
      finishMs: 500,
      priceWei: '1000',
      ...more,
    });
    const log = (event: string, fields = {}) => void events.push({ event, fields });
    running = runAgent(config, { account, log, signal: stop.signal, createProver: slowProver(ms) });
  }

  const happened = (event: string) => events.some((one) => one.event === event);
  const callsOf = (name: string) =>
    coordinator.calls.filter((call) => call.name === name).map(({ request }) => request);
  const pool = (fromWei: string, toWei: string): JobView['pool'] => {
    return { cause: 'unsold', openedAtMs: Date.now(), fromWei, toWei, atFault: [], commitments: [] };
  };
  const unsold = (index: number, more: Partial<JobView> = {}): JobView =>
    jobOf(index, { circuitId: circuit.circuitId, status: 'pooled', pool: pool('1000', '2000'), ...more });
  const tell = (job: JobView) => {
    pooled.push(job);
    const { cause, fromWei, toWei, atFault } = job.pool!;
    const opened = { jobId: job.jobId, cause, fromWei, toWei, atFault };
    coordinator.publish({ type: 'poolOpened', atMs: Date.now(), ...opened });
  };

  it('proves, commits, and shows only then what it has committed to; its leases are of others', async () => {
    let isCommitted = false;
    coordinator.handlers.commitToPool = () => {
      isCommitted = true;
      return { digest: `0x${'00'.repeat(32)}`, firstIndex: 0, entryCount: 1, atMs: Date.now() };
    };
    coordinator.handlers.submitProof = () => {
      if (!isCommitted) throw new Refusal('noPoolCommitment');
      return { digest: `0x${'00'.repeat(32)}`, firstIndex: 0, entryCount: 1, atMs: Date.now() };
    };
    start();
    await until(() => happened('feedConnected'), 'the feed');
    tell(unsold(0));
    await until(() => happened('proofDelivered'), 'a delivery');
    const { jobId, contentHash } = callsOf('submitProof')[0]!.body.message;
    const { commitment } = callsOf('commitToPool')[0]!.body.message;
    expect(commitment).toBe(poolCommitmentOf(contentHash, account.address, jobId));
    expect(callsOf('beat').flatMap(({ body }) => body.jobs)).toEqual([]);
  });

  it('finds what is in the pool when it starts, waits for its price, and for others’ commitments', async () => {
    let refusals = 0;
    coordinator.handlers.commitToPool = () => {
      refusals += 1;
      if (refusals < 3) throw new Refusal('poolFull');
      return { digest: `0x${'00'.repeat(32)}`, firstIndex: 0, entryCount: 1, atMs: Date.now() };
    };
    pooled = [unsold(0, { pool: pool('0', '60000'), deadlineMs: Date.now() + 60_000 })];
    start();
    await until(() => happened('proofDelivered'), 'a delivery');
    const { openedAtMs } = pooled[0]!.pool!;
    const reachedAtMs = poolReachesAtMs({ openedAtMs, fromWei: 0n, toWei: 60_000n }, pooled[0]!.deadlineMs, 1_000n)!;
    expect(Date.now()).toBeGreaterThanOrEqual(reachedAtMs);
    expect(refusals).toBe(3);
  });

  it('leaves what is too cheap, its own, or not for it, and drops what has ended', async () => {
    coordinator.handlers.getJobInput = ({ params }) => {
      if (params.jobId.endsWith('.2')) throw new Refusal('notEligible');
      return { inputHash: contentHashOf(sampleInput()), input: sampleInput() };
    };
    start({}, 1_500);
    await until(() => happened('feedConnected'), 'the feed');
    tell(unsold(0, { pool: pool('10', '999') }));
    await until(() => happened('poolSkipped'), 'a refusal');
    expect(events.find(({ event }) => event === 'poolSkipped')!.fields).toMatchObject({ code: 'poolTooCheap' });
    tell(unsold(1, { status: 'awarded', primary: sideOf(OTHER), backup: sideOf(account.address) }));
    tell(unsold(2));
    await until(() => happened('poolLeft'), 'a job that is left');
    tell(unsold(3));
    await until(() => happened('proofStarted'), 'work');
    coordinator.publish({
      type: 'jobExpired',
      atMs: Date.now(),
      jobId: pooled[3]!.jobId,
      reason: 'noPoolCommit',
      excused: [],
      postings: [],
    });
    await until(() => happened('proofCancelled'), 'the end of work');
    expect(callsOf('giveUp')).toEqual([]);
    expect(callsOf('commitToPool')).toEqual([]);
  });

  it('takes no part when it is told not to', async () => {
    pooled = [unsold(0)];
    start({ pool: false });
    await until(() => happened('feedConnected'), 'the feed');
    tell(unsold(1));
    stop.abort();
    await running;
    expect(callsOf('listPool')).toEqual([]);
    expect(happened('poolTaken')).toBe(false);
  });
});
