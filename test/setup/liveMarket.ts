/**
 * A market as it is run: coordinators and agents in processes of their own, a real database, HTTP between them. What
 * the market acknowledged to the test is kept, so that invariant I1 can be checked after any crash.
 */

import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Pool } from 'pg';
import { expect } from 'vitest';
import { repeatUntilDone } from '#agent/backoff.js';
import { type Account, accountOf, newPrivateKey, randomBytes32 } from '#agent/client/account.js';
import { openSession } from '#agent/client/openSession.js';
import { isUnreachable, type Session } from '#agent/client/session.js';
import { LogAudit } from '#auditor/auditLog.js';
import { tileLogSource } from '#auditor/tileLogSource.js';
import { httpTileSource } from '#auditor/tileSource.js';
import { blockTerms } from '#protocol/blockTerms.js';
import { type Client, createClient } from '#protocol/client.js';
import { contentHashOf } from '#protocol/contentHash.js';
import type { BlockRequest } from '#protocol/messages.js';
import type { Parameters } from '#protocol/parameters.js';
import type { RouteCall } from '#protocol/routeCalls.js';
import { digestOf } from '#protocol/typedData.js';
import type { Address, Hex } from '#protocol/units.js';
import type { MarketView } from '#protocol/views.js';
import { createVerifierPool } from '#verifier/verifierPool.js';
import type { TestContract } from '../settlement/testTokens.js';
import { createTestDatabase } from './database.js';
import { invariantFlaws } from './invariants.js';
import { LiveChain } from './liveChain.js';
import { LiveLog } from './liveLog.js';
import { LiveProcess, until } from './liveProcess.js';

export const ETHER = 10n ** 18n;
const PATIENCE_MS = 60_000;

export interface LiveMarketOptions {
  parameters?: Partial<Parameters>;
  /** The coordinator brings its own PostgreSQL, as a newcomer's does. */
  embedded?: boolean;
  /** The money is on a chain of the market's own, and comes from deposits: ETH, or a token of the tests. */
  chain?: boolean | TestContract;
}

/** A coordinator process that can be killed and started again in its place. */
export class LiveCoordinator {
  process!: LiveProcess;
  url = '';
  /** How far the clock of the next process is ahead of this one's, in milliseconds. */
  clockAheadMs = 0;
  readonly #args: string[];
  readonly #environment: Record<string, string>;

  constructor(args: string[], environment: Record<string, string>) {
    this.#args = args;
    this.#environment = environment;
  }

  /** Starts the process, again on the same port, and returns when it serves. */
  async start(): Promise<void> {
    this.launch();
    const up = await this.process.line(({ msg }) => msg === 'the coordinator is up', 'the coordinator is up');
    this.url = String(up.url);
  }

