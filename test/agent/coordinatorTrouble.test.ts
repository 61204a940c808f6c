/**
 * A coordinator that is away, slow or broken for ten minutes, or whose clock is another: no assignment is lost, and nobody
 * hurries. The minutes are those of a clock that leaps.
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Account, accountOf, newPrivateKey } from '#agent/client/account.js';
import { parseAgentConfig } from '#agent/config.js';
import { runAgent } from '#agent/main.js';
import { sampleInput } from '#agent/proving/sampleInput.js';
import { contentHashOf } from '#protocol/contentHash.js';
import type { JobView } from '#protocol/views.js';
import { LeapingClock } from '../setup/leapingClock.js';
import { BLOCK_ID, committedCircuit, jobOf, sideOf, slowProver } from './agentFixtures.js';
import { FAKE_MARKET, type FakeCoordinator, startFakeCoordinator } from './fakeCoordinator.js';

// Other work may share the machine; what is waited for has deadlines of its own.
vi.setConfig({ testTimeout: 120_000 });

const bytes = Buffer.from('an artifact');
const artifact = { sha256: `0x${createHash('sha256').update(bytes).digest('hex')}` as const, bytes: bytes.length };
const circuit = committedCircuit({ wasm: artifact, zkey: artifact });

/** How long the coordinator is in trouble, in milliseconds. */
const TROUBLE_MS = 600_000;
const LEASE_MS = 10_000;
/** What is to be done is tried again after 2.5 to 5 s, once the pauses have grown. */
const TRIES_IN_10_SEC_MAX = 5;
const GROWN_AFTER_MS = 20_000;

let clock: LeapingClock;
let dataDir: string;
let inFlight: number;
let coordinator: FakeCoordinator;
let line: Line;
let account: Account;
let dues: JobView[];
let events: { event: string; fields: Readonly<Record<string, unknown>> }[];
let stop: AbortController;
let running: Promise<void>;

/** What stands between the agent and the coordinator. */
type Trouble = 'none' | 'down' | 'silent' | 'error500' | 'rubbish';

class Line {
  trouble: Trouble = 'none';
  /** When requests came while there was trouble, by path. */
  readonly counted = new Map<string, number[]>();
  /** Requests that get no answer. */
  readonly held = new Set<ServerResponse>();
  readonly #server: Server;

  constructor(target: string) {
    this.#server = createServer((request, response) => {
      const path = (request.url ?? '').split('?')[0]!;
      if (this.trouble !== 'none') this.counted.set(path, [...(this.counted.get(path) ?? []), Date.now()]);
      if (this.trouble === 'down') return void request.socket.destroy();
      if (this.trouble === 'silent') return this.#hold(response);
      if (this.trouble === 'error500') return void response.writeHead(500).end('<h1>Internal Server Error</h1>');
      if (this.trouble === 'rubbish') return void response.writeHead(200).end('{"what":');
      void pass(request, response, target).catch(() => response.destroy());
    });
  }

  #hold(response: ServerResponse): void {
    this.held.add(response);
    response.once('close', () => this.held.delete(response));
  }

  async open(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  end(): void {
    this.trouble = 'none';
    for (const response of this.held) response.destroy();
    this.held.clear();
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

async function pass(request: import('node:http').IncomingMessage, response: ServerResponse, target: string) {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const { host: _host, connection: _connection, 'content-length': _length, ...headers } = request.headers;
  const init: RequestInit = { method: request.method ?? 'GET', headers: headers as Record<string, string> };
  if (chunks.length > 0) init.body = Buffer.concat(chunks);
  const answer = await fetch(target + request.url, init);
  response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? 'text/plain' });
  for await (const chunk of answer.body as unknown as AsyncIterable<Uint8Array>) response.write(chunk);
  response.end();
}

