import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Account, accountOf, newPrivateKey } from '#agent/client/account.js';
import { holdKey, KeyInUseError, keyHolder } from '#agent/client/keyLock.js';
import { agentPaths, parseAgentConfig } from '#agent/config.js';
import { runAgent } from '#agent/main.js';
import { sampleInput } from '#agent/proving/sampleInput.js';
import { EMPTY_STATUS } from '#agent/status/agentStatus.js';
import { metricsText } from '#agent/status/metricsText.js';
import { readStatusFile, StatusKeeper } from '#agent/status/statusKeeper.js';
import { runCommandLine } from '../setup/commandLine.js';
import { until as eventually, LiveProcess } from '../setup/liveProcess.js';
import { BLOCK_ID, clearedFor, committedCircuit, jobOf, OTHER, sideOf, slowProver, until } from './agentFixtures.js';
import { FAKE_MARKET, type FakeCoordinator, startFakeCoordinator } from './fakeCoordinator.js';

const bytes = Buffer.from('an artifact');
const artifact = { sha256: `0x${createHash('sha256').update(bytes).digest('hex')}` as const, bytes: bytes.length };
const circuit = committedCircuit({ wasm: artifact, zkey: artifact });

let folder: string;
let coordinator: FakeCoordinator;
let privateKey: `0x${string}`;
let account: Account;
let stop: AbortController;
let running: Promise<void>[];
let events: { event: string; fields: Readonly<Record<string, unknown>> }[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'understudy-operating-'));
  privateKey = newPrivateKey();
  account = accountOf(privateKey);
  stop = new AbortController();
  running = [];
  events = [];
  coordinator = await startFakeCoordinator({
    listCircuits: () => ({ circuits: [circuit] }),
    getArtifact: () => bytes,
  });
});

afterEach(async () => {
  stop.abort();
  await Promise.allSettled(running);
  await coordinator.close();
  rmSync(folder, { recursive: true, force: true });
});

const dataDirOf = (name: string) => join(folder, name);
function start(name: string, more: object = {}): Promise<void> {
  const config = parseAgentConfig({ coordinator: coordinator.baseUrl, dataDir: dataDirOf(name), finishMs: 0, ...more });
  const log = (event: string, fields = {}) => void events.push({ event, fields });
  const run = runAgent(config, { account, log, signal: stop.signal, createProver: slowProver(20) });
  run.catch(() => undefined);
  running.push(run);
  return run;
}
const told = (event: string) => events.find((one) => one.event === event)?.fields;

describe('two agents on one key', () => {
  it('are one too many, whatever their data folders; the message says who the other is', async () => {
    void start('first');
    await until(() => told('ready') !== undefined, 'the first agent');
    await expect(start('second')).rejects.toThrow(KeyInUseError);
    await expect(start('third')).rejects.toThrow(
      new RegExp(`process ${process.pid}, data folder ${dataDirOf('first')}`),
    );
    expect(await keyHolder(account.address, FAKE_MARKET.coordinatorId)).toMatchObject({ pid: process.pid });
    stop.abort();
    await running[0];
    stop = new AbortController();
    events = [];
    void start('second');
    await until(() => told('ready') !== undefined, 'the second agent, once the first has stopped');
  });

  it('may work for two markets, and one follows another that was killed at once', async () => {
    const other = `0x${'77'.repeat(32)}`;
    const letGo = await holdKey(account.address, other, 'elsewhere');
    const args = ['agent', '--coordinator', coordinator.baseUrl, '--data-dir', dataDirOf('killed')];
    const child = new LiveProcess(args, { UNDERSTUDY_KEY: privateKey });
    const held = await eventually(() => keyHolder(account.address, FAKE_MARKET.coordinatorId), 'the hold of the child');
    expect(held).toEqual({ pid: child.pid, dataDir: dataDirOf('killed') });
    await child.kill();
    void start('next');
    await until(() => told('ready') !== undefined, 'the agent after it');
    letGo();
  });
});

