/**
 * A coordinator for tests of the agent's side of the wire: it checks requests against the table of routes and answers
 * what the test says. It has no market behind it; the end-to-end tests have the real one.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Entry } from '#protocol/entries.js';
import type { BlockRequest } from '#protocol/messages.js';
import { DEFAULT_PARAMETERS } from '#protocol/parameters.js';
import { REJECTIONS, type RejectionCode } from '#protocol/rejections.js';
import type { Route } from '#protocol/route.js';
import { ROUTES, type RouteName } from '#protocol/routes.js';
import type { Hex } from '#protocol/units.js';
import type { BlockView } from '#protocol/views.js';

/** Parts of a request after its route's schemas. */
// biome-ignore lint/suspicious/noExplicitAny: one handler type for all routes of a test's server
export type Request = { params: any; query: any; body: any };

/** Says no with a code of the table. */
export class Refusal extends Error {
  constructor(readonly code: RejectionCode) {
    super(code);
  }
}

/** What the server says for each route; a route without a handler answers 503. Buffers are sent as they are. */
export type Handlers = Partial<Record<RouteName, (request: Request) => unknown>>;

/** A server on a free port of this machine. */
export interface FakeCoordinator {
  baseUrl: string;
  handlers: Handlers;
  /** Every call that was answered, oldest first. */
  calls: { name: RouteName; request: Request }[];
  /** Sends an entry to all who follow the feed, and keeps it for those who come back. */
  publish(entry: Entry): void;
  /** Breaks all feeds off. */
  dropFeeds(): void;
  close(): Promise<void>;
}

/** The market of the fake: the agent signs under it. */
export const FAKE_MARKET = {
  origin: 'test.example/market',
  coordinatorId: `0x${'5a'.repeat(32)}`,
  chainId: 31_337,
  logKey: 'none',
  faucet: true,
  parametersVersion: 1,
  parameters: { ...DEFAULT_PARAMETERS, leaseMs: 800 },
  treeSize: 0,
};

const { scoreOutcomesMin, scoreOnTimePpmMin, scoreLatencyPctMax, scoreReachablePpmMin, recordWindowMs, outcomesMax } =
  DEFAULT_PARAMETERS;
const LINE = {
  scoreOutcomesMin,
  scoreOnTimePpmMin,
  scoreLatencyPctMax,
  scoreReachablePpmMin,
  recordWindowMs,
  outcomesMax,
};

const ETHER = (10n ** 18n).toString();

/** A block whose requester pays up to one ether a job. */
export function blockOf(blockId: Hex, request: Partial<BlockRequest> = {}): BlockView {
  return {
    blockId,
    request: {
      requester: `0x${'0e'.repeat(20)}`,
      nonce: 1,
      label: 'test',
      circuitId: `0x${'cc'.repeat(32)}`,
      blockHash: `0x${'00'.repeat(32)}`,
      deadlineMs: 1,
      bidWindowsMs: [1_000],
      roundPricesWei: [ETHER],
      maxPriceWei: ETHER,
      missCostWei: ETHER,
      backup: 'market',
      minSuccessPpm: 0,
      maxOwnerShareBps: 10_000,
      allowedOwners: [],
      award: 'cheapest',
      pricing: 'vickrey',
      sealing: 'receipt',
      pool: 'open',
      ...request,
    },
    status: 'open',
    submittedAtMs: 1,
    withdrawnAtMs: null,
    completedAtMs: null,
    jobIds: [],
    roundIds: [],
    provenCount: 0,
    expiredCount: 0,
  };
}

