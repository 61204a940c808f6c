/** The prover agent: follows a market, bids, proves and delivers until it is stopped. */
import type { RejectedError } from '#protocol/client.js';
import type { EntryOf } from '#protocol/entries.js';
import type { Address } from '#protocol/units.js';

import { Agent, FOLLOWED_TYPES } from './agent.js';
import { pause, repeatUntilDone } from './backoff.js';
import { BidMemory } from './bidding/bidMemory.js';
import { openBidding } from './bidding/openBidding.js';
import { PoolWatcher } from './bidding/poolWatcher.js';
import type { Account } from './client/account.js';
import { openAgentIdentity } from './client/agentIdentity.js';
import { followFeed } from './client/feed.js';
import { Heartbeat } from './client/heartbeat.js';
import { holdKey, KeyInUseError } from './client/keyLock.js';
import { takeLock } from './client/lockFile.js';
import { openSession } from './client/openSession.js';
import { isKeyInUse, isUnreachable, type Session } from './client/session.js';
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
import { StatusKeeper } from './status/statusKeeper.js';

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
  /** Work in the place of another agent that has this key, on whatever machine: that one ends. */
  takeOver?: boolean;
  log: AgentLog;
  /** Aborting it stops the agent cleanly. */
  signal: AbortSignal;
  fetch?: typeof fetch;
  /** Where provers come from; a test of a cheating agent hands in its own. */
  createProver?: ProverFactory;
  /** Keeps other agents of this machine off the key; a test of several machines hands in its own. */
  holdKey?: typeof holdKey;
}

/** How long a stopping agent waits for the coordinator to hear of it, in milliseconds: its silence says the same later. */
const FAREWELL_MS = 2_000;

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
  const keeper = new StatusKeeper(paths.status, options.log);
  const { metricsHost: host, metricsPort: port } = config;
  if (port) serveMetrics({ host, port, status: () => keeper.status, log: keeper.log, signal: closing.signal });
  try {
    await runLocked(config, { ...options, log: keeper.log }, circuits, closing);
  } catch (error) {
    if (!options.signal.aborted) throw error;
  } finally {
    closing.abort();
    const provers = [...circuits.values()].flatMap((circuit) => circuit.provers);
    await Promise.all(provers.map((prover) => prover.close()));
    keeper.log('stopped');
    await keeper.close();
    release();
  }
}

async function runLocked(
  config: AgentConfig,
  options: RunAgentOptions,
  circuits: Map<string, ProvableCircuit>,
  closing: AbortController,
): Promise<void> {
  const { account, log } = options;
  const startedMs = performance.now();
  const { name, slots, coordinator } = config;
  log('starting', { prover: account.address, name, slots, coordinator });
  const session = await openOnlySession(config, options, closing.signal);
  try {
    const passed = await enter(session, name, options);
    await work(config, options, { session, passed, circuits, closing, startedMs });
  } finally {
    // Whoever wants to go on with the key, here or elsewhere, need not wait for this one's lease to end.
    await Promise.race([session.announce('stop').catch(() => undefined), pause(FAREWELL_MS, closing.signal)]);
  }
}

/** What an agent has when the market has let it in. */
interface Entered {
  session: Session;
  /** Circuits whose challenge the prover has passed. */
  passed: readonly string[];
  circuits: Map<string, ProvableCircuit>;
  closing: AbortController;
  startedMs: number;
}

/** What is aborted when another agent has taken this one's place, with the reason. */
function replacement(session: Session, log: RunAgentOptions['log']) {
  const replaced = new AbortController();
  const onReplaced = (refusal: RejectedError) => {
    if (!replaced.signal.aborted) log('replaced', { reason: refusal.message });
    replaced.abort(new KeyInUseError(keyInUseText(session, refusal)));
  };
  return { replaced, onReplaced };
}

