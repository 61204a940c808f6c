/**
 * The operator rotates the log twice beside a running coordinator, once under a new key, while one and the same agent process
 * bids, proves and is paid, and an auditor watches. Bids cross a rotation, sealed by receipt and by commitment.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { agentPaths } from '#agent/config.js';
import type { AuditReport } from '#auditor/auditReport.js';
import { buildExampleBlock } from '#circuits/exampleBlock.js';
import type { BlockRequest } from '#protocol/messages.js';
import { runCommandLine } from '../setup/commandLine.js';
import { expectedPayout } from '../setup/expectedPayout.js';
import { LiveAgent } from '../setup/liveAgents.js';
import { type BlockOrder, LiveMarket } from '../setup/liveMarket.js';
import { LiveProcess } from '../setup/liveProcess.js';

// Other work may share the machine; what is waited for has deadlines of its own.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

const SECOND = 'market.example/second';
const THIRD = 'market.example/third';
/** What an agent logs when a log is not what it takes it for. */
const COMPLAINTS = ['receiptUnsigned', 'receiptNotKept', 'bidNotOpened', 'entryUnreadable', 'feedLost'];

let market: LiveMarket;
let agent: LiveAgent;
let watcher: LiveProcess;
let seed = 40;

beforeAll(async () => {
  market = await LiveMarket.open({ parameters: { bidRevealMs: 20_000, leaseMs: 60_000 } });
  agent = await LiveAgent.start(market, { name: 'one', priceWei: 1_000_000_000_000n });
});

afterAll(async () => {
  await watcher?.stop();
  await market?.close();
});

/** Runs a command to its end, as the operator or an auditor would. @returns what it said */
async function understudy(...args: string[]): Promise<string> {
  const ended = await runCommandLine(args, { cwd: market.folder, env: { DATABASE_URL: market.databaseUrl } });
  expect(ended.code, `${ended.stdout}${ended.stderr}`).toBe(0);
  return ended.stdout;
}

const rotate = (origin: string, ...flags: string[]) =>
  understudy('log', 'rotate', '--origin', origin, '--reason', 'a test', '--data-dir', dataDir(), ...flags);
const dataDir = () => join(market.folder, 'market');
const receipts = () => agentPaths(join(market.folder, 'one')).receipts;
const state = (name: string) => ['--state', join(market.folder, name)];

async function submit(terms: Partial<BlockRequest>): Promise<BlockOrder> {
  seed += 1;
  const order = await market.order(buildExampleBlock({ transfers: 2, seed }), {
    roundPricesWei: [(10n ** 15n).toString()],
    ...terms,
  });
  await market.submit(order);
  return order;
}

/** Waits for the end of a block whose one job the agent has proven, and finds it paid to the wei. */
async function expectPaid({ blockId }: BlockOrder, before: bigint): Promise<void> {
  const { proven } = await market.log.wait('blockCompleted', blockId);
  expect(proven).toBe(1);
  const payout = expectedPayout(market.log.of(blockId), market.requester.address, 10n ** 15n, market.view.parameters);
  const { address } = agent.account;
  expect(payout.get(address)).toBeGreaterThan(0n);
  expect((await market.freeWei(address, true)) - before).toBe(payout.get(address));
}

/** Waits until the auditor that watches has read all entries so far, over so many logs. */
async function expectWatched(logs: number): Promise<void> {
  const { treeSize } = await market.client().call('getMarket', {});
  const line = await watcher.line(
    (one) => Number(one.size) >= treeSize && (one.logs as unknown[]).length === logs,
    `an audit of ${treeSize} entries in ${logs} logs`,
  );
  expect((line as unknown as AuditReport).flaws).toEqual([]);
}

it('an agent, its bids and an auditor go on across rotations', async () => {
  const { url } = market.coordinator;
  const free = () => market.freeWei(agent.account.address);
  const { pid } = agent.process;
  watcher = new LiveProcess(['audit', url, '--watch', '--json', ...state('watcher')]);
  let before = await free();
  const first = await submit({ bidWindowsMs: [1_000] });
  await expectPaid(first, before);
  await expectWatched(1);
  const since = join(market.folder, 'since');
  writeFileSync(since, await market.client().call('getCheckpoint', {}));

  // Bid for in the first log, cleared, proven and paid in the second.
  before = await free();
  const across = await submit({ bidWindowsMs: [10_000] });
  await market.log.wait('bidPlaced', across.blockId);
  expect(await rotate(SECOND)).toMatch(/log 1 is open/);
  await expectPaid(across, before);
  await expectWatched(2);

  // Sealed by commitments that the agent finds in the second log's own tree before it opens its bid.
  before = await free();
  const sealed = await submit({ bidWindowsMs: [2_000], sealing: 'commitReveal' });
  await expectPaid(sealed, before);
  expect(market.log.all('bidOpened', sealed.blockId)).toHaveLength(1);

  // Another key of the same operator, and a commitment that stands in another log than the end of its window.
  before = await free();
  const committed = await submit({ bidWindowsMs: [10_000], sealing: 'commitReveal' });
  await market.log.wait('bidCommitted', committed.blockId);
  expect(await rotate(THIRD, '--new-key')).toMatch(/log 2 is open/);
  await expectPaid(committed, before);
  expect(market.log.all('bidOpened', committed.blockId)).toHaveLength(1);

  expect([agent.process.pid, agent.process.end]).toEqual([pid, null]);
  expect(agent.process.lines.filter(({ event }) => COMPLAINTS.includes(String(event)))).toEqual([]);
  await expectWatched(3);
  const { logs } = await market.client().call('listLogs', {});
  expect(logs.map(({ origin, isAnnounced }) => [origin, isAnnounced])).toEqual([
    [market.view.origin, true],
    [SECOND, true],
    [THIRD, false],
  ]);
  expect(new Set(logs.map(({ logKey }) => logKey.split('+')[2])).size).toBe(2);

  const reportOf = async (...flags: string[]): Promise<AuditReport> =>
    JSON.parse(await understudy('audit', url, '--json', ...flags)) as AuditReport;
  const whole = await reportOf(...state('whole'), '--receipts', receipts());
  expect([whole.ok, whole.unusableReceipts, whole.skipped.signatures]).toEqual([true, 0, 0]);
  const checked = (report: AuditReport, name: string) => report.checks.find(({ check }) => check === name)!.checked;
  expect(checked(whole, 'receipts')).toBeGreaterThan(4);
  const later = await reportOf(...state('later'), '--since', since);
  expect(later.ok).toBe(true);
  expect(checked(later, 'consistency')).toBeGreaterThan(0);
  expect(later.skipped.zkProofs).toBe(1);
  expect(checked(later, 'signatures') + later.skipped.signatures).toBe(checked(whole, 'signatures'));
  expect(await understudy('check-bids', url, '--receipts', receipts())).toMatch(/no bid was tampered with/);

  await market.coordinator.kill();
  await market.coordinator.start();
  await market.expectSound();
});
