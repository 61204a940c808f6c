/** A coordinator that is away, slow or broken, or whose clock is another: no assignment is lost, and nobody hurries. */
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
import { BLOCK_ID, committedCircuit, jobOf, sideOf, slowProver } from './agentFixtures.js';
import { FAKE_MARKET, type FakeCoordinator, startFakeCoordinator } from './fakeCoordinator.js';

// Other work may share the machine; what is waited for has deadlines of its own.
vi.setConfig({ testTimeout: 120_000 });

const bytes = Buffer.from('an artifact');
const artifact = { sha256: `0x${createHash('sha256').update(bytes).digest('hex')}` as const, bytes: bytes.length };
const circuit = committedCircuit({ wasm: artifact, zkey: artifact });

/** How long the coordinator is in trouble, in milliseconds; the longest pause between attempts is 5 s. */
const TROUBLE_MS = 5_000;

let dataDir: string;
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
  /** Requests that came while there was trouble, by path. */
  readonly counted = new Map<string, number>();
  readonly #server: Server;
  readonly #held = new Set<ServerResponse>();

  constructor(target: string) {
    this.#server = createServer((request, response) => {
      const path = (request.url ?? '').split('?')[0]!;
      if (this.trouble !== 'none') this.counted.set(path, (this.counted.get(path) ?? 0) + 1);
      if (this.trouble === 'down') return void request.socket.destroy();
      if (this.trouble === 'silent') return void this.#held.add(response);
      if (this.trouble === 'error500') return void response.writeHead(500).end('<h1>Internal Server Error</h1>');
      if (this.trouble === 'rubbish') return void response.writeHead(200).end('{"what":');
      void pass(request, response, target).catch(() => response.destroy());
    });
  }

  async open(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  end(): void {
    this.trouble = 'none';
    for (const response of this.#held) response.destroy();
    this.#held.clear();
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
  dataDir = mkdtempSync(join(tmpdir(), 'understudy-trouble-'));
  account = accountOf(newPrivateKey());
  [dues, events, stop, running] = [[], [], new AbortController(), Promise.resolve()];
  coordinator = await startFakeCoordinator({
    listCircuits: () => ({ circuits: [circuit] }),
    getArtifact: () => bytes,
    listDues: () => ({ prover: account.address, jobs: dues }),
    getJobInput: () => ({ inputHash: contentHashOf(sampleInput()), input: sampleInput() }),
  });
  line = new Line(coordinator.baseUrl);
});

afterEach(async () => {
  stop.abort();
  line.end();
  await running;
  line.close();
  await coordinator.close();
  rmSync(dataDir, { recursive: true, force: true });
});

async function start(provingMs: number, more: object = {}): Promise<void> {
  const config = parseAgentConfig({ coordinator: await line.open(), dataDir, finishMs: 0, ...more });
  const log = (event: string, fields = {}) => void events.push({ event, fields });
  running = runAgent(config, { account, log, signal: stop.signal, createProver: slowProver(provingMs) });
}

const all = (event: string) => events.filter((one) => one.event === event);
const callsOf = (name: string) => coordinator.calls.filter((call) => call.name === name).map((call) => call.request);
const mine = (index: number) =>
  jobOf(index, {
    circuitId: circuit.circuitId,
    deadlineMs: Date.now() + 600_000,
    primary: sideOf(account.address, { dueMs: Date.now() + 600_000 }),
  });

async function until(holds: () => boolean, what: string): Promise<void> {
  const endMs = performance.now() + 60_000;
  while (!holds()) {
    if (performance.now() > endMs) throw new Error(`waited in vain for ${what}: ${JSON.stringify(events.slice(-5))}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe.each(['down', 'silent', 'error500', 'rubbish'] as const)('a coordinator that is %s for a while', (trouble) => {
  it('costs no assignment: what was proven meanwhile is delivered once, and nobody hammers at it', async () => {
    await start(500);
    await until(() => all('feedConnected').length > 0, 'the feed');
    dues = [mine(0)];
    coordinator.dropFeeds();
    await until(() => all('proofStarted').length > 0, 'a proof');
    const before = callsOf('beat').length;
    line.trouble = trouble;
    coordinator.dropFeeds();
    await new Promise((resolve) => setTimeout(resolve, TROUBLE_MS));
    expect(all('proofMade')).toHaveLength(1);
    expect(callsOf('submitProof')).toHaveLength(0);
    // Pauses double from 0.2 s to 5 s, half of that at random: 10 attempts in 5 s at the very most, for each thing to do.
    for (const [path, count] of line.counted) {
      const isHeartbeat = path.includes('heartbeat');
      // Four a lease, which is 0.8 s here, and the first at once.
      expect(count, path).toBeLessThanOrEqual(isHeartbeat ? (TROUBLE_MS / 800) * 4 + 10 : 12);
    }
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
    await new Promise((resolve) => setTimeout(resolve, TROUBLE_MS / 2));
    const asked = [...line.counted.values()].reduce((sum, count) => sum + count, 0);
    expect(asked).toBeGreaterThan(0);
    expect(asked).toBeLessThanOrEqual(12);
    line.end();
    await until(() => all('ready').length > 0, 'the agent');
  });
});

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
