/**
 * Composes a coordinator: database, journal, queue, verifier, API. Everything is built here and nowhere else, in the
 * order in which it depends on one another, and is taken down in the reverse order.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Pool } from 'pg';
import { type Logger, pino } from 'pino';
import { buildApp } from '#api/app.js';
import { ArtifactShelf } from '#api/artifactShelf.js';
import { Heartbeats } from '#api/heartbeats.js';
import { createHeavyWork } from '#api/heavyWork.js';
import { createPrisma } from '#api/prisma.js';
import { WorkingAgents } from '#api/workingAgents.js';
import { startEmbeddedPostgres } from '#journal/embeddedPostgres.js';
import { isImporting } from '#journal/importMark.js';
import { openJournal } from '#journal/journal.js';
import type { Journal } from '#journal/journalPort.js';
import { afterGaps, startLifeSigns } from '#journal/lifeSigns.js';
import { applyMigrations } from '#journal/migrate.js';
import { FIRST_KEY_FILE, type OperatorKeys, openOperatorKey, operatorKeysIn } from '#journal/operatorKey.js';
import { openSecretFile } from '#journal/secretFile.js';
import type { WakeUp } from '#market/wakeUps.js';
import { DEFAULT_PARAMETERS, parametersFlaw, parametersSchema } from '#protocol/parameters.js';
import type { Hex } from '#protocol/units.js';
import { createBalanceRooter } from '#queue/balanceRooter.js';
import { type BellQueue, createBellQueue } from '#queue/bellQueue.js';
import { startChallengeJudge } from '#queue/challengeJudge.js';
import { type Cosigning, startCosigning } from '#queue/cosigning.js';
import { type JudgeOptions, startJudge } from '#queue/judge.js';
import { startLeaseMonitor } from '#queue/leaseMonitor.js';
import { createRoundCloser } from '#queue/roundCloser.js';
import { startWakeUps, type WakeUpService } from '#queue/wakeUpService.js';
import { startWitnessJudge } from '#queue/witnessJudge.js';
import type { ChainClient } from '#settlement/chainClient.js';
import type { SettlementService } from '#settlement/settlementService.js';
import { type CircuitChecker, createCircuitChecker } from '#verifier/circuitChecker.js';
import { createVerifierPool, type VerifierPool } from '#verifier/verifierPool.js';
import { createWitnessChecker } from '#verifier/witnessChecker.js';
import { type BuiltInCircuit, readBuiltInCircuit } from './artifacts.js';
import { bindToChain, chainOf, followChain } from './chainBinding.js';
import { ConfigError, type CoordinatorConfig } from './config.js';
import { serveMetrics } from './metricsServer.js';
import { startProcessMetrics } from './processMetrics.js';

/** How often a coordinator looks whether another replica has written. */
const CATCH_UP_INTERVAL_MS = 250;

const TOKEN_SECRET_BYTES = 32;

/** Where the build puts the web page. */
const EXPLORER_FOLDER = join(dirname(fileURLToPath(import.meta.url)), 'explorer', 'page');

/** How long a database connection may take to open, in milliseconds. */
const CONNECT_MS_MAX = 10_000;

/** A process that stands still inside a transaction holds the log's head: the database ends it after so long. */
const IDLE_IN_TRANSACTION_MS_MAX = 30_000;

/** A running coordinator. */
export interface Coordinator {
  /** Where the API listens, such as `http://127.0.0.1:8787`. */
  url: string;
  pool: Pool;
  journal: Journal;
  verifier: VerifierPool;
  circuit: BuiltInCircuit;
  /** Resolves when something that the coordinator cannot do without has died. */
  failed: Promise<Error>;
  close(): Promise<void>;
}

type Closer = () => Promise<void>;

/** Parts that a measurement or a test puts in the place of the real ones. */
export interface CoordinatorStandIns {
  /** Takes the place of the verifier at the judge's door: zkProofs are then not checked. */
  verify?: JudgeOptions['verify'];
}