  /** Starts the process without waiting for it. */
  launch(): void {
    const port = this.url ? new URL(this.url).port : '0';
    const clock = this.clockAheadMs === 0 ? {} : clockOff(this.clockAheadMs);
    this.process = new LiveProcess([...this.#args, '--port', port], { ...this.#environment, ...clock });
  }

  async kill(): Promise<void> {
    await this.process.kill();
  }
}

const skewedClock = new URL('../fixtures/skewedClock.mjs', import.meta.url).href;

/** The environment of a process whose clock is wrong by so many milliseconds. */
export function clockOff(ms: number): Record<string, string> {
  return { NODE_OPTIONS: `--import ${skewedClock}`, CLOCK_SKEW_MS: String(ms) };
}

/** The body of a block submission: the same object is the same message. */
export type BlockOrder = RouteCall<'submitBlock'>['body'] & { message: BlockRequest; blockId: Hex };

export class LiveMarket {
  readonly folder: string;
  readonly log = new LiveLog();
  /** Digests of every message that was answered with "accepted". */
  readonly acknowledged = new Set<string>();
  readonly requester: Account = accountOf(newPrivateKey());
  readonly coordinators: LiveCoordinator[] = [];
  pool!: Pool;
  view!: MarketView;
  /** The chain with the market's money; null on a market of demo money. */
  chain: LiveChain | null = null;
  readonly #closers: (() => Promise<unknown>)[] = [];
  #closeDatabase: () => Promise<void> = async () => {};
  readonly #parameters: Partial<Parameters>;
  #nonce = 0;
  #environment: Record<string, string> = {};

  private constructor({ parameters = {} }: LiveMarketOptions) {
    // Most of these tests are about other things than how a prover begins.
    this.#parameters = { newcomerJobs: 0, ...parameters };
    this.folder = mkdtempSync(join(tmpdir(), 'understudy-e2e-'));
    // The embedded server may run as another user, who has to reach its files.
    chmodSync(this.folder, 0o711);
  }

  /** Opens a market with one coordinator and a rich requester. */
  static async open(options: LiveMarketOptions = {}): Promise<LiveMarket> {
    const market = new LiveMarket(options);
    try {
      if (!options.embedded) await market.#useTestDatabase();
      if (options.chain) {
        const token = options.chain === true ? null : options.chain;
        market.chain = await LiveChain.start(join(market.folder, 'market', 'chain-key.json'), token);
      }
      const coordinator = await market.addCoordinator();
      if (options.embedded) market.#useEmbeddedDatabase();
      market.view = await market.client().call('getMarket', {});
      await market.log.follow(coordinator.url);
      await market.fund(market.requester.address, 100n * ETHER);
      return market;
    } catch (error) {
      await market.close();
      throw error;
    }
  }

  async #useTestDatabase(): Promise<void> {
    const database = await createTestDatabase();
    this.#closeDatabase = () => database.drop();
    this.pool = database.pool;
    this.#environment = { DATABASE_URL: database.databaseUrl };
  }

  /** Connects to the server that the coordinator has started, by what it left in its folder. */
  #useEmbeddedDatabase(): void {
    const folder = join(this.folder, 'market', 'postgres');
    const port = readFileSync(join(folder, 'cluster', 'postmaster.pid'), 'utf8').split('\n')[3];
    const password = readFileSync(join(folder, 'password'), 'utf8');
    this.pool = new Pool({
      connectionString: `postgres://understudy:${password}@127.0.0.1:${port}/understudy`,
      max: 2,
    });
    this.pool.on('error', () => {});
    const { pool } = this;
    this.#closers.push(async () => void (pool.ended || (await pool.end())));
    this.#closeDatabase = async () => endOrphanedServer(folder);
  }

  /** Finds the embedded server again after it was started anew. */
  async reconnectEmbedded(): Promise<void> {
    await this.pool.end();
    this.#useEmbeddedDatabase();
  }

  /** Where the database is; empty for an embedded one. */
  get databaseUrl(): string {
    return this.#environment.DATABASE_URL ?? '';
  }

