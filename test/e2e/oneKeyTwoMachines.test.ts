/** Two agents with one key on two machines: they share nothing but the market. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { KeyInUseError } from '#agent/client/keyLock.js';
import { BLOCK_8 } from '../fixtures/block8.js';
import { InstantAgent, type InstantAgentOptions } from '../setup/liveAgents.js';
import { LiveMarket } from '../setup/liveMarket.js';
import { until } from '../setup/liveProcess.js';

// Other work may share the machine; what is waited for has deadlines of its own.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

const PRICE_WEI = 1_000_000_000_000n;
let market: LiveMarket;
let first: InstantAgent;

beforeAll(async () => {
  market = await LiveMarket.open();
  first = await InstantAgent.start(market, { name: 'attic', priceWei: PRICE_WEI, isElsewhere: true });
});

afterAll(async () => {
  await market?.close();
});

const beside = (name: string, more: Partial<InstantAgentOptions> = {}) =>
  InstantAgent.start(market, { name, priceWei: PRICE_WEI, account: first.account, isElsewhere: true, ...more });
const registeredName = async () =>
  (await market.client().call('getAccount', { params: { address: first.account.address } })).prover?.name;

it('the second refuses to start, by every replica and after a restart of the coordinator; the first earns on', async () => {
  await expect(beside('cellar')).rejects.toThrow(KeyInUseError);
  await expect(beside('cellar')).rejects.toThrow(/It runs on ".+" since .+ and was heard of .+ s ago.*--take-over/);
  expect(await registeredName()).toBe('attic');
  const replica = await market.addCoordinator();
  await expect(beside('cellar', { url: replica.url })).rejects.toThrow(KeyInUseError);
  await market.coordinator.kill();
  await market.coordinator.start();
  await expect(beside('cellar')).rejects.toThrow(KeyInUseError);

  const order = await market.order(BLOCK_8, {});
  await market.submit(order);
  expect(await market.log.wait('blockCompleted', order.blockId)).toMatchObject({ proven: 4 });
  expect(first.events.filter(({ event }) => event === 'replaced')).toEqual([]);
});

it('one that is told to take over gets the jobs, and the first ends without handing any back', async () => {
  first.hold();
  const order = await market.order(BLOCK_8, { deadlineMs: Date.now() + 120_000 });
  await market.submit(order);
  await market.log.wait('roundCleared', order.blockId);
  await first.event('proofStarted');
  const second = await beside('cellar', { takeOver: true });
  await expect(first.ended).rejects.toThrow(KeyInUseError);
  expect(await market.log.wait('blockCompleted', order.blockId)).toMatchObject({ proven: 4 });
  expect(second.events.filter(({ event }) => event === 'proofDelivered')).toHaveLength(4);
  expect(market.log.of(order.blockId).filter(({ type }) => type === 'gaveUp')).toEqual([]);

  // A clean stop leaves the key free at once.
  await second.stop();
  const third = await beside('barn');
  // A folder on two machines, as a copied or shared one is: the second run is taken for a restart until the first is heard.
  rmSync(join(market.folder, 'barn', 'agent.lock'));
  const copy = await beside('barn');
  await expect(copy.ended).rejects.toThrow(KeyInUseError);
  await until(() => copy.events.some(({ event }) => event === 'replaced'), 'the word of the former run');
  expect(third.events.filter(({ event }) => event === 'replaced')).toEqual([]);
  await market.expectSound();
});
