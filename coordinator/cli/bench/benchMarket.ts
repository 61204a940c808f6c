/** A market of its own for a measurement: real processes on the loopback, in a temporary folder. */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Account } from '#agent/client/account.js';
import { followFeed } from '#agent/client/feed.js';
import { openKeyFile } from '#agent/client/keyFile.js';
import { PROJECT_FOLDER } from '#circuits/circuitFiles.js';
import type { Client } from '#protocol/client.js';
import type { EntryOf, EntryType } from '#protocol/entries.js';
import type { Parameters } from '#protocol/parameters.js';
import type { Address, Hex } from '#protocol/units.js';
import type { MarketView } from '#protocol/views.js';
import { readBuiltInCircuit } from '../../artifacts.js';
import { fund } from '../account.js';
import { connect } from '../commandLine.js';
import { type Child, type ChildLine, startChild } from '../start/childProcess.js';
import { type AtEnd, temporaryHome } from './temporary.js';

const FUNDS_WEI = 10n ** 18n;

/** A real agent of the measurement. */
export interface BenchAgent {
  name: string;
  address: Address;
  child: Child;
  /** What the command was called with, to start it again. */
  args: string[];
  logFile: string;
  /** What it promises for a zkProof, in milliseconds. */
  promisedMs: number;
  /** What the agent has logged so far. */
  readLog(): ChildLine[];
}

/** A running market; it ends with the measurement. */
export interface BenchMarket {
  url: string;
  client: Client;
  view: MarketView;
  coordinator: Child;
  /** An account with demo money. */
  requester: Account;
}

/** Starts a coordinator process with its embedded PostgreSQL on a free port of 127.0.0.1, and funds a requester. */
export async function openBenchMarket(
  atEnd: AtEnd,
  options: { parameters?: Partial<Parameters>; metrics?: boolean } = {},
): Promise<BenchMarket & { home: string }> {
  const home = temporaryHome(atEnd);
  const coordinator = startChild(
    [
      'coordinator',
      ...['--data-dir', home, '--port', '0', '--faucet', '--origin', 'localhost/understudy-bench'],
      ...['--parameters', JSON.stringify(options.parameters ?? {})],
      ...(options.metrics ? ['--metrics'] : []),
    ],
    join(home, 'coordinator.log'),
  );
  atEnd(() => coordinator.stop('cleanly'));
  const url = await coordinator.waitFor(({ url }) => (typeof url === 'string' ? url : undefined));
  const client = connect(url);
  const requester = openKeyFile(join(home, 'requester.json'));
  await fund(client, requester.address, FUNDS_WEI);
  return { url, client, view: await client.call('getMarket', {}), coordinator, requester, home };
}

/**
 * Starts an agent for each number of threads; returns when all are ready, which includes their own measurement.
 * @param moreArgs - further flags of each
 */
export async function startBenchAgents(
  atEnd: AtEnd,
  { home, url, client }: BenchMarket & { home: string },
  threadsOfEach: readonly number[],
  moreArgs: readonly string[] = [],
): Promise<BenchAgent[]> {
  const starting = threadsOfEach.map(async (threads, index): Promise<BenchAgent> => {
    const name = `agent-${index + 1}`;
    const folder = join(home, name);
    mkdirSync(folder, { mode: 0o700 });
    const keyFile = join(folder, 'key.json');
    const logFile = join(folder, 'agent.log');
    const { address } = openKeyFile(keyFile);
    const args = ['--coordinator', url, '--key-file', keyFile, '--name', name, '--data-dir', folder];
    const artifacts = ['--artifact-dir', readBuiltInCircuit().folder];
    const all = ['agent', ...args, ...artifacts, '--threads', String(threads), ...moreArgs];
    const child = startChild(all, logFile);
    atEnd(() => child.stop('atOnce'));
    const ready = child.waitFor(({ event }) => (event === 'ready' ? true : undefined));
    const promised = child.waitFor(({ event, promisedMs }) => (event === 'circuitReady' ? promisedMs : undefined));
    const [promisedMs] = await Promise.all([promised, ready, fund(client, address, FUNDS_WEI)]);
    const readLog = () => readLines(logFile);
    return { name, address, child, args: all, logFile, promisedMs: Number(promisedMs), readLog };
  });
  return await Promise.all(starting);
}

function readLines(file: string): ChildLine[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as ChildLine);
}

/** Follows entries of some types as they are written; resolves once connected. */
export function followLog<Type extends EntryType>(
  atEnd: AtEnd,
  baseUrl: string,
  types: readonly Type[],
  onEntry: (entry: EntryOf<Type>) => void,
): Promise<void> {
  const stop = new AbortController();
  return new Promise<void>((resolve) => {
    const following = followFeed({
      baseUrl,
      fetch,
      types,
      signal: stop.signal,
      log: () => {},
      onConnect: () => resolve(),
      onEntry: (entry) => onEntry(entry as EntryOf<Type>),
    });
    atEnd(() => {
      stop.abort();
      return following;
    });
  });
}

/**
 * Follows the log and tells when blocks have ended, without asking again and again, which would take time from what is
 * measured.
 *
 * @returns once connected: what waits for a block and gives the time of its entry `blockCompleted`, Unix milliseconds
 */
export async function followCompletions(atEnd: AtEnd, baseUrl: string): Promise<(blockId: Hex) => Promise<number>> {
  const completions = new Map<string, PromiseWithResolver>();
  const of = (blockId: string) => {
    const known = completions.get(blockId) ?? promiseWithResolver();
    completions.set(blockId, known);
    return known;
  };
  await followLog(atEnd, baseUrl, ['blockCompleted'], ({ blockId, atMs }) => of(blockId).resolve(atMs));
  return (blockId) => of(blockId).promise;
}

interface PromiseWithResolver {
  promise: Promise<number>;
  resolve(atMs: number): void;
}

function promiseWithResolver(): PromiseWithResolver {
  let resolve: (atMs: number) => void = () => {};
  const promise = new Promise<number>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

/** An example block as a requester would read it from its file. */
export function readExampleBlock(transfers: 8 | 64): unknown {
  return JSON.parse(readFileSync(join(PROJECT_FOLDER, 'circuits', 'examples', `block-${transfers}.json`), 'utf8'));
}