/** Bids and proves until the signal is aborted, or another agent has taken this one's place. */
async function work(config: AgentConfig, options: RunAgentOptions, entered: Entered): Promise<void> {
  const { log, signal } = options;
  const { session, passed, circuits, closing, startedMs } = entered;
  const live = new LiveSettings(config);
  if (options.watched) watchSettings(options.watched, { live, log, signal: closing.signal });
  const measurements = new Measurements(agentPaths(config.dataDir).measurements);
  const times = new ProvingTimes(agentPaths(config.dataDir).provingTimes);
  const book = new JobBook(session.address);
  const onNews = () => heartbeat.tellNews();
  const parts = { session, book, circuits, measurements, times, slots: config.slots, log, signal: closing.signal };
  const rest = new IdleRest({ ...parts, restAfterMs: config.restAfterMs });
  const runner = new JobRunner({ ...parts, onStage: onNews, isComing: (id) => shelf.isComing(id) });
  const onPassed = () => void agent.catchUp();
  const challenges = new Challenges({ session, passed, log, signal: closing.signal, onPassed });
  const memory = new BidMemory(session, log);
  const bidderParts = {
    session,
    pricing: () => live.current,
    memory,
    slots: config.slots,
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
  let isAtWork = false;
  const shelf = new CircuitShelf({
    ...{ config, session, circuits, measurements, challenges, log, signal },
    fetch: options.fetch ?? fetch,
    createProver: options.createProver ?? createProver,
    onReady: () => {
      runner.pump();
      // What could not be proven before can be now.
      if (isAtWork) void pool?.catchUp();
    },
  });
  const onCircuit = (circuit: EntryOf<'circuitRegistered'>) => shelf.onRegistered(circuit);
  const pool = config.pool ? new PoolWatcher({ ...bidderParts, book, onTaken: () => runner.pump() }) : null;
  const standing = new Standing(session, log, closing.signal);
  const agentParts = { session, book, runner, bidder, opener, pool, memory, standing, log, onCircuit, onNews };
  const agent = new Agent({ ...agentParts, signal: closing.signal });
  const { replaced, onReplaced } = replacement(session, log);
  const heartbeat = new Heartbeat({
    ...parts,
    jobs: () => agent.heartbeatJobs(),
    onDropped: (jobIds) => agent.drop(jobIds, 'heartbeat'),
    onReplaced,
  });
  // An agent that comes back keeps its leases while it gets ready.
  await agent.takeDues();
  void heartbeat.run();
  await shelf.open();
  replaced.signal.throwIfAborted();
  runner.start();
  isAtWork = true;
  void rest.run();
  if (live.current.strategy === 'adaptive') void memory.learnHistory(closing.signal);
  followMarket(config, options, agent, closing.signal);
  standing.look();
  log('ready', { readyMs: Math.round(performance.now() - startedMs), circuits: circuits.size });
  await aborted(AbortSignal.any([signal, replaced.signal]));
  // What this agent holds is the other's now: nothing is handed back.
  replaced.signal.throwIfAborted();
  await agent.stop(live.current.finishMs);
}

/** Reaches the market, and holds the key for it on this machine until the signal is aborted. */
async function openOnlySession(config: AgentConfig, options: RunAgentOptions, signal: AbortSignal): Promise<Session> {
  const agent = openAgentIdentity(agentPaths(config.dataDir).identity);
  const session = await openSession({ ...options, baseUrl: config.coordinator, agent });
  const letGo = await (options.holdKey ?? holdKey)(session.address, session.market.coordinatorId, config.dataDir);
  signal.addEventListener('abort', letGo, { once: true });
  return session;
}

/**
 * Registers, logs in, and has the market know that this agent works for the prover: before anything is touched where it may
 * not be the only one.
 * @returns the circuits whose challenge the prover has passed
 * @throws KeyInUseError when another agent works with the key, on whatever machine
 */
async function enter(session: Session, name: string, options: RunAgentOptions): Promise<readonly string[]> {
  const announce = () => untilReached(options, () => session.announce(options.takeOver ? 'takeOver' : 'start'));
  try {
    const { prover } = await untilReached(options, () => knownAccount(session));
    if (prover) await announce();
    const passed = await untilReached(options, () => registerOnce(session, name, options));
    if (!prover) await announce();
    return passed;
  } catch (error) {
    throw isKeyInUse(error) ? new KeyInUseError(keyInUseText(session, error)) : error;
  }
}

/** What the operator must know of the other agent, and can do. */
function keyInUseText({ address }: Session, { problem }: RejectedError): string {
  return (
    `another agent works with the key of ${address}. ${problem.detail} Stop it, give this one a key of its own, or start ` +
    'this one with --take-over, which ends the other'
  );
}

const knownAccount = (session: Session) => session.client.call('getAccount', { params: { address: session.address } });

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
  const known = (await knownAccount(session)).prover;
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
