/** What an epoch's root over all entitlements costs the writer, by the number of accounts. */
import { join } from 'node:path';
import { Pool } from 'pg';
import { startEmbeddedPostgres } from '#journal/embeddedPostgres.js';
import { openJournal } from '#journal/journal.js';
import type { Journal } from '#journal/journalPort.js';
import { applyMigrations } from '#journal/migrate.js';
import { addOperatorKey, operatorKeysIn } from '#journal/operatorKey.js';
import type { Command } from '#market/command.js';
import { DEFAULT_PARAMETERS } from '#protocol/parameters.js';
import type { Address, Hex } from '#protocol/units.js';
import { createBalanceRooter, treeInThread } from '#queue/balanceRooter.js';
import { table } from '../start/summary.js';
import { type Measure, median } from './measure.js';
import { type AtEnd, temporaryHome, withCleanUp } from './temporary.js';

const ACCOUNTS = [100, 1_000, 10_000, 100_000] as const;
const EPOCH_MS = 60_000;
const RUNS = 5;

/** Deposits that wait for the writer at a time while a market is filled. */
const AT_ONCE = 5_000;

/** What the writer may be held up by 10,000 accounts, in milliseconds of this process's time. */
const HELD_MS_MAX = 50;

/** Medians of some epochs, in milliseconds. */
interface RootTimes {
  /** From the command to its answer with a tree that was made beside the writer: what everybody waits. */
  heldMs: number;
  /** Processor time of the same, which other work on the machine does not lengthen. */
  heldCpuMs: number;
  /** As `heldMs`, when the writer has to make the tree itself. */
  aloneMs: number;
  /** Making the tree in its thread, where nobody waits. */
  treeMs: number;
  /** A deposit's command, for comparison. */
  depositMs: number;
}

/** Fills markets with accounts, lets epochs pass, and prints how long the writer is held up by a root. */
export async function run({ quick }: { quick: boolean }): Promise<Measure[]> {
  return withCleanUp(async (atEnd) => {
    const counts = quick ? ACCOUNTS.slice(0, 3) : ACCOUNTS;
    const times: RootTimes[] = [];
    for (const count of counts) times.push(await measureRoots(atEnd, count));
    const rows = times.map(({ heldMs, heldCpuMs, aloneMs, treeMs, depositMs }, at) => [
      counts[at]!.toLocaleString('en'),
      ...[heldMs, heldCpuMs, aloneMs, treeMs, depositMs].map((ms) => ms.toFixed(1)),
    ]);
    const titles = [
      'accounts',
      'held by a root, ms',
      'of it processor',
      'without the thread',
      'tree in its thread',
      'a deposit',
    ];
    console.log(`${table(titles, rows)}\n`);
    const [before, at] = [times[1]!, times[2]!];
    const target = `at most ${HELD_MS_MAX}`;
    return [
      { name: 'rootHeldCpuMs10000', value: at.heldCpuMs, unit: 'ms', target, holds: at.heldCpuMs <= HELD_MS_MAX },
      {
        name: 'rootGrowthExponent',
        value: Math.log10(at.aloneMs / before.aloneMs),
        unit: 'exponent',
        target: 'for information',
        holds: true,
      },
    ];
  });
}

