/** A market behind its HTTP API, on a real database, under a clock of the test's own. */
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { privateKeyToAccount } from 'viem/accounts';
import { createSiweMessage } from 'viem/siwe';
import { sampleInput } from '#agent/proving/sampleInput.js';
import type { ApiDeps, ApiOptions } from '#api/apiDeps.js';
import { buildApp } from '#api/app.js';
import { ArtifactShelf } from '#api/artifactShelf.js';
import { Heartbeats } from '#api/heartbeats.js';
import { createHeavyWork, type HeavyWork } from '#api/heavyWork.js';
import { createPrisma } from '#api/prisma.js';
import { WorkingAgents } from '#api/workingAgents.js';
import { buildExampleBlock } from '#circuits/exampleBlock.js';
import type { OperatorKey } from '#journal/operatorKey.js';
import { type Client, createClient } from '#protocol/client.js';
import { contentHashOf } from '#protocol/contentHash.js';
import type { Bid, BlockRequest, Messages, MessageType } from '#protocol/messages.js';
import type { BlockFile } from '#protocol/rollup/blockFile.js';
import type { Address, Hex } from '#protocol/units.js';
import { createCircuitChecker } from '#verifier/circuitChecker.js';
import { createVerifierPool, type VerifierPool } from '#verifier/verifierPool.js';
import { tinySamples } from '../fixtures/tinyCircuit.js';
import { createTestDatabase, type TestDatabase } from './database.js';
import { JournalExecutor } from './journalExecutor.js';
import { DOMAIN, ETH, MarketDriver, type Party } from './marketDriver.js';
import { OPERATOR } from './testOperator.js';