beforeEach(async () => {
  clock = LeapingClock.install();
  inFlight = 0;
  dataDir = mkdtempSync(join(tmpdir(), 'understudy-trouble-'));
  account = accountOf(newPrivateKey());
  [dues, events, stop, running] = [[], [], new AbortController(), Promise.resolve()];
  coordinator = await startFakeCoordinator({
    listCircuits: () => ({ circuits: [circuit] }),
    getArtifact: () => bytes,
    listDues: () => ({ prover: account.address, jobs: dues }),
    getJobInput: () => ({ inputHash: contentHashOf(sampleInput()), input: sampleInput() }),
    getMarket: () => ({
      ...FAKE_MARKET,
      parameters: { ...FAKE_MARKET.parameters, leaseMs: LEASE_MS },
      nowMs: Date.now(),
    }),
    beat: () => ({ leaseMs: LEASE_MS, nowMs: Date.now(), dropJobIds: [] }),
  });
  line = new Line(coordinator.baseUrl);
});

afterEach(async () => {
  stop.abort();
  line.end();
  await running;
  line.close();
  await coordinator.close();
  clock.uninstall();
  rmSync(dataDir, { recursive: true, force: true });
});

const countedFetch: typeof fetch = async (...request) => {
  inFlight += 1;
  try {
    return await fetch(...request);
  } finally {
    inFlight -= 1;
  }
};
/** Ten minutes of trouble, as fast as the machine can. */
const trouble10Min = () => clock.leap(TROUBLE_MS, () => inFlight <= line.held.size);

async function start(provingMs: number, more: object = {}): Promise<void> {
  const config = parseAgentConfig({ coordinator: await line.open(), dataDir, finishMs: 0, ...more });
  const log = (event: string, fields = {}) => void events.push({ event, fields });
  const parts = { account, log, signal: stop.signal, fetch: countedFetch };
  running = runAgent(config, { ...parts, createProver: slowProver(provingMs) });
}

const all = (event: string) => events.filter((one) => one.event === event);
const callsOf = (name: string) => coordinator.calls.filter((call) => call.name === name).map((call) => call.request);
const mine = (index: number) =>
  jobOf(index, {
    circuitId: circuit.circuitId,
    deadlineMs: Date.now() + 2 * TROUBLE_MS,
    primary: sideOf(account.address, { dueMs: Date.now() + 2 * TROUBLE_MS }),
  });

