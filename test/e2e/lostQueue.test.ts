/** A market that nobody serves, and one whose queue forgets everything all the time. */
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { type BellQueue, createBellQueue } from '#queue/bellQueue.js';
import { BLOCK_8 } from '../fixtures/block8.js';
import { expectedPayout } from '../setup/expectedPayout.js';
import { InstantAgent } from '../setup/liveAgents.js';
import { LiveMarket } from '../setup/liveMarket.js';

// Other work may share the machine; what is waited for has deadlines of its own.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

const MAX_PRICE_WEI = 10n ** 15n;

let market: LiveMarket;
let bells: BellQueue;
let agents: InstantAgent[] = [];
let stopFlushing: () => Promise<void> = async () => {};

beforeAll(async () => {
  market = await LiveMarket.open();
  bells = await createBellQueue({ databaseUrl: market.databaseUrl });
  market.onClose(() => bells.close());
});

afterEach(async () => {
  await stopFlushing();
  stopFlushing = async () => {};
});

afterAll(async () => {
  await market?.close();
});

const parties = () => [market.requester, ...agents.map(({ account }) => account)].map(({ address }) => address);
const moneyOf = () => Promise.all(parties().map((address) => market.freeWei(address, true)));

/** Empties the queue over and over, so that no bell that is set ahead of its time ever rings. */
function flushAllTheTime(): void {
  let isStopped = false;
  let flushes = 0;
  const flushing = (async () => {
    while (!isStopped) {
      await bells.flush();
      flushes += 1;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(flushes).toBeGreaterThan(10);
  })();
  stopFlushing = async () => {
    isStopped = true;
    await flushing;
  };
}

it('a block that nobody bids for is offered again, then refunded in full', async () => {
  const before = await moneyOf();
  const order = await market.order(BLOCK_8, { bidWindowsMs: [200, 200, 200], pool: 'none' });
  await market.submit(order);
  expect(await market.log.wait('blockCompleted', order.blockId)).toMatchObject({ proven: 0, expired: 4 });
  expect(market.log.all('roundOpened', order.blockId)).toHaveLength(order.message.bidWindowsMs.length);
  expect(market.log.all('jobExpired', order.blockId).map(({ reason }) => reason)).toEqual(Array(4).fill('noBids'));
  expect(await moneyOf()).toEqual(before);
  const bundle = await market.client().call('getBundle', { params: { blockId: order.blockId } });
  expect(bundle.complete).toBe(false);
  await market.expectSound();
});

it('with no bell ever ringing, rounds close and backups start all the same', async () => {
  agents = [
    await InstantAgent.start(market, { name: 'cheap', priceWei: 1_000_000_000_000n, slots: 16 }),
    await InstantAgent.start(market, { name: 'dear', priceWei: 2_000_000_000_000n, slots: 16, measuredMs: 8_000 }),
  ];
  const before = await moneyOf();
  flushAllTheTime();
  agents[0]!.hold();
  const order = await market.order(BLOCK_8, { deadlineMs: Date.now() + 26_000 });
  await market.submit(order);
  expect(await market.log.wait('blockCompleted', order.blockId)).toMatchObject({ proven: 4, expired: 0 });
  const activated = market.log.all('backupActivated', order.blockId);
  expect(activated.map(({ cause }) => cause)).toEqual(Array(4).fill('startTime'));
  const entries = market.log.of(order.blockId);
  const payout = expectedPayout(entries, parties()[0]!, MAX_PRICE_WEI, market.view.parameters);
  const after = await moneyOf();
  expect(after.map((wei, index) => wei - before[index]!)).toEqual(parties().map((one) => payout.get(one) ?? 0n));
  await stopFlushing();
  await market.expectSound();
});

it('with no bell ever ringing, jobs expire: refunded, and compensated out of the bonds', async () => {
  const before = await moneyOf();
  flushAllTheTime();
  for (const agent of agents) agent.hold();
  const order = await market.order(BLOCK_8, { deadlineMs: Date.now() + 6_000 });
  await market.submit(order);
  const { awards } = await market.log.wait('roundCleared', order.blockId);
  expect(await market.log.wait('blockCompleted', order.blockId)).toMatchObject({ proven: 0, expired: 4 });
  const gained = new Map(parties().map((address) => [address, 0n]));
  const add = (address: string, wei: bigint) => gained.set(address as never, gained.get(address as never)! + wei);
  for (const { jobId, primary, backup, standbyFeeWei } of awards) {
    const isCalled = market.log.all('backupActivated', order.blockId).some((one) => one.jobId === jobId);
    for (const side of backup && isCalled ? [primary, backup] : [primary]) {
      const feeWei = side === primary ? BigInt(standbyFeeWei) : 0n;
      const owedWei = (MAX_PRICE_WEI * BigInt(market.view.parameters.lateDamageBps)) / 10_000n + feeWei;
      add(side.prover, -owedWei);
      add(parties()[0]!, owedWei);
    }
  }
  const after = await moneyOf();
  expect(after.map((wei, index) => wei - before[index]!)).toEqual([...gained.values()]);
  expect(gained.get(parties()[0]!)).toBeGreaterThan(0n);
  await stopFlushing();
  await market.expectSound();
});