export interface ApiMarket {
  app: FastifyInstance;
  client: Client;
  url: string;
  host: string;
  database: TestDatabase;
  executor: JournalExecutor;
  driver: MarketDriver;
  heavyWork: HeavyWork;
  heartbeats: Heartbeats;
  /** What the API logged as its own failure. */
  failures: { message: string; fields: Record<string, unknown> }[];
  artifacts: Map<Hex, string>;
  /** Stops serving and serves again at the same address; clients are cut. */
  restart(whileDown?: () => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

/** Where the build puts the web page. */
export const EXPLORER_FOLDER = 'dist/coordinator/explorer/page';

export const FAUCET_LIMIT_WEI = 1_000n * ETH;

/** The one sample of a market's circuit, when it has one. */
export const SAMPLE = { publicSignals: ['1', '2', '3'], inputHash: contentHashOf(sampleInput()) };

/**
 * Opens a market and serves it on a free port of the loopback.
 * @param samples - from which challenges are drawn; none: nobody needs to pass one
 * @param place - whose market it is, where it is served, and the database that holds it already, if one does
 */
export async function openApiMarket(
  options: ApiOptions = {},
  samples: (typeof SAMPLE)[] = [],
  place: { operator: OperatorKey; port: number; database?: TestDatabase } = { operator: OPERATOR, port: 0 },
): Promise<ApiMarket> {
  const database = place.database ?? (await createTestDatabase());
  const executor = await JournalExecutor.open(database.pool, place.operator);
  const driver = new MarketDriver(executor);
  if (!place.database) await driver.open({}, samples, place.operator);
  const failures: ApiMarket['failures'] = [];
  const log = { error: (message: string, fields: Record<string, unknown>) => void failures.push({ message, fields }) };
  const heavyWork = createHeavyWork({ domain: DOMAIN });
  const heartbeats = new Heartbeats({ pool: database.pool, log, flushMs: 20 });
  const agents = new WorkingAgents({ pool: database.pool, log, flushMs: 20 });
  const verifier: VerifierPool = createVerifierPool({ threads: 1 });
  const artifacts = new Map<Hex, string>();
  const folder = await mkdtemp(join(tmpdir(), 'understudy-shelf-'));
  const shelf = new ArtifactShelf({
    folder,
    builtIn: { pathOf: (sha256) => artifacts.get(sha256) ?? null },
    named: () => new Set(),
    nowMs: () => Date.now(),
  });
  const circuitChecker = createCircuitChecker({ pathOf: (sha256) => shelf.pathOf(sha256), stepMsMax: 5_000 });
  const prisma = createPrisma(database.pool);
  const deps: ApiDeps = {
    journal: executor.journal,
    pool: database.pool,
    prisma,
    verifier,
    heavyWork,
    heartbeats,
    agents,
    shelf,
    circuitChecker,
    sampleInput: (inputHash) => (inputHash === SAMPLE.inputHash ? sampleInput() : null),
    explorerFolder: EXPLORER_FOLDER,
    tokenSecret: new Uint8Array(32).fill(7),
    nowMs: () => Math.max(executor.nowMs, driver.nowMs),
    faucetLimitWei: FAUCET_LIMIT_WEI,
    log,
    options: { checkResponses: true, ...options },
  };
  let app = await serve(deps, place.port);
  const { port } = app.server.address() as AddressInfo;
  const host = `127.0.0.1:${port}`;
  const restart = async (whileDown: () => Promise<void> = async () => {}) => {
    await app.close();
    await whileDown();
    app = await serve(deps, port);
  };
  const url = `http://${host}`;
  const close = async () => {
    await app.close();
    await Promise.all([
      heavyWork.close(),
      verifier.close(),
      heartbeats.flush(),
      agents.flush(),
      circuitChecker.close(),
    ]);
    await rm(folder, { recursive: true });
    await prisma.$disconnect();
    await executor.journal.close();
    await database.drop();
  };
  const client = createClient({ baseUrl: url, fetch, timeoutMs: 30_000 });
  const parts = { client, url, host, database, executor, driver, heavyWork, heartbeats, failures, artifacts };
  return {
    ...parts,
    get app() {
      return app;
    },
    restart,
    close,
  };
}

async function serve(deps: ApiDeps, port: number): Promise<FastifyInstance> {
  const app = await buildApp(deps);
  await app.listen({ host: '127.0.0.1', port });
  return app;
}

/** A message with its signature, as a body takes it. */
export async function signed<Type extends MessageType>(signer: Party, type: Type, message: Messages[Type]) {
  return { message, signature: (await signer.sign(type, message)).signature };
}

const exampleBlocks = new Map<number, BlockFile>();

/** A fresh copy of an example block, which is made once: signing its transfers takes time. */
function exampleBlock(transfers: number): BlockFile {
  const made = exampleBlocks.get(transfers) ?? buildExampleBlock({ transfers, seed: 1 });
  exampleBlocks.set(transfers, made);
  return structuredClone(made);
}

/** A request for an example block that the market takes as it stands, with the file. */
export async function blockOrder(
  market: ApiMarket,
  requester: Party,
  terms: Partial<BlockRequest> = {},
  transfers = 2,
) {
  const blockFile = exampleBlock(transfers);
  const message = await market.driver.request(requester, { blockHash: contentHashOf(blockFile), ...terms });
  return { ...(await signed(requester, 'BlockRequest', message)), blockFile };
}

let salt = 0;

/** A bid that counts, unless the terms say otherwise. */
export function bidOn(market: ApiMarket, prover: Party, roundId: string, terms: Partial<Bid> = {}): Bid {
  salt += 1;
  return {
    roundId,
    prover: prover.address,
    priceWei: '1000',
    standbyWei: '0',
    maxJobs: 100,
    maxConcurrent: 2,
    provingMsP95: 500,
    expiresAtMs: market.driver.nowMs + 1_000_000,
    salt: `0x${salt.toString(16).padStart(64, '0')}`,
    ...terms,
  };
}

/** A submission of something that is spelled like a zkProof. */
export async function submissionOf(prover: Party, jobId: string, publicSignals: string[], sample = 0) {
  const { zkProof } = tinySamples('groth16')[sample]!;
  const message = { jobId, prover: prover.address, contentHash: contentHashOf({ publicSignals, zkProof }) };
  return { ...(await signed(prover, 'ProofSubmission', message)), publicSignals, zkProof };
}

/** The account behind `party(seed)` of the market driver, for signatures that are no typed data. */
export function accountOf(seed: number) {
  return privateKeyToAccount(`0x${(seed + 1).toString(16).padStart(64, '0')}`);
}

/** A login message by viem, which shares no code with ours. */
export async function loginBody(market: ApiMarket, seed: number, changes: Record<string, unknown> = {}) {
  const account = accountOf(seed);
  const { nonce } = await market.client.call('getLoginNonce', {});
  const message = createSiweMessage({
    address: account.address,
    chainId: DOMAIN.chainId,
    domain: market.host,
    nonce,
    uri: `${market.url}/v1/login`,
    version: '1',
    issuedAt: new Date(market.driver.nowMs),
    ...changes,
  });
  return { message, signature: (await account.signMessage({ message })) as Hex };
}

/** Logs `party(seed)` in. */
export async function logIn(market: ApiMarket, seed: number): Promise<string> {
  return (await market.client.call('logIn', { body: await loginBody(market, seed) })).token;
}

/** Who holds the first seat of a job. */
export function primaryOf(market: ApiMarket, jobId: string): Address {
  return market.driver.job(jobId).primary!.prover;
}