/** Starts a coordinator; when any part fails, what was started is stopped again and the error thrown. */
export async function startCoordinator(
  config: CoordinatorConfig,
  standIns: CoordinatorStandIns = {},
): Promise<Coordinator> {
  const closers: Closer[] = [];
  const close = async () => {
    for (const closer of closers.splice(0).reverse()) {
      // One part that cannot be closed must not keep the others, the database above all, from closing.
      await closer().catch((error) => console.error('understudy coordinator: a part did not close:', error));
    }
  };
  try {
    const running = await compose(config, standIns, closers);
    return { ...running, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function compose(
  config: CoordinatorConfig,
  standIns: CoordinatorStandIns,
  closers: Closer[],
): Promise<Omit<Coordinator, 'close'>> {
  const log = pino({ level: config.logLevel, base: null, timestamp: pino.stdTimeFunctions.isoTime });
  const nowMs = () => Date.now();
  mkdirSync(config.dataDir, { recursive: true, mode: 0o700 });
  const keys = operatorKeysIn(config.dataDir);
  const { databaseUrl, died } = await openDatabase(config, log, closers);
  const pool = openPool(databaseUrl, log, closers);
  await applyMigrations(pool);

  let wakeUps: WakeUpService | undefined;
  const onWakeUps = (fresh: WakeUp[]) => wakeUps?.arm(fresh);
  const writer = await openJournal({ pool, keys, nowMs, log, onWakeUps });
  closers.push(() => writer.close());
  const circuit = readBuiltInCircuit();
  const chain = chainOf(config, { nowMs, log });
  const chainId = chain && !writer.state().market ? await chain.chainId() : config.chainId;
  await openMarket({ ...config, chainId }, writer, keys, circuit);
  if (chain || writer.state().settlement) await bindToChain(config, { chain, journal: writer, log });
  const lost = followOthers(writer, keys, log, closers);
  const signs = await startLifeSigns({ pool, journal: writer, replicaId: randomBytes(8).toString('hex'), nowMs, log });
  closers.push(() => signs.stop());
  const journal = afterGaps(writer, signs);
  if (config.metrics) {
    const stopMetrics = startProcessMetrics({ journal, log });
    closers.push(async () => stopMetrics());
  }

  const verifier = createVerifierPool({ threads: config.verifierThreads });
  closers.push(() => verifier.close());
  const verify = standIns.verify ?? ((request) => verifier.verify(request as never));
  const judge = startJudge({ journal, log, verify });
  closers.push(() => judge.stop());
  const challengeJudge = startChallengeJudge({ pool, journal, verify, log });
  closers.push(() => challengeJudge.stop());
  const shelf = openShelf(config, journal, circuit, nowMs);
  const pathOf = (sha256: Hex) => shelf.pathOf(sha256);
  const witnesses = createWitnessChecker({ wasmPathOf: pathOf });
  closers.push(() => witnesses.close());
  const witnessJudge = startWitnessJudge({ pool, journal, check: (question) => witnesses.check(question), log });
  closers.push(() => witnessJudge.stop());
  const leases = startLeaseMonitor({ pool, journal, nowMs, log });
  closers.push(() => leases.stop());
  const bells = await createBellQueue({ databaseUrl, ...optional('redisUrl', config.redisUrl), nowMs, log });
  closers.push(() => bells.close());
  const closer = createRoundCloser({ journal, nowMs });
  const rooter = createBalanceRooter({ journal, nowMs });
  const judges = { judge, challengeJudge, witnessJudge };
  wakeUps = await startWakeUps({ pool, journal, bells, ...judges, closer, rooter, nowMs, log });
  closers.push(wakeUps.stop);

  const settlement = await watchChain(config, chain, { pool, journal, nowMs, log }, closers);
  const cosigning = startCosigning({ journal: writer, cosigners: config.cosigners, log });
  closers.push(() => cosigning.stop());
  const circuitChecker = createCircuitChecker({ pathOf });
  closers.push(() => circuitChecker.close());
  const isReady = () => partsAreReady(bells, verifier, circuit);
  const parts = { pool, journal, verifier, isReady, circuit, shelf, circuitChecker, cosigning, settlement, log, nowMs };
  const url = await serve(config, parts, closers);
  log.info({ url, treeSize: journal.size(), queue: bells.backend }, 'the coordinator is up');
  return { url, pool, journal, verifier, circuit, failed: Promise.race([died, lost]) };
}

/** Follows the chain, if there is one, and shows how it stands to monitoring. */
async function watchChain(
  config: CoordinatorConfig,
  chain: ChainClient | null,
  parts: { pool: Pool; journal: Journal; nowMs: () => number; log: Logger },
  closers: Closer[],
): Promise<SettlementService | null> {
  const settlement = chain && followChain(config, { ...parts, chain });
  if (settlement) closers.push(() => settlement.stop());
  if (config.metricsPort === undefined) return settlement;
  const { url, stop } = await serveMetrics(config.metricsPort, { ...parts, settlement });
  closers.push(stop);
  parts.log.info({ url }, 'metrics are served');
  return settlement;
}

function openPool(connectionString: string, log: Logger, closers: Closer[]): Pool {
  const pool = new Pool({
    connectionString,
    max: 12,
    keepAlive: true,
    connectionTimeoutMillis: CONNECT_MS_MAX,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS_MAX,
  });
  pool.on('error', ({ message }) => {
    // A pool that ends does not wait for its sockets, which the server then cuts.
    if (!pool.ending) log.warn({ reason: message }, 'an idle database connection was lost');
  });
  closers.push(() => pool.end());
  return pool;
}

/** The configured server, or an embedded one in the data folder. */
async function openDatabase(
  config: CoordinatorConfig,
  log: Logger,
  closers: Closer[],
): Promise<{ databaseUrl: string; died: Promise<Error> }> {
  if (isImporting(config.dataDir)) {
    throw new ConfigError(`An import into ${config.dataDir} did not end: run "understudy import" again.`);
  }
  if (config.databaseUrl) return { databaseUrl: config.databaseUrl, died: new Promise(() => {}) };
  const server = await startEmbeddedPostgres({ dataDir: join(config.dataDir, 'postgres'), log });
  let stopping = false;
  closers.push(() => {
    stopping = true;
    return server.stop();
  });
  const died = new Promise<Error>((resolve) => {
    void server.exited.then(() => {
      if (!stopping) resolve(new Error('the embedded PostgreSQL server ended by itself'));
    });
  });
  return { databaseUrl: server.databaseUrl, died };
}

/** Opens the market at the very first start, and makes sure that the key of its present log is here. */
async function openMarket(
  config: CoordinatorConfig,
  journal: Journal,
  keys: OperatorKeys,
  { circuit }: BuiltInCircuit,
): Promise<void> {
  const parameters = parametersSchema.parse({ ...DEFAULT_PARAMETERS, ...config.parameters });
  const flaw = parametersFlaw(parameters);
  if (flaw) throw new ConfigError(`--parameters: ${flaw}`);
  if (!journal.state().market) {
    const { chainId, faucet } = config;
    const { origin, logKey, coordinatorId } = openOperatorKey(join(config.dataDir, FIRST_KEY_FILE), config.origin);
    const market = { origin, coordinatorId, chainId, logKey, faucet, parameters };
    await journal.execute({ kind: 'openMarket', market }, null);
  }
  const lost = lostLog(journal, keys);
  if (lost) throw new ConfigError(lost);
  if (!journal.state().circuits.has(circuit.circuitId)) {
    await journal.execute({ kind: 'registerCircuit', circuit, registration: null }, null);
  }
}

/**
 * Why this coordinator is not the market's: the key of its present log is not here. Null when it is. One whose log was closed
 * for another operator goes on serving what there is.
 */
function lostLog(journal: Journal, keys: OperatorKeys): string | null {
  const { market } = journal.state();
  if (market && keys.of(market)) return null;
  return (
    `This database holds the market ${market?.origin} with the key ${market?.logKey}, and this coordinator has ` +
    `another one. Put the operator-key*.pem of that market into the data folder, or use an empty database.`
  );
}

/**
 * Folds what other replicas write; the feed and the judge learn of it through the journal.
 * @returns resolves when the market goes on under a key that is not here
 */
function followOthers(journal: Journal, keys: OperatorKeys, log: Logger, closers: Closer[]): Promise<Error> {
  let isFollowing = false;
  let lose: (error: Error) => void = () => {};
  const lost = new Promise<Error>((resolve) => {
    lose = resolve;
  });
  const follow = async () => {
    // Looks that wait for a slow database would stand in the writer's way when it is back.
    if (isFollowing) return;
    isFollowing = true;
    await journal.catchUp().catch((error) => log.warn({ err: error }, 'the log could not be followed'));
    const reason = lostLog(journal, keys);
    if (reason) lose(new Error(reason));
    isFollowing = false;
  };
  const timer = setInterval(() => {
    void follow();
  }, CATCH_UP_INTERVAL_MS);
  closers.push(async () => clearInterval(timer));
  return lost;
}

/** Files of circuits that requesters upload lie in the data folder, which replicas must share for this. */
function openShelf(
  config: CoordinatorConfig,
  journal: Journal,
  { artifacts: builtIn }: BuiltInCircuit,
  nowMs: () => number,
): ArtifactShelf {
  const named = () => {
    const circuits = [...journal.state().circuits.values()];
    return new Set(circuits.flatMap(({ wasm, zkey }) => [wasm.sha256, zkey.sha256]));
  };
  const folder = join(config.dataDir, 'artifacts');
  return new ArtifactShelf({ folder, builtIn, fileBytesMax: config.artifactBytesMax, named, nowMs });
}

/** True when the queue answers and the verifier takes work: the database is asked by the API itself. */
async function partsAreReady(bells: BellQueue, verifier: VerifierPool, { circuit }: BuiltInCircuit): Promise<boolean> {
  const [, key] = await Promise.all([bells.counts(), verifier.checkVerificationKey(circuit.verificationKey)]);
  return key.ok;
}

interface Parts {
  pool: Pool;
  journal: Journal;
  verifier: VerifierPool;
  isReady: () => Promise<boolean>;
  circuit: BuiltInCircuit;
  shelf: ArtifactShelf;
  circuitChecker: CircuitChecker;
  cosigning: Cosigning;
  settlement: SettlementService | null;
  log: Logger;
  nowMs: () => number;
}

async function serve(config: CoordinatorConfig, parts: Parts, closers: Closer[]): Promise<string> {
  const { pool, journal, verifier, circuit, shelf, circuitChecker, cosigning, log, nowMs } = parts;
  const apiLog = { error: (message: string, fields: Record<string, unknown>) => log.error(fields, message) };
  const { chainId, coordinatorId } = journal.state().market!;
  const heavyWork = createHeavyWork({ domain: { chainId, coordinatorId } });
  closers.push(() => heavyWork.close());
  const heartbeats = new Heartbeats({ pool, log: apiLog });
  await heartbeats.load();
  closers.push(() => heartbeats.flush());
  const agents = new WorkingAgents({ pool, log: apiLog });
  closers.push(() => agents.flush());
  const prisma = createPrisma(pool);
  closers.push(() => prisma.$disconnect());
  const app = await buildApp({
    journal,
    pool,
    prisma,
    verifier,
    heavyWork,
    heartbeats,
    agents,
    shelf,
    circuitChecker,
    cosigned: (log) => cosigning.newest(log),
    ...optional('settlement', parts.settlement ?? undefined),
    sampleInput: circuit.sampleInput,
    explorerFolder: EXPLORER_FOLDER,
    tokenSecret: openTokenSecret(join(config.dataDir, 'token-secret')),
    nowMs,
    faucetLimitWei: config.faucetLimitWei,
    isReady: parts.isReady,
    log: apiLog,
    options: {
      rateLimitPerSec: config.rateLimitPerSec,
      trustProxy: config.trustProxy,
      ...optional('publicUrl', config.publicUrl),
    },
  });
  closers.push(() => app.close());
  return app.listen({ host: config.host, port: config.port });
}

/** Secret bytes for login tokens, kept so that a restart logs nobody out; replicas share the file. */
function openTokenSecret(file: string): Uint8Array {
  return openSecretFile(
    file,
    () => randomBytes(TOKEN_SECRET_BYTES),
    ({ length }) => length === TOKEN_SECRET_BYTES,
  );
}

function optional<Key extends string, Value>(key: Key, value: Value | undefined): { [K in Key]?: Value } {
  return value === undefined ? {} : ({ [key]: value } as { [K in Key]: Value });
}
