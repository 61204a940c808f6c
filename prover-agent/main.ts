/** The prover agent: follows a market, bids, proves and delivers until it is stopped. */
import type { EntryOf } from '#protocol/entries.js';
import type { Address } from '#protocol/units.js';

import { Agent, FOLLOWED_TYPES } from './agent.js';
import { repeatUntilDone } from './backoff.js';
import { BidMemory } from './bidding/bidMemory.js';
import { openBidding } from './bidding/openBidding.js';
import { PoolWatcher } from './bidding/poolWatcher.js';
import type { Account } from './client/account.js';
import { refuseWhenAliveElsewhere } from './client/aliveElsewhere.js';
import { followFeed } from './client/feed.js';
import { Heartbeat } from './client/heartbeat.js';
import { holdKey } from './client/keyLock.js';
import { takeLock } from './client/lockFile.js';
import { openSession } from './client/openSession.js';
import { isUnreachable, type Session } from './client/session.js';
import { Standing } from './client/standing.js';
import { type AgentConfig, agentPaths, ConfigError } from './config.js';
import { type AgentLog, messageOf } from './log.js';
import { clearWork } from './proving/backends/boundedProgram.js';
import { Challenges } from './proving/challenges.js';
import { CircuitShelf } from './proving/circuitShelf.js';
import { IdleRest } from './proving/idleRest.js';
import { JobBook } from './proving/jobBook.js';
import { JobRunner } from './proving/jobRunner.js';
import { Measurements } from './proving/measurements.js';
import type { ProvableCircuit } from './proving/provableCircuit.js';
import { createProver, type ProverFactory } from './proving/prover.js';
import { ProvingTimes } from './proving/provingTimes.js';
import { LiveSettings, type WatchedSettings, watchSettings } from './settings/liveSettings.js';
import { serveMetrics } from './status/metricsServer.js';
import { hasJustCrashed, readStatusFile, StatusKeeper } from './status/statusKeeper.js';

/** What an agent is run with, beside its settings. */
export interface RunAgentOptions {
  /** The prover's account: bids, delivers and is paid. */
  account: Account;
  /** The owner's account when it is another one; it signs the registration. */
  owner?: Account | null;
  /** The owner's address when its key is elsewhere: enough once the prover is registered. */
  ownerAddress?: Address | null;
  /** The file that the settings came from: changes of prices and limits in it count while the agent runs. */
  watched?: WatchedSettings | null;
  log: AgentLog;
  /** Aborting it stops the agent cleanly. */
  signal: AbortSignal;
  fetch?: typeof fetch;
  /** Where provers come from; a test of a cheating agent hands in its own. */
  createProver?: ProverFactory;
}

/**
 * Runs an agent until the signal is aborted. A coordinator that cannot be reached is waited for.
 * @throws LockedError when another agent runs on the same data folder, KeyInUseError when one works with the same key
 *   for the same market; ConfigError when the owner's signature is
 *   wanting; RejectedError when the coordinator refuses the registration or the login
 */
export async function runAgent(config: AgentConfig, options: RunAgentOptions): Promise<void> {
  const paths = agentPaths(config.dataDir);
  const release = takeLock(paths.lock);
  clearWork(paths.work);
  const closing = new AbortController();
  const circuits = new Map<string, ProvableCircuit>();
  const isComeback = hasJustCrashed(readStatusFile(paths.status), Date.now());
  const keeper = new StatusKeeper(paths.status, options.log);
  const { metricsHost: host, metricsPort: port } = config;
  if (port) serveMetrics({ host, port, status: () => keeper.status, log: keeper.log, signal: closing.signal });
  try {
    await runLocked(config, { ...options, log: keeper.log, isComeback }, circuits, closing);
  } catch (error) {
    if (!options.signal.aborted) throw error;
  } finally {
    closing.abort();
    const provers = [...circuits.values()].flatMap((circuit) => circuit.provers);
    await Promise.all(provers.map((prover) => prover.close()));
    keeper.log('stopped');
    keeper.close();
    release();
  }
}

/** `isComeback`: this agent held the same folder until just now, and crashed. */
type LockedOptions = RunAgentOptions & { isComeback: boolean };

