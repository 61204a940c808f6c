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
import { FAKE_MARKET, type FakeCoordinator, Refusal, startFakeCoordinator } from './fakeCoordinator.js';

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
function start(name: string, more: object = {}, takeOver = false): Promise<void> {
  const config = parseAgentConfig({ coordinator: coordinator.baseUrl, dataDir: dataDirOf(name), finishMs: 0, ...more });
  const log = (event: string, fields = {}) => void events.push({ event, fields });
  const run = runAgent(config, { account, log, signal: stop.signal, takeOver, createProver: slowProver(20) });
  run.catch(() => undefined);
  running.push(run);
  return run;
}
const knownAccount = (address: string, name: string) => ({
  ...{ address, freeWei: '1', bondedWei: '0', lastNonce: 0 },
  prover: { owner: address, name, challengesPassed: [] },
});
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
  const refusal = () => {
    throw new Refusal('keyInUse');
  };
  const touching = ['registerProver', 'beat', 'giveUp', 'placeBid', 'requestChallenge'];

  it('keeps this one from starting, before anything is touched; the message says what to do', async () => {
    coordinator.handlers.getAccount = ({ params }) => knownAccount(params.address, 'first');
    coordinator.handlers.announceAgent = refusal;
    const problem = start('second');
    await expect(problem).rejects.toThrow(KeyInUseError);
    await expect(problem).rejects.toThrow(/another agent works with the key of 0x.*--take-over/);
    expect(coordinator.calls.map(({ name }) => name).filter((name) => touching.includes(name))).toEqual([]);
  });

  it('is taken the place of when the operator says so', async () => {
    void start('second', {}, true);
    await until(() => told('ready') !== undefined, 'the second agent');
    const said = coordinator.calls.filter(({ name }) => name === 'announceAgent');
    expect(said.map(({ request }) => request.body.phase)).toEqual(['takeOver']);
  });

  it('ends this one when it takes its place: nothing is handed back, for the jobs are the other’s now', async () => {
    const job = jobOf(0, { circuitId: circuit.circuitId, primary: sideOf(account.address) });
    coordinator.handlers.listDues = () => ({ prover: account.address, jobs: [job] });
    coordinator.handlers.getJobInput = () => ({ inputHash: job.inputHash, input: sampleInput() });
    const first = start('first', { finishMs: 60_000 });
    await until(() => told('ready') !== undefined, 'the first agent');
    coordinator.handlers.beat = refusal;
    await expect(first).rejects.toThrow(KeyInUseError);
    expect(told('replaced')).toBeDefined();
    expect(coordinator.calls.map(({ name }) => name)).not.toContain('giveUp');
  });

  it('is told by an agent that has nothing to do that it lives, and by one that stops that it does not', async () => {
    void start('first');
    const beats = () => coordinator.calls.filter(({ name }) => name === 'beat').map(({ request }) => request.body);
    await until(() => beats().length > 2, 'signs of an idle agent');
    const [{ agent }] = beats();
    expect(beats()).toEqual(beats().map(() => ({ jobs: [], agent })));
    stop.abort();
    await running[0];
    const said = coordinator.calls.filter(({ name }) => name === 'announceAgent').map(({ request }) => request.body);
    expect(said).toEqual([
      { agent, phase: 'start' },
      { agent, phase: 'stop' },
    ]);
  });

  it('is another to the market, and a restart of the same folder is not', async () => {
    const signs: { agentId: string; runId: string }[] = [];
    coordinator.handlers.announceAgent = ({ body }) => {
      if (body.phase === 'start') signs.push(body.agent);
      return { leaseMs: 800, nowMs: Date.now() };
    };
    for (const name of ['first', 'first', 'second']) {
      stop = new AbortController();
      events = [];
      const run = start(name);
      await until(() => told('ready') !== undefined, name);
      stop.abort();
      await run;
    }
    const [first, again, second] = signs;
    expect(again!.agentId).toBe(first!.agentId);
    expect(second!.agentId).not.toBe(first!.agentId);
    expect(new Set(signs.map(({ runId }) => runId)).size).toBe(3);
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

  it('keeps a status whatever is in the way of the file', async () => {
    writeFileSync(join(folder, 'blocked'), '');
    const keeper = new StatusKeeper(join(folder, 'blocked', 'status.json'), () => {});
    keeper.log('bidPlaced', { priceWei: 5n });
    await keeper.close();
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
