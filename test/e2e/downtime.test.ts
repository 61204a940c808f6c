/** The coordinator is away for long: what it missed must cost no prover. */
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type { ProverRecord } from '#market/state.js';
import type { BlockRequest } from '#protocol/messages.js';
import { BLOCK_8 } from '../fixtures/block8.js';
import { expectedPayout } from '../setup/expectedPayout.js';
import { InstantAgent } from '../setup/liveAgents.js';
import { LiveMarket } from '../setup/liveMarket.js';
import { until } from '../setup/liveProcess.js';

// Other work may share the machine; what is waited for has deadlines of its own.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

let market: LiveMarket;
let primary: InstantAgent;
let backup: InstantAgent;

beforeAll(async () => {
  market = await LiveMarket.open();
  // It promises some seconds, so that the coordinator can be gone before a backup is called.
  primary = await InstantAgent.start(market, {
    name: 'cheap',
    priceWei: 1_000_000_000_000n,
    slots: 16,
    measuredMs: 6_000,
  });
  // Slow by its word, so that it has to start long before the deadline.
  backup = await InstantAgent.start(market, {
    name: 'slow',
    priceWei: 2_000_000_000_000n,
    slots: 16,
    measuredMs: 15_000,
  });
});

afterAll(async () => {
  await market?.close();
});

const parties = () => [market.requester, primary.account, backup.account].map(({ address }) => address);
const moneyOf = () => Promise.all(parties().map((address) => market.freeWei(address, true)));

/** Has a block awarded and both agents held. */
async function openBlock(terms: Partial<BlockRequest>) {
  primary.hold();
  backup.hold();
  const order = await market.order(BLOCK_8, terms);
  await market.submit(order);
  const { awards } = await market.log.wait('roundCleared', order.blockId);
  expect(awards.map((award) => award.primary.prover)).toEqual(Array(4).fill(primary.account.address));
  await until(async () => {
    const { progress } = await market.client().call('listJobs', { params: { blockId: order.blockId } });
    return progress.filter(({ stage }) => stage === 'proving').length === 4;
  }, 'all four jobs to be proven');
  return { order, awards };
}

async function downUntil(timeMs: number): Promise<void> {
  await market.coordinator.kill();
  await until(() => Date.now() > timeMs, 'the time to come back');
  await market.coordinator.start();
}

it('a deadline that passed while the coordinator was down is refunded, and nobody is slashed', async () => {
  const before = await moneyOf();
  const { order } = await openBlock({ deadlineMs: Date.now() + 14_000 });
  await downUntil(order.message.deadlineMs + 200);
  expect(await market.log.wait('blockCompleted', order.blockId)).toMatchObject({ proven: 0, expired: 4 });
  for (const expired of market.log.all('jobExpired', order.blockId)) {
    expect(expired).toMatchObject({ reason: 'deadlinePassed', excused: [primary.account.address] });
  }
  expect(await moneyOf()).toEqual(before);
  await market.expectSound();
});

it('due times shift by the downtime: a primary that delivers after its old due time is on time', async () => {
  const before = await moneyOf();
  // The agents may still be on their way back to the coordinator: the window gives both of them time to bid.
  // A miss that costs ten zkProofs is worth a backup, and not a primary that is dearer.
  const { order, awards } = await openBlock({
    deadlineMs: Date.now() + 50_000,
    bidWindowsMs: [6_000, 6_000, 6_000],
    missCostWei: '10000000000000',
  });
  const starts = awards.map(({ backupStartMs }) => backupStartMs ?? Number.NaN);
  await downUntil(Math.max(...starts) + 200);
  primary.release();
  expect(await market.log.wait('blockCompleted', order.blockId)).toMatchObject({ proven: 4 });
  const entries = market.log.of(order.blockId);
  expect(entries.filter(({ type }) => type === 'backupActivated' || type === 'leaseMissed')).toEqual([]);
  const { jobs } = await market.client().call('listJobs', { params: { blockId: order.blockId } });
  for (const [index, job] of jobs.entries()) {
    expect(job.deliveredBy).toBe('primary');
    expect(job.backupStartMs).toBeGreaterThan(starts[index]!);
  }
  // Nor does its record count the downtime as its own.
  const { gapMs } = market.log.seen.map(({ entry }) => entry).findLast((entry) => entry.type === 'coordinatorStarted')!;
  const { rows } = await market.pool.query<{ state: ProverRecord }>(
    'SELECT state FROM prover_records WHERE prover = $1',
    [primary.account.address],
  );
  expect(gapMs).toBeGreaterThan(4_000);
  for (const provingMs of rows[0]!.state.provingMs) expect(provingMs).toBeLessThan(gapMs);
  const payout = expectedPayout(entries, parties()[0]!, 10n ** 15n, market.view.parameters);
  const after = await moneyOf();
  expect(after.map((wei, index) => wei - before[index]!)).toEqual(parties().map((one) => payout.get(one) ?? 0n));
  await market.expectSound();
});
