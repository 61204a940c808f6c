/** The demo market's processes and accounts: one coordinator, some agents, one requester with money. */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Account } from '#agent/client/account.js';
import { openKeyFile } from '#agent/client/keyFile.js';
import type { Client } from '#protocol/client.js';
import type { Address } from '#protocol/units.js';
import { readBuiltInCircuit } from '../../artifacts.js';
import { fund } from '../account.js';
import { connect } from '../commandLine.js';
import { type Child, startChild } from './childProcess.js';
import { type DemoAgent, demoAgents } from './demoAgents.js';
import type { DemoChain } from './demoChain.js';

/** What each account of the demo is topped up to, in wei. */
const FUNDS_WEI = 10n ** 18n;

export interface RunningAgent extends DemoAgent {
  address: Address;
  child: Child;
  /** Promised p95 of proving time in milliseconds, once it is ready. */
  promisedMs: number;
}

export interface DemoMarket {
  url: string;
  client: Client;
  requester: Account;
  agents: RunningAgent[];
  coordinator: Child;
  /** The chain with the money; null on a market of demo money. */
  chain: DemoChain | null;
  /** Starts an agent again whose process has ended. */
  restart(agent: RunningAgent): Promise<void>;
  /** Ends all processes. Agents keep their assignments: after the next start they carry on. */
  stop(): Promise<void>;
}

export interface DemoOptions {
  home: string;
  port: number;
  agentCount: number;
  /** Puts the money on an EVM node of the demo's own. */
  withChain: boolean;
  say(text: string): void;
  /** Aborting it stops everything, also while it is being started. */
  signal: AbortSignal;
}

/** Starts a process of the demo and keeps it, so that it will be stopped. */
type Launch = (args: string[], logFile: string) => Child;

/** Starts everything; when something fails, or the signal comes, all that was started is stopped again. */
export async function startDemoMarket(options: DemoOptions): Promise<DemoMarket> {
  const { signal } = options;
  const children: Child[] = [];
  let chain: DemoChain | null = null;
  let stopping: Promise<void> | undefined;
  const stop = () => {
    stopping ??= stopAll(children).finally(() => chain?.stop());
    return stopping;
  };
  const launch: Launch = (args, logFile) => {
    if (stopping) throw new Error('the market is being stopped');
    const child = startChild(args, logFile);
    children.push(child);
    return child;
  };
  signal.addEventListener('abort', () => void stop(), { once: true });
  try {
    signal.throwIfAborted();
    if (options.withChain) {
      const { DemoChain: Chain } = await import('./demoChain.js');
      chain = await Chain.start(options.home, options.say);
    }
    return { ...(await startAll(options, launch, chain)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function stopAll([coordinator, ...agents]: Child[]): Promise<void> {
  await coordinator?.stop('cleanly');
  await Promise.all(agents.map((agent) => agent.stop('atOnce')));
}

async function startAll(
  options: DemoOptions,
  launch: Launch,
  chain: DemoChain | null,
): Promise<Omit<DemoMarket, 'stop'>> {
  const { home, port, say } = options;
  mkdirSync(home, { recursive: true, mode: 0o700 });
  say('starting the coordinator with its embedded PostgreSQL');
  const logFile = join(home, 'coordinator.log');
  const coordinator = launch(
    [
      ...['coordinator', '--data-dir', home, '--port', String(port), '--origin', 'localhost/understudy-demo'],
      ...(chain?.flags ?? ['--faucet']),
    ],
    logFile,
  );
  const url = await coordinator.waitFor(({ url }) => (typeof url === 'string' ? url : undefined));
  const client = connect(url);
  const requester = openKeyFile(join(home, 'requester.json'));
  say(`the coordinator is up at ${url}; starting ${options.agentCount} agents`);
  if (demoAgents(options.agentCount).some(({ name }) => !existsSync(join(home, 'agents', name, 'measurements.json')))) {
    say('each of them measures itself on the real circuit first: half a minute or so, once');
  }
  const died = coordinator.ended.then(() => {
    throw new Error(`the coordinator has ended; see ${logFile}`);
  });
  const starting = Promise.all(
    demoAgents(options.agentCount).map((agent) => startAgent(agent, url, home, client, launch, chain)),
  );
  const [agents] = await Promise.race([Promise.all([starting, topUp(client, requester.address, chain)]), died]);
  for (const { name, promisedMs } of agents) say(`${name} promises a zkProof in ${seconds(promisedMs)}`);
  const restart = async (agent: RunningAgent) => {
    const { child } = runAgent(agent, url, home, launch);
    agent.child = child;
    await child.waitFor(({ event }) => (event === 'ready' ? true : undefined));
  };
  return { url, client, requester, agents, coordinator, chain, restart };
}

async function topUp(client: Client, address: Address, chain: DemoChain | null): Promise<void> {
  const { freeWei } = await client.call('getAccount', { params: { address } });
  if (BigInt(freeWei) >= FUNDS_WEI / 2n) return;
  const missingWei = FUNDS_WEI - BigInt(freeWei);
  await (chain ? chain.deposit(client, address, missingWei) : fund(client, address, missingWei));
}

function runAgent(agent: DemoAgent, url: string, home: string, launch: Launch): { child: Child; address: Address } {
  const folder = join(home, 'agents', agent.name);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const keyFile = join(folder, 'key.json');
  const { address } = openKeyFile(keyFile);
  const child = launch(
    [
      'agent',
      ...['--coordinator', url, '--key-file', keyFile, '--name', agent.name, '--data-dir', folder],
      ...['--artifact-dir', readBuiltInCircuit().folder, '--threads', String(agent.threads)],
      ...['--price-per-second-wei', String(agent.pricePerSecondWei), '--handicap', String(agent.handicap)],
    ],
    join(folder, 'agent.log'),
  );
  return { child, address };
}

async function startAgent(
  agent: DemoAgent,
  url: string,
  home: string,
  client: Client,
  launch: Launch,
  chain: DemoChain | null,
): Promise<RunningAgent> {
  const { child, address } = runAgent(agent, url, home, launch);
  const ready = child.waitFor(({ event }) => (event === 'ready' ? true : undefined));
  const promised = child.waitFor(({ event, promisedMs }) =>
    event === 'circuitReady' ? Number(promisedMs) : undefined,
  );
  const [promisedMs] = await Promise.all([promised, ready, topUp(client, address, chain)]);
  return { ...agent, address, child, promisedMs };
}

/** Milliseconds for people. */
export function seconds(ms: number): string {
  return ms < 60_000
    ? `${(ms / 1_000).toFixed(1)} s`
    : `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1_000)} s`;
}
