/**
 * An operator hands its market over to another one: its log is closed for the other's key, exported, and carried on in another
 * database under that key. The agent is pointed to the new coordinator and goes on; the old one takes nothing any more.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { agentPaths } from '#agent/config.js';
import type { AuditReport } from '#auditor/auditReport.js';
import { buildExampleBlock } from '#circuits/exampleBlock.js';
import { runCommandLine } from '../setup/commandLine.js';
import { createTestDatabase, type TestDatabase } from '../setup/database.js';
import { expectedPayout } from '../setup/expectedPayout.js';
import { invariantFlaws } from '../setup/invariants.js';
import { LiveAgent } from '../setup/liveAgents.js';
import { LiveLog } from '../setup/liveLog.js';
import { LiveCoordinator, LiveMarket } from '../setup/liveMarket.js';

// Other work may share the machine; what is waited for has deadlines of its own.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

const ORIGIN = 'other.example/market';
const PRICE_WEI = 1_000_000_000_000n;

let market: LiveMarket;
let database: TestDatabase;
let log: LiveLog;
let dataDir: string;

beforeAll(async () => {
  market = await LiveMarket.open();
  database = await createTestDatabase();
  log = new LiveLog();
  dataDir = join(market.folder, 'other');
});

afterAll(async () => {
  await log?.close();
  await market?.close();
  await database?.drop();
});

/** Runs a command to its end, over one of the two databases. @returns what it said */
async function run(args: string[], { databaseUrl = database.databaseUrl, exitCode = 0 } = {}): Promise<string> {
  const ended = await runCommandLine(args, { cwd: market.folder, env: { DATABASE_URL: databaseUrl } });
  const said = `${ended.stdout}${ended.stderr}`.trim();
  expect(ended.code, said).toBe(exitCode);
  return said;
}

/** Has a block of one job proven by the agent. @returns what it was paid, in wei */
async function prove(agent: LiveAgent, feed: LiveLog, seed: number): Promise<bigint> {
  const order = await market.order(buildExampleBlock({ transfers: 2, seed }), { bidWindowsMs: [2_000, 2_000, 2_000] });
  const blockId = await market.submit(order);
  expect((await feed.wait('blockCompleted', blockId)).proven).toBe(1);
  const payout = expectedPayout(feed.of(blockId), market.requester.address, 10n ** 15n, market.view.parameters);
  return payout.get(agent.account.address) ?? 0n;
}

it('goes on under another key in another database, linked both ways, and the old coordinator is closed', async () => {
  const old = market.coordinator;
  let agent = await LiveAgent.start(market, { name: 'one', priceWei: PRICE_WEI });
  await prove(agent, market.log, 51);
  const state = ['--state', join(market.folder, 'auditor')];
  await run(['audit', old.url, ...state]);

  const key = await run(['import', '--new-key-only', '--origin', ORIGIN, '--data-dir', dataDir]);
  expect(key).toMatch(/^other\.example\/market\+[0-9a-f]{8}\+\S+$/);
  const theirs = { databaseUrl: market.databaseUrl };
  const close = [
    'log',
    'hand-over',
    '--next-key',
    key,
    '--reason',
    'a test',
    '--data-dir',
    join(market.folder, 'market'),
  ];
  expect(await run(close, theirs)).toMatch(/the log is closed/);
  const { treeSize } = await market.client().call('getMarket', {});
  const { requester } = market;
  const deposit = { address: requester.address, amountWei: '1', reference: `0x${'01'.repeat(32)}` };
  const refused = /the log is closed; the market goes on as other\.example\/market/;
  await expect(market.client().call('requestDeposit', { body: deposit as never })).rejects.toThrow(refused);
  const late = await market.order(buildExampleBlock({ transfers: 2, seed: 52 }));
  const { blockId: _id, ...body } = late;
  await expect(market.client().call('submitBlock', { body })).rejects.toThrow(refused);
  expect(await run(close, { ...theirs, exitCode: 1 })).toMatch(/refused/);

  // It serves what it has, also when it is started again.
  await old.kill();
  await old.start();
  const folder = join(market.folder, 'export');
  await run(['export', folder, '--coordinator', old.url]);
  expect(await run(['audit', folder, ...state])).toMatch(/the log is closed: the market goes on as other\.example/);
  await market.expectSound();
  const owned = () => market.client().call('getAccount', { params: { address: requester.address } });
  const balance = await owned();
  await agent.process.stop();

  // The log was closed for one key: nobody else carries it on.
  const stranger = [
    'import',
    folder,
    '--origin',
    'stranger.example/market',
    '--data-dir',
    join(market.folder, 'stranger'),
  ];
  expect(await run(stranger, { exitCode: 1 })).toMatch(/closed for other\.example\/market/);
  const said = await run(['import', folder, '--origin', ORIGIN, '--data-dir', dataDir]);
  expect(said).toMatch(/the market goes on as other\.example\/market/);
  expect(said).not.toMatch(/alone/);

  const next = new LiveCoordinator(['coordinator', '--data-dir', dataDir, '--rate-limit', '0'], {
    DATABASE_URL: database.databaseUrl,
  });
  // From here on it is the market's coordinator.
  market.coordinators.unshift(next);
  await next.start();
  const before = market.view;
  market.view = await market.client().call('getMarket', {});
  expect(market.view).toMatchObject({ origin: ORIGIN, logKey: key, parameters: before.parameters });
  expect(market.view.coordinatorId).not.toBe(before.coordinatorId);
  expect(await owned()).toEqual(balance);
  await log.follow(next.url);
  market.acknowledged.clear();

  agent = await LiveAgent.start(market, { name: 'one', priceWei: PRICE_WEI });
  const heldWei = await market.freeWei(agent.account.address, true);
  const paidWei = await prove(agent, log, 53);
  expect(paidWei).toBeGreaterThan(0n);
  expect(await market.freeWei(agent.account.address, true)).toBe(heldWei + paidWei);
  const { receipts } = agentPaths(join(market.folder, 'one'));
  expect(existsSync(receipts)).toBe(true);

  const report = JSON.parse(await run(['audit', next.url, '--json', '--receipts', receipts, ...state])) as AuditReport;
  expect([report.flaws, report.unusableReceipts]).toEqual([[], 0]);
  expect(report.logs.map(({ origin, follows }) => [origin, follows])).toEqual([
    [before.origin, null],
    [ORIGIN, { cause: 'import', isAnnounced: true }],
  ]);
  expect(report.checks.find(({ check }) => check === 'receipts')!.checked).toBe(2);
  expect(report.seenSizes).toContain(treeSize);
  expect(await log.flaws(database.pool)).toEqual([]);
  expect(await invariantFlaws(database.pool, market.acknowledged)).toEqual([]);
  expect(await run(['fsck', '--data-dir', dataDir])).toMatch(/the tables are the fold of the log/);
  const again = join(market.folder, 'export-again');
  await run(['export', again, '--coordinator', next.url]);
  expect(await run(['audit', again, ...state])).toMatch(/linked both ways/);
  expect((await market.client(old.url).call('getMarket', {})).treeSize).toBe(treeSize);
});
