/** A newcomer's market: embedded database, three real agents, real zkProofs, all of them honest. */
import { once } from 'node:events';
import { connect } from 'node:net';
import * as snarkjs from 'snarkjs';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { DEFAULT_PARAMETERS } from '#protocol/parameters.js';
import { BLOCK_8 } from '../fixtures/block8.js';
import { expectedPayout } from '../setup/expectedPayout.js';
import { LiveAgent } from '../setup/liveAgents.js';
import { LiveMarket } from '../setup/liveMarket.js';

// Other work may share the machine; what is waited for has deadlines of its own.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

let market: LiveMarket;
let agents: LiveAgent[];
let ends: (number | string)[] | null = null;

beforeAll(async () => {
  market = await LiveMarket.open({ embedded: true, parameters: { newcomerJobs: DEFAULT_PARAMETERS.newcomerJobs } });
  agents = await Promise.all([
    LiveAgent.start(market, { name: 'cheap', priceWei: 1_000_000_000_000n, slots: 2 }),
    LiveAgent.start(market, { name: 'middle', priceWei: 1_300_000_000_000n }),
    LiveAgent.start(market, { name: 'dear', priceWei: 1_700_000_000_000n }),
  ]);
  // Each is new to the circuit, and has proven a challenge job before it bids.
  await Promise.all(agents.map((agent) => agent.event('challengePassed')));
});

afterAll(async () => {
  ends ??= await market?.close();
});

it('proves block-8: every job proven, verified by snarkjs, roots chained, everybody paid to the wei', async () => {
  const parties = [market.requester, ...agents.map(({ account }) => account)].map(({ address }) => address);
  const before = await Promise.all(parties.map((address) => market.freeWei(address)));
  const order = await market.order(BLOCK_8, { bidWindowsMs: [2_000, 2_000, 2_000] });
  await market.submit(order);
  const { proven, expired } = await market.log.wait('blockCompleted', order.blockId, 1, 120_000);
  expect({ proven, expired }).toEqual({ proven: 4, expired: 0 });

  const bundle = await market.client().call('getBundle', { params: { blockId: order.blockId } });
  expect(bundle.complete).toBe(true);
  for (const { zkProof, publicSignals } of bundle.zkProofs) {
    expect(await snarkjs.groth16.verify(bundle.verificationKey as never, publicSignals, zkProof as never)).toBe(true);
  }
  const roots = bundle.zkProofs.map(({ publicSignals }) => publicSignals);
  const { preStateRoot, postStateRoot } = BLOCK_8 as { preStateRoot: string; postStateRoot: string };
  expect(roots[0]![0]).toBe(preStateRoot);
  expect(roots.at(-1)![1]).toBe(postStateRoot);
  for (const [index, signals] of roots.slice(1).entries()) expect(signals[0]).toBe(roots[index]![1]);

  const [cleared] = market.log.all('roundCleared', order.blockId);
  expect(cleared!.bids).toHaveLength(3);
  expect(cleared!.awards.every(({ backup }) => backup !== null)).toBe(true);
  const after = await Promise.all(parties.map((address) => market.freeWei(address, true)));
  const { parameters } = market.view;
  const payout = expectedPayout(market.log.of(order.blockId), parties[0]!, 10n ** 15n, parameters);
  expect(parties.map((_, index) => after[index]! - before[index]!)).toEqual(
    parties.map((address) => payout.get(address) ?? 0n),
  );
  expect([...payout.values()].reduce((sum, wei) => sum + wei, 0n)).toBe(0n);
  await market.expectSound();
});

it('carries on with its own database after a kill -9, and stops cleanly', async () => {
  const before = await market.client().call('getMarket', {});
  await market.coordinator.kill();
  await market.coordinator.start();
  const after = await market.client().call('getMarket', {});
  expect(after.coordinatorId).toBe(before.coordinatorId);
  expect(after.treeSize).toBeGreaterThan(before.treeSize);
  await market.reconnectEmbedded();
  await market.expectSound();
  // Clients open connections in advance; one that never asks for anything must not keep the coordinator from stopping.
  const silent = connect(Number(new URL(market.coordinator.url).port), '127.0.0.1').on('error', () => {});
  await once(silent, 'connect');
  ends = await market.close();
  silent.destroy();
  expect(ends, market.coordinator.process.tail()).toEqual([0]);
  expect(agents.map(({ process }) => process.end)).toEqual([0, 0, 0]);
});