async function measureRoots(atEnd: AtEnd, accounts: number): Promise<RootTimes> {
  const home = temporaryHome(atEnd);
  const { databaseUrl, stop } = await startEmbeddedPostgres({ dataDir: join(home, 'postgres') });
  const pool = new Pool({ connectionString: databaseUrl, max: 4 });
  atEnd(async () => {
    await pool.end();
    await stop();
  });
  await applyMigrations(pool);
  const { logKey } = addOperatorKey(home, 'bench.example/market');
  let nowMs = Date.now();
  const log = { error: (fields: object, message: string) => console.error(message, fields) };
  const journal = await openJournal({ pool, keys: operatorKeysIn(home), nowMs: () => nowMs, log });
  const times = { held: [] as Took[], alone: [] as Took[], tree: [] as Took[], deposit: [] as Took[] };
  await openMarket(journal, logKey);
  await fill(journal, accounts);
  const rooter = createBalanceRooter({
    journal: timing(journal, times.held),
    nowMs: () => nowMs,
    makeTree: (entitlements) => timed(times.tree, () => treeInThread(entitlements)),
  });
  for (let run = 0; run < 2 * RUNS; run += 1) {
    nowMs += EPOCH_MS;
    if (run % 2 === 0) await rooter.compute();
    else await timing(journal, times.alone).execute({ kind: 'computeBalanceRoot' }, null);
    await execute(journal, { kind: 'notePostedRoot', epoch: run + 1, transactionHash: hash('a'), blockNumber: 9 });
    await timing(journal, times.deposit).execute(depositOf(1, BigInt(accounts + run)), null);
  }
  await journal.close();
  const { held, alone, tree, deposit } = times;
  const [heldMs, aloneMs, treeMs, depositMs] = [held, alone, tree, deposit].map((all) => middle(all, 'ms'));
  return {
    heldMs: heldMs!,
    heldCpuMs: middle(held, 'cpuMs'),
    aloneMs: aloneMs!,
    treeMs: treeMs!,
    depositMs: depositMs!,
  };
}

/** How long something took. */
interface Took {
  ms: number;
  cpuMs: number;
}

function middle(all: readonly Took[], of: keyof Took): number {
  return all.length > 0 ? median(all.map((one) => one[of])) : 0;
}

const hash = (digit: string): Hex => `0x${digit.repeat(64)}`;

async function timed<Result>(took: Took[], work: () => Promise<Result>): Promise<Result> {
  const from = performance.now();
  const before = process.cpuUsage();
  const result = await work();
  const { user, system } = process.cpuUsage(before);
  took.push({ ms: performance.now() - from, cpuMs: (user + system) / 1_000 });
  return result;
}

/** A journal whose commands are timed. */
function timing(journal: Journal, took: Took[]): Pick<Journal, 'execute' | 'state'> {
  return {
    state: () => journal.state(),
    execute: (command, digest) => timed(took, () => journal.execute(command, digest)),
  };
}

async function execute(journal: Journal, command: Command): Promise<void> {
  const outcome = await journal.execute(command, null);
  if (!outcome.ok) throw new Error(`${command.kind} was refused: ${outcome.rejection.code}`);
}

async function openMarket(journal: Journal, logKey: string): Promise<void> {
  const names = { origin: 'bench.example/market', coordinatorId: hash('c'), chainId: 31_337, logKey, faucet: false };
  await execute(journal, { kind: 'openMarket', market: { ...names, parameters: DEFAULT_PARAMETERS } });
  const contract: Address = `0x${'c0'.repeat(20)}`;
  const place = { chainId: 31_337, contract, token: null, deployBlock: 1, confirmations: 1 };
  await execute(journal, { kind: 'attachChain', terms: { ...place, epochMs: EPOCH_MS, exitDelaySec: 604_800 } });
}

async function fill(journal: Journal, accounts: number): Promise<void> {
  for (let from = 0; from < accounts; from += AT_ONCE) {
    const numbers = Array.from({ length: Math.min(AT_ONCE, accounts - from) }, (_, at) => from + at);
    await Promise.all(numbers.map((n) => execute(journal, depositOf(n, BigInt(n)))));
  }
}

/** A wei for one of many accounts, which are spread over all addresses as real ones are. */
function depositOf(n: number, startWei: bigint): Command & { kind: 'creditDeposit' } {
  const spread = (BigInt(n + 1) * 0x9e3779b97f4a7c15f39cc0605cedc8341082276bn) % (1n << 160n);
  const place = { blockNumber: 10, blockHash: hash('b'), logIndex: 0, transactionHash: hash('d') };
  const account: Address = `0x${spread.toString(16).padStart(40, '0')}`;
  return { kind: 'creditDeposit', account, amountWei: 1n, deposit: { ...place, startWei: startWei.toString() } };
}