  /** Starts one more coordinator on the same database. */
  async addCoordinator(): Promise<LiveCoordinator> {
    const args = ['coordinator', '--data-dir', join(this.folder, 'market'), '--rate-limit', '0'];
    args.push(...(this.chain ? this.chain.flags : ['--faucet']));
    args.push('--parameters', JSON.stringify(this.#parameters));
    const coordinator = new LiveCoordinator(args, this.#environment);
    this.coordinators.push(coordinator);
    await coordinator.start();
    return coordinator;
  }

  /** The first coordinator. */
  get coordinator(): LiveCoordinator {
    return this.coordinators[0]!;
  }

  /** Runs something when the market closes; the last one added runs first. */
  onClose(closer: () => Promise<unknown>): void {
    this.#closers.push(closer);
  }

  /** `fetch` that keeps the digests of accepted messages once their answer has come in whole. */
  readonly fetch: typeof fetch = async (input, init) => {
    const response = await fetch(input, init);
    if (init?.method !== 'POST' || !response.ok) return response;
    const text = await response.text();
    const { digest } = JSON.parse(text) as { digest?: string };
    if (digest) this.acknowledged.add(digest);
    return new Response(text, { status: response.status, headers: response.headers });
  };

  client(url = this.coordinator.url): Client {
    return createClient({ baseUrl: url, fetch: this.fetch, timeoutMs: 15_000 });
  }

  /** Sends the same again while the coordinator cannot be reached. */
  patiently<Result>(action: () => Promise<Result>): Promise<Result> {
    return repeatUntilDone(action, { isWorthRepeating: isUnreachable, signal: AbortSignal.timeout(PATIENCE_MS) });
  }

  /** A party's dealings with a coordinator, one message at a time. */
  session(account: Account, url = this.coordinator.url): Promise<Session> {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    return openSession({ baseUrl: url, account, log: () => {}, signal, fetch: this.fetch });
  }

  async fund(address: Address, amountWei: bigint): Promise<void> {
    if (this.chain) {
      const heldWei = await this.freeWei(address);
      await this.chain.deposit(address, amountWei);
      await until(async () => (await this.freeWei(address)) === heldWei + amountWei, 'the deposit is credited');
      return;
    }
    const body = { address, amountWei: amountWei.toString(), reference: randomBytes32() };
    await this.patiently(() => this.client().call('requestDeposit', { body }));
  }

  /** Signs a block request with terms that suit most tests. */
  async order(blockFile: unknown, terms: Partial<BlockRequest> = {}): Promise<BlockOrder> {
    const { circuits } = await this.client().call('listCircuits', {});
    this.#nonce += 1;
    const message: BlockRequest = {
      requester: this.requester.address,
      nonce: this.#nonce,
      circuitId: circuits[0]!.circuitId,
      blockHash: contentHashOf(blockFile),
      ...blockTerms({
        deadlineMs: Date.now() + 300_000,
        bidWindowMs: 1_000,
        maxPriceWei: BigInt(terms.maxPriceWei ?? 10n ** 15n),
      }),
      ...terms,
    };
    const { chainId, coordinatorId } = this.view;
    const blockId = digestOf({ chainId, coordinatorId }, 'BlockRequest', message);
    return { message, signature: this.requester.signDigest(blockId), blockFile, blockId };
  }

  /** Sends an order until it is answered. */
  async submit({ blockId, ...body }: BlockOrder, url?: string): Promise<Hex> {
    const answer = await this.patiently(() => this.client(url).call('submitBlock', { body }));
    expect(answer.blockId).toBe(blockId);
    return answer.blockId;
  }

  /** Free money of an account, in wei; nothing of it may be bonded any more when `settled`. */
  async freeWei(address: Address, settled = false): Promise<bigint> {
    const view = await this.patiently(() => this.client().call('getAccount', { params: { address } }));
    if (settled) expect(view.bondedWei).toBe('0');
    return BigInt(view.freeWei);
  }

  /** Every invariant, the feed, and an audit of the whole log over HTTP from nothing: at the end of every test. */
  async expectSound(url = this.coordinator.url): Promise<void> {
    const verifier = createVerifierPool({ threads: 1 });
    const audit = new LogAudit(tileLogSource(httpTileSource(url)), { verifier, threads: 1 });
    try {
      expect((await audit.run()).flaws).toEqual([]);
    } finally {
      await Promise.all([audit.close(), verifier.close()]);
    }
    expect(await this.log.flaws(this.pool)).toEqual([]);
    expect(await invariantFlaws(this.pool, this.acknowledged)).toEqual([]);
  }

  /** Ends everything that was started. Coordinators are told to stop, as Ctrl-C would; returns their exit codes. */
  async close(): Promise<(number | string)[]> {
    await this.log.close();
    for (const closer of this.#closers.splice(0).reverse()) await closer();
    const ends: (number | string)[] = [];
    for (const { process } of this.coordinators) if (process) ends.push(await process.stop());
    await this.#closeDatabase();
    await this.chain?.stop();
    rmSync(this.folder, { recursive: true, force: true });
    return ends;
  }
}

/** Ends the embedded server of a coordinator that could not do so itself. */
function endOrphanedServer(folder: string): void {
  try {
    process.kill(Number(readFileSync(join(folder, 'cluster', 'postmaster.pid'), 'utf8').split('\n')[0]), 'SIGINT');
  } catch {
    // It has ended, as it should.
  }
}