async function runLocked(
  config: AgentConfig,
  options: LockedOptions,
  circuits: Map<string, ProvableCircuit>,
  closing: AbortController,
): Promise<void> {
  const { account, log, signal, watched = null } = options;
  const startedMs = performance.now();
  const live = new LiveSettings(config);
  if (watched) watchSettings(watched, { live, log, signal: closing.signal });
  const measurements = new Measurements(agentPaths(config.dataDir).measurements);
  const times = new ProvingTimes(agentPaths(config.dataDir).provingTimes);
  const { name, slots } = config;
  log('starting', { prover: account.address, name, slots, coordinator: config.coordinator });
  const session = await openOnlySession(config, options, closing.signal);
  const passed = await untilReached(options, () => registerOnce(session, name, options));
  await untilReached(options, () => session.logIn());
  const book = new JobBook(account.address);
  const onNews = () => heartbeat.tellNews();
  const parts = { session, book, circuits, measurements, times, slots, log, signal: closing.signal };
  const rest = new IdleRest({ ...parts, restAfterMs: config.restAfterMs });
  const runner = new JobRunner({ ...parts, onStage: onNews, isComing: (id) => shelf.isComing(id) });
  const onPassed = () => void agent.catchUp();
  const challenges = new Challenges({ session, passed, log, signal: closing.signal, onPassed });
  const memory = new BidMemory(session, log);
  const bidderParts = {
    session,
    pricing: () => live.current,
    memory,
    slots,
    log,
    circuitName: (id: string) => circuits.get(id)?.name ?? null,
    promisedMs: (id: string) => measurements.promisedMs(circuits.get(id)?.setting ?? null),
    proofsFail: (id: string) => runner.proofsFail(id),
    isChallenged: (id: string) => !challenges.isPassed(id),
    committedMs: () => book.committedMs(),
    onBid: (id: string) => rest.wake(id),
    signal,
  };
  const { bidder, opener } = openBidding(bidderParts, agentPaths(config.dataDir));
  const shelf = new CircuitShelf({
    ...{ config, session, circuits, measurements, challenges, log, signal },
    fetch: options.fetch ?? fetch,
    createProver: options.createProver ?? createProver,
    onReady: () => runner.pump(),
  });
  const onCircuit = (circuit: EntryOf<'circuitRegistered'>) => shelf.onRegistered(circuit);
  const pool = config.pool ? new PoolWatcher({ ...bidderParts, book, onTaken: () => runner.pump() }) : null;
  const standing = new Standing(session, log, closing.signal);
  const agentParts = { session, book, runner, bidder, opener, pool, memory, standing, log, onCircuit, onNews };
  const agent = new Agent({ ...agentParts, signal: closing.signal });
  const heartbeat = new Heartbeat({
    ...parts,
    jobs: () => agent.heartbeatJobs(),
    onDropped: (jobIds) => agent.drop(jobIds, 'heartbeat'),
  });
  // An agent that comes back keeps its leases while it gets ready.
  await agent.takeDues();
  void heartbeat.run();
  await shelf.open();
  runner.start();
  void rest.run();
  if (live.current.strategy === 'adaptive') void memory.learnHistory(closing.signal);
  followMarket(config, options, agent, closing.signal);
  standing.look();
  log('ready', { readyMs: Math.round(performance.now() - startedMs), circuits: circuits.size });
  await aborted(signal);
  await agent.stop(live.current.finishMs);
}

/** Reaches the market, and holds the key for it until the signal is aborted. */
async function openOnlySession(config: AgentConfig, options: LockedOptions, signal: AbortSignal): Promise<Session> {
  const session = await openSession({ ...options, baseUrl: config.coordinator });
  const letGo = await holdKey(session.address, session.market.coordinatorId, config.dataDir);
  signal.addEventListener('abort', letGo, { once: true });
  // Who comes back after a crash has no time for the question: its leases run.
  if (!options.isComeback) await refuseWhenAliveElsewhere(session, options.signal);
  return session;
}

/** Hands the market's news to the agent, for as long as the signal is not aborted. */
function followMarket({ coordinator }: AgentConfig, options: RunAgentOptions, agent: Agent, signal: AbortSignal): void {
  void followFeed({
    baseUrl: coordinator,
    fetch: options.fetch ?? fetch,
    types: FOLLOWED_TYPES,
    signal,
    log: options.log,
    onEntry: (entry) => agent.onEntry(entry),
    onConnect: () => void agent.catchUp(),
  });
}

/**
 * Registers the prover unless the market knows it just so: a restart need not lengthen the log, nor have the owner's
 * key at hand.
 * @returns the circuits whose challenge it has passed
 */
async function registerOnce(session: Session, name: string, options: RunAgentOptions): Promise<readonly string[]> {
  const owner = options.owner ?? null;
  const known = (await session.client.call('getAccount', { params: { address: session.address } })).prover;
  const ownerAddress = owner?.address ?? options.ownerAddress ?? known?.owner ?? session.address;
  const canSign = ownerAddress === session.address || owner !== null;
  const passed = known?.challengesPassed ?? [];
  if (known?.owner === ownerAddress && (known.name === name || !canSign)) return passed;
  if (!canSign) throw new ConfigError(`owner: ${ownerAddress} must sign the registration too; give its key`);
  await session.register(name, owner);
  return passed;
}

/** Repeats what fails for want of the coordinator. */
function untilReached<Result>({ log, signal }: RunAgentOptions, action: () => Promise<Result>): Promise<Result> {
  return repeatUntilDone(action, {
    isWorthRepeating: isUnreachable,
    onFailure: (error, attempt) => log('coordinatorUnreachable', { attempt, reason: messageOf(error) }),
    signal,
  });
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