/** Starts the server. Market, login, registration and an account with money are answered unless `handlers` say other. */
export async function startFakeCoordinator(handlers: Handlers): Promise<FakeCoordinator> {
  const accepted = { digest: `0x${'00'.repeat(32)}`, firstIndex: 0, entryCount: 1, atMs: Date.now() };
  const fake = { handlers: {} as Handlers, calls: [] as FakeCoordinator['calls'] };
  const defaults: Handlers = {
    getMarket: () => ({ ...FAKE_MARKET, nowMs: Date.now() }),
    listLogs: async () => {
      const { origin, logKey } = (await fake.handlers.getMarket!({} as never)) as typeof FAKE_MARKET;
      const open = { size: null, followedBy: null, isAnnounced: false, closedAtMs: null };
      return { logs: [{ number: 0, origin, logKey, firstIndex: 0, ...open }] };
    },
    getAccount: ({ params }) => ({
      address: params.address,
      freeWei: (10n ** 24n).toString(),
      bondedWei: '0',
      lastNonce: 0,
      prover: null,
    }),
    getScores: ({ params }) => ({ prover: params.address, nowMs: Date.now(), line: LINE, scores: [] }),
    getBlock: ({ params }) => blockOf(params.blockId),
    registerProver: () => accepted,
    listChallenges: () => ({ challenges: [] }),
    getLoginNonce: () => ({ nonce: 'abcdefgh12345678', expiresAtMs: Date.now() + 60_000 }),
    logIn: () => ({ token: 'token', expiresAtMs: Date.now() + 3_600_000 }),
    listCircuits: () => ({ circuits: [] }),
    listDues: ({ params }) => ({ prover: params.address, jobs: [] }),
    listOpenRounds: () => ({ rounds: [] }),
    listPool: () => ({ jobs: [] }),
    commitToPool: () => accepted,
    announceAgent: () => ({ leaseMs: 800, nowMs: Date.now() }),
    beat: () => ({ leaseMs: 800, nowMs: Date.now(), dropJobIds: [] }),
    submitProof: () => accepted,
    giveUp: () => accepted,
    placeBid: ({ body }) => ({
      ...accepted,
      roundId: body.message.roundId,
      prover: body.message.prover,
      commitment: `0x${'00'.repeat(32)}`,
      type: 'bidPlaced',
      origin: FAKE_MARKET.origin,
      receiptSignature: `0x${'00'.repeat(64)}`,
    }),
  };
  const feeds = new Set<ServerResponse>();
  const entries: Entry[] = [];
  fake.handlers = { ...defaults, ...handlers };
  const server = createServer((request, response) => void serve(fake, feeds, entries, request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(fake, {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    publish(entry: Entry) {
      entries.push(entry);
      for (const feed of feeds) feed.write(eventOf(entry, entries.length - 1));
    },
    dropFeeds() {
      for (const feed of feeds) feed.destroy();
      feeds.clear();
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

const eventOf = (entry: Entry, index: number) => `id: ${index}\ndata: ${JSON.stringify(entry)}\n\n`;

async function serve(
  fake: Pick<FakeCoordinator, 'handlers' | 'calls'>,
  feeds: Set<ServerResponse>,
  entries: readonly Entry[],
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://fake');
  const found = routeOf(request.method ?? '', url.pathname);
  if (!found) return answer(response, 404, problemOf('notFound'));
  if (found.name === 'followFeed') return openFeed(feeds, entries, request, response);
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  try {
    const { route, name } = found;
    const body = route.body?.parse(JSON.parse(Buffer.concat(chunks).toString()));
    const call = { params: found.params, query: Object.fromEntries(url.searchParams), body };
    if (route.auth === 'token' && request.headers.authorization !== 'Bearer token') throw new Refusal('notLoggedIn');
    const handler = fake.handlers[name];
    if (!handler) throw new Refusal('unavailable');
    const result = await handler(call);
    fake.calls.push({ name, request: call });
    answer(response, 200, result);
  } catch (error) {
    const code = error instanceof Refusal ? error.code : 'badRequest';
    answer(response, REJECTIONS[code][0], problemOf(code, error instanceof Refusal ? '' : String(error)));
  }
}

function openFeed(
  feeds: Set<ServerResponse>,
  entries: readonly Entry[],
  request: IncomingMessage,
  response: ServerResponse,
): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' }).write(': hello\n\n');
  const last = request.headers['last-event-id'];
  if (last !== undefined) {
    entries.slice(Number(last) + 1).forEach((entry, i) => {
      response.write(eventOf(entry, Number(last) + 1 + i));
    });
  }
  feeds.add(response);
  response.on('close', () => feeds.delete(response));
}

function routeOf(method: string, path: string) {
  for (const [name, route] of Object.entries(ROUTES) as [RouteName, Route][]) {
    const names: string[] = [];
    const pattern = route.path.replace(/:([a-zA-Z0-9]+)/g, (_, key: string) => {
      names.push(key);
      return '([^/]+)';
    });
    const match = new RegExp(`^${pattern}$`).exec(path);
    if (!match || route.method !== method) continue;
    const params = Object.fromEntries(names.map((key, i) => [key, decodeURIComponent(match[i + 1]!)]));
    return { name, route, params };
  }
  return null;
}

function problemOf(code: RejectionCode, detail = '') {
  const [status, title] = REJECTIONS[code];
  return { type: 'about:blank', title, status, detail, code };
}

function answer(response: ServerResponse, status: number, result: unknown): void {
  const isBytes = result instanceof Uint8Array;
  response.writeHead(status, { 'content-type': isBytes ? 'application/octet-stream' : 'application/json' });
  response.end(isBytes ? result : JSON.stringify(result));
}