describe('an agent with the same key on another machine', () => {
  const heartbeat = (lastSeenMs: () => number) => {
    const job = jobOf(0, { circuitId: circuit.circuitId, primary: sideOf(account.address) });
    const report = { jobId: job.jobId, prover: account.address, stage: 'proving', progressPpm: 0, expectedEndMs: null };
    coordinator.handlers.listDues = () => ({ prover: account.address, jobs: [job] });
    coordinator.handlers.listJobs = () => ({ jobs: [job], progress: [{ ...report, lastSeenMs: lastSeenMs() }] });
  };

  it('is found out by the heartbeats of its jobs, before anything is touched', async () => {
    heartbeat(() => Date.now());
    await expect(start('second')).rejects.toThrow(/on another machine.*heartbeats/);
    expect(coordinator.calls.map(({ name }) => name)).not.toContain('beat');
    expect(coordinator.calls.map(({ name }) => name)).not.toContain('giveUp');
  });

  it('is not looked for by one that comes back after a crash: its leases run', async () => {
    heartbeat(() => Date.now());
    const path = agentPaths(dataDirOf('crashed')).status;
    const keeper = new StatusKeeper(path, () => {});
    keeper.log('ready');
    keeper.close();
    void start('crashed');
    await until(() => told('ready') !== undefined, 'the agent that comes back');
  });

  it('is not taken for one that has just died, nor for one that died long ago', async () => {
    const diedMs = Date.now();
    heartbeat(() => diedMs);
    void start('next');
    await until(() => told('ready') !== undefined, 'the agent after one that died');
    stop.abort();
    await running[0];
    stop = new AbortController();
    events = [];
    heartbeat(() => diedMs - 60_000);
    void start('next');
    await until(() => told('ready') !== undefined, 'the agent long after');
  });

  it('is found out by its bid, when neither holds anything', async () => {
    void start('first');
    await until(() => told('feedConnected') !== undefined, 'the feed');
    const [roundId, closesAtMs] = [`${BLOCK_ID}.r0`, Date.now() + 30_000];
    coordinator.publish({
      ...{ type: 'roundOpened', atMs: Date.now(), roundId, blockId: BLOCK_ID, circuitId: circuit.circuitId, step: 0 },
      ...{ jobIds: [`${BLOCK_ID}.0`], parametersVersion: 1, sealing: 'receipt', closesAtMs },
      ...{ maxPriceWei: (10n ** 18n).toString(), deadlineMs: Date.now() + 60_000 },
    });
    const placed = () => coordinator.calls.find(({ name }) => name === 'placeBid')?.request.body;
    await until(() => placed() !== undefined, 'the bid');
    const cleared = clearedFor(OTHER, jobOf(0, { primary: sideOf(OTHER) }));
    const { message, signature } = placed()!;
    const explanations = [{ code: 'outbid' as const, seat: 'primary' as const, byWei: '1' }];
    coordinator.publish({ ...cleared, bids: [{ message, signature }], explanations });
    await until(() => told('bidResult') !== undefined, 'the result of the own bid');
    expect(told('keyElsewhere')).toBeUndefined();
    const foreign = { ...message, salt: `0x${'99'.repeat(32)}` };
    coordinator.publish({ ...cleared, bids: [{ message: foreign, signature }], explanations });
    await until(() => told('keyElsewhere') !== undefined, 'the word of the other agent');
  });
});

describe('understudy agent status', () => {
  const status = (env: Record<string, string> = { UNDERSTUDY_KEY: privateKey }) =>
    runCommandLine(
      ['agent', 'status', '--json', '--coordinator', coordinator.baseUrl, '--data-dir', dataDirOf('first')],
      { cwd: folder, env },
    );

  it('shows a running agent with its jobs and its account, and says when it has stopped', async () => {
    const none = await status();
    expect([none.code, JSON.parse(none.stdout)]).toMatchObject([1, { isRunning: false, file: null }]);
    const job = jobOf(0, { circuitId: circuit.circuitId, primary: sideOf(account.address) });
    coordinator.handlers.listDues = () => ({ prover: account.address, jobs: [job] });
    coordinator.handlers.getJobInput = () => ({ inputHash: job.inputHash, input: sampleInput() });
    void start('first', { name: 'shed' });
    const path = agentPaths(dataDirOf('first')).status;
    await until(() => readStatusFile(path)?.status.phase === 'ready', 'the status of a ready agent');
    const shown = await status();
    expect([shown.code, JSON.parse(shown.stdout)]).toMatchObject([
      0,
      {
        ...{ prover: account.address, isRunning: true, account: { freeWei: (10n ** 24n).toString() } },
        file: { status: { name: 'shed', jobs: { [job.jobId]: { role: 'primary' } } } },
      },
    ]);
    expect(shown.stdout).not.toContain(privateKey.slice(2));
    stop.abort();
    await running[0];
    expect((await status()).code).toBe(1);
  });

  it('keeps a status whatever is in the way of the file', () => {
    writeFileSync(join(folder, 'blocked'), '');
    const keeper = new StatusKeeper(join(folder, 'blocked', 'status.json'), () => {});
    keeper.log('bidPlaced', { priceWei: 5n });
    keeper.close();
    expect(keeper.status.bidsPlaced).toBe(1);
    writeFileSync(join(folder, 'broken.json'), '{"pid":');
    expect(readStatusFile(join(folder, 'broken.json'))).toBeNull();
  });
});

describe('metrics', () => {
  it('are served on request on the loopback, and not refused work for a port that is taken', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as { port: number };
    void start('first', { metricsPort: port });
    await until(() => told('ready') !== undefined && told('metricsFailed') !== undefined, 'an agent without metrics');
    stop.abort();
    await running[0];
    await new Promise((resolve) => taken.close(resolve));
    stop = new AbortController();
    void start('first', { metricsPort: port });
    await until(() => told('metricsServed') !== undefined, 'the metrics');
    const response = await fetch(`http://127.0.0.1:${port}/metrics`);
    const text = await response.text();
    expect(response.headers.get('content-type')).toContain('version=0.0.4');
    expect(text).toMatch(/^understudy_agent_ready [01]$/m);
    expect(text).toMatch(/^understudy_agent_resident_memory_bytes \d+$/m);
    expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(404);
  });

  it('are well formed, each with its help and type, labels escaped', () => {
    const status = {
      ...EMPTY_STATUS,
      roundsSkipped: { 'a"b\\c\nd': 2 },
      earnedWei: '90000000000000000000',
      freeWei: '7',
    };
    const lines = metricsText(status, { residentBytes: 1, cpuSeconds: 0.5 }).trimEnd().split('\n');
    const sample = /^[a-z_]+(\{[a-z_]+="(?:[^"\\]|\\["\\n])*"\})? [0-9.]+$/;
    for (const line of lines)
      expect(line).toMatch(line.startsWith('#') ? /^# (HELP|TYPE) understudy_agent_[a-z_]+ ./ : sample);
    expect(lines).toContain('understudy_agent_rounds_skipped_total{code="a\\"b\\\\c\\nd"} 2');
    expect(lines).toContain('understudy_agent_earned_wei_total 90000000000000000000');
  });
});