async function until(holds: () => boolean, what: string): Promise<void> {
  const endMs = performance.now() + 60_000;
  while (!holds()) {
    if (performance.now() > endMs) throw new Error(`waited in vain for ${what}: ${JSON.stringify(events.slice(-5))}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Most requests in any ten seconds, of those that came so long after the first. */
function mostIn10Sec(times: readonly number[], afterMs: number): number {
  const later = times.filter((atMs) => atMs - times[0]! >= afterMs);
  return Math.max(0, ...later.map((atMs) => later.filter((other) => other >= atMs && other < atMs + 10_000).length));
}

/** Pauses of 0.2 s double until they are 5 s, half of that at random; heartbeats keep to a quarter of a lease. */
function expectNoHurry(): void {
  for (const [path, times] of line.counted) {
    expect(mostIn10Sec(times, 0), `${path} at first`).toBeLessThanOrEqual(14);
    expect(mostIn10Sec(times, GROWN_AFTER_MS), path).toBeLessThanOrEqual(TRIES_IN_10_SEC_MAX);
    expect(times.length, path).toBeLessThanOrEqual(TROUBLE_MS / 2_500 + 20);
  }
}

describe.each(['down', 'silent', 'error500', 'rubbish'] as const)(
  'a coordinator that is %s for ten minutes',
  (trouble) => {
    it('costs no assignment: what was proven meanwhile is delivered once, and nobody hammers at it', async () => {
      await start(500);
      await until(() => all('feedConnected').length > 0, 'the feed');
      dues = [mine(0)];
      coordinator.dropFeeds();
      await until(() => all('proofStarted').length > 0, 'a proof');
      const before = callsOf('beat').length;
      line.trouble = trouble;
      coordinator.dropFeeds();
      await trouble10Min();
      expect(all('proofMade')).toHaveLength(1);
      expect(callsOf('submitProof')).toHaveLength(0);
      expectNoHurry();
      // Nor did it give up: the feed, the delivery and the heartbeats were tried to the last.
      for (const wanted of ['/v1/feed', '/v1/submissions', '/v1/heartbeats']) {
        const times = line.counted.get(wanted) ?? [];
        expect(times.length, wanted).toBeGreaterThan(10);
        expect(Date.now() - times.at(-1)!, wanted).toBeLessThan(60_000);
      }
      const pauses = line.counted.get('/v1/feed')!.map((atMs, index, times) => atMs - (times[index - 1] ?? atMs));
      expect(new Set(pauses).size).toBeGreaterThan(5);
      line.end();
      await until(() => callsOf('submitProof').length > 0, 'the delivery');
      await until(() => callsOf('beat').length > before, 'a heartbeat');
      await until(() => all('feedConnected').length > 1, 'the feed again');
      expect(callsOf('giveUp')).toHaveLength(0);
      expect(new Set(callsOf('submitProof').map(({ body }) => body.message.contentHash)).size).toBe(1);
    });

    it('is waited for by an agent that starts, without hurry', async () => {
      line.trouble = trouble;
      await start(5);
      await until(() => line.counted.size > 0, 'a first attempt');
      await trouble10Min();
      expectNoHurry();
      const asked = [...line.counted.values()].flat();
      expect(asked.length).toBeGreaterThan(10);
      expect(asked.length).toBeLessThanOrEqual(TROUBLE_MS / 2_500 + 20);
      line.end();
      await until(() => all('ready').length > 0, 'the agent');
    });
  },
);

describe.each([
  ['ahead of', 300_000],
  ['behind', -300_000],
])('a machine whose clock is five minutes %s the coordinator’s', (_, skewMs) => {
  it('bids, proves and delivers by the coordinator’s clock, and says by how much it differs', async () => {
    // The machine's clock is right, so the coordinator's is wrong by as much the other way.
    const nowMs = () => Date.now() - skewMs;
    coordinator.handlers.getMarket = () => ({ ...FAKE_MARKET, nowMs: nowMs() });
    coordinator.handlers.beat = () => ({ leaseMs: 800, nowMs: nowMs(), dropJobIds: [] });
    const times = { openedAtMs: nowMs(), closesAtMs: nowMs() + 5_000, deadlineMs: nowMs() + 60_000 };
    coordinator.handlers.listOpenRounds = () => ({ rounds: [{ ...openRound(), ...times }] });
    const side = sideOf(account.address, { dueMs: nowMs() + 30_000 });
    dues = [jobOf(0, { circuitId: circuit.circuitId, deadlineMs: nowMs() + 60_000, primary: side })];
    await start(20);
    await until(() => callsOf('submitProof').length === 1 && callsOf('placeBid').length === 1, 'a delivery and a bid');
    const { message } = callsOf('placeBid')[0]!.body;
    expect(message.expiresAtMs).toBeGreaterThan(nowMs());
    expect(message.expiresAtMs).toBeLessThan(nowMs() + 240_000);
    expect(Math.abs(callsOf('registerProver')[0]!.body.message.issuedAtMs - nowMs())).toBeLessThan(60_000);
    const [told] = all('clockDiffers');
    expect(Math.abs(Number(told!.fields.aheadMs) - skewMs)).toBeLessThan(60_000);
    expect(callsOf('giveUp')).toHaveLength(0);
  });
});

const openRound = () => ({
  ...{ roundId: `${BLOCK_ID}.r0`, blockId: BLOCK_ID, circuitId: circuit.circuitId, jobIds: [`${BLOCK_ID}.7`] },
  ...{ step: 0, parametersVersion: 1, sealing: 'receipt' as const, sealedAtMs: null, sealedEntryIndex: null },
  ...{
    revealsUntilMs: null,
    revealExcused: false,
    maxPriceWei: (10n ** 18n).toString(),
    clearedAtMs: null,
    withdrawn: false,
  },
  ...{ escalations: [], bidCount: 0 },
});
