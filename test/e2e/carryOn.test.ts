/**
 * A market whose coordinator is gone is carried on by somebody else, from what was exported: another key, another folder.
 * One block is proven and another one's jobs are sold when the old coordinator dies; they end in the new market.
 */
import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { accountOf, newPrivateKey, randomBytes32 } from '#agent/client/account.js';
import type { Session } from '#agent/client/session.js';
import { LogAudit } from '#auditor/auditLog.js';
import { tileLogSource } from '#auditor/tileLogSource.js';
import { httpTileSource } from '#auditor/tileSource.js';
import { createVerifierPool } from '#verifier/verifierPool.js';
import { BLOCK_8, block8Samples } from '../fixtures/block8.js';
import { InstantAgent } from '../setup/liveAgents.js';
import { ETHER, LiveMarket } from '../setup/liveMarket.js';
import { LiveProcess, until } from '../setup/liveProcess.js';

// Other work may share the machine; what is waited for has deadlines of its own.
vi.setConfig({ testTimeout: 600_000, hookTimeout: 300_000 });

const ORIGIN = 'other.example/market';
let home: string;
let market: LiveMarket;
let next: LiveProcess | null = null;

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'understudy-carry-on-'));
  // The embedded server may run as another user, who has to reach its files.
  chmodSync(home, 0o711);
  market = await LiveMarket.open();
});

afterAll(async () => {
  await next?.stop();
  await market.close();
  rmSync(home, { recursive: true, force: true, maxRetries: 50, retryDelay: 100 });
});

/** Runs a command to its end. @returns what it said */
async function run(args: string[], exitCode = 0): Promise<string> {
  const command = new LiveProcess(args);
  await until(() => command.end !== null, args[0]!);
  expect(command.end, command.texts.join('\n')).toBe(exitCode);
  return command.texts.join('\n');
}

/** Sells the jobs of the block to a prover that has not begun to prove. */
async function sell(prover: Session): Promise<string[]> {
  const order = await market.order(BLOCK_8, { bidWindowsMs: [2_000, 2_000, 2_000], deadlineMs: Date.now() + 540_000 });
  await market.submit(order);
  const { roundId } = await market.log.wait('roundOpened', order.blockId);
  await prover.placeBid({
    roundId,
    prover: prover.address,
    priceWei: '1000',
    standbyWei: '0',
    maxJobs: 4,
    maxConcurrent: 4,
    provingMsP95: 5_000,
    expiresAtMs: Date.now() + 600_000,
    salt: randomBytes32(),
  });
  const { awards } = await market.log.wait('roundCleared', order.blockId);
  expect(awards).toHaveLength(4);
  return awards.map(({ jobId }) => jobId);
}

it('carries a market on with its money, records and open jobs, and is audited from its very first entry', async () => {
  const agent = await InstantAgent.start(market, { name: 'instant', priceWei: 1_000n });
  const done = await market.order(BLOCK_8, { bidWindowsMs: [2_000, 2_000, 2_000] });
  await market.submit(done);
  await market.log.wait('blockCompleted', done.blockId, 1, 120_000);
  await agent.stop();
  const account = accountOf(newPrivateKey());
  await market.fund(account.address, 10n * ETHER);
  const before = await market.session(account);
  await market.patiently(() => before.register('waiting', null));
  const jobIds = await sell(before);
  const folder = join(home, 'export');
  await run(['export', folder, '--coordinator', market.coordinator.url]);
  const owned = (address: string) => market.client().call('getAccount', { params: { address: address as never } });
  const parties = [market.requester.address, agent.account.address];
  const owners = await Promise.all(parties.map(owned));
  const scores = await market.client().call('getScores', { params: { address: agent.account.address } });
  await market.coordinator.kill();

  const dataDir = join(home, 'market');
  const command = ['import', folder, '--origin', ORIGIN, '--data-dir', dataDir];
  const cut = new LiveProcess(command);
  await until(() => existsSync(join(dataDir, 'import-unfinished')), 'an import under way');
  await cut.kill();
  expect(await run(['coordinator', '--data-dir', dataDir, '--port', '0'], 1)).toMatch(/did not end/);
  expect(await run(command)).toMatch(/is the word of other.example\/market alone/);
  expect(await run(command, 1)).toMatch(/is not empty/);

  next = new LiveProcess(['coordinator', '--data-dir', dataDir, '--port', '0', '--rate-limit', '0']);
  const up = await next.line(({ msg }) => msg === 'the coordinator is up', 'the coordinator is up');
  const url = String(up.url);
  const client = market.client(url);
  const view = await client.call('getMarket', {});
  expect(view).toMatchObject({ origin: ORIGIN, parametersVersion: 1, faucet: true });
  expect(view.coordinatorId).not.toBe(market.view.coordinatorId);
  for (const [at, address] of parties.entries()) {
    expect(await client.call('getAccount', { params: { address } })).toEqual(owners[at]);
  }
  const { nowMs: _now, ...kept } = await client.call('getScores', { params: { address: agent.account.address } });
  const { nowMs: _then, ...was } = scores;
  expect(kept).toEqual(was);

  const prover = await market.session(account, url);
  expect((await prover.listDues()).map(({ jobId }) => jobId).toSorted()).toEqual(jobIds.toSorted());
  await expect(prover.fetchInput(jobIds[0]!)).rejects.toThrow();
  const samples = await block8Samples();
  const jobs = await Promise.all(jobIds.map((jobId) => client.call('getJob', { params: { jobId } })));
  for (const { jobId, publicSignals } of jobs) {
    const sample = samples.find((one) => one.publicSignals[0] === publicSignals[0])!;
    await prover.submitProof(jobId, sample.publicSignals, sample.zkProof);
  }
  const outcomes = async () =>
    Promise.all(jobIds.map(async (jobId) => (await client.call('getJob', { params: { jobId } })).outcome));
  await until(async () => (await outcomes()).every((one) => one === 'proven'), 'the jobs to be proven');
  const paid = await client.call('getAccount', { params: { address: account.address } });
  expect(paid.bondedWei).toBe('0');
  expect(BigInt(paid.freeWei)).toBeGreaterThan(10n * ETHER);

  const verifier = createVerifierPool({ threads: 1 });
  const audit = new LogAudit(tileLogSource(httpTileSource(url)), { verifier, threads: 1 });
  const report = await audit.run().finally(() => Promise.all([audit.close(), verifier.close()]));
  expect(report.flaws).toEqual([]);
  expect(report.logs.map(({ origin, follows }) => [origin, follows])).toEqual([
    [market.view.origin, null],
    [ORIGIN, { cause: 'import', isAnnounced: false }],
  ]);
  expect(await next.stop()).toBe(0);
  next = null;
  expect(await run(['fsck', '--data-dir', dataDir])).toMatch(/the tables are the fold of the log/);
});
