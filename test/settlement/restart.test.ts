import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { startAnvil } from '#settlement/anvilNode.js';
import { REST_MS_MAX } from '#settlement/chainClient.js';
import { ChainMarket, chainAccount } from '../setup/chainMarket.js';
import { invariantFlaws } from '../setup/invariants.js';
import { ETH } from '../setup/marketDriver.js';

let folder: string;
let market: ChainMarket;
const alice = chainAccount(1).address;
const stateArgs = () => ['--state', join(folder, 'chain.json'), '--preserve-historical-states'];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'understudy-chain-'));
  market = await ChainMarket.open({ args: stateArgs() });
});

afterEach(async () => {
  expect(await invariantFlaws(market.database.pool)).toEqual([]);
  await market.close();
  rmSync(folder, { recursive: true, force: true });
});

it('goes on where it was when the node comes back, and says what is wrong meanwhile', async () => {
  await market.deposit(alice, 5n * ETH);
  await market.mine(2);
  await market.service.look();
  await market.deposit(alice, 2n * ETH);
  await market.computeRoot();
  const port = Number(new URL(market.node.url).port);
  await market.node.stop();
  await market.service.look();
  expect(market.service.status().failure).toContain('no provider of the chain could be asked');
  market.node = await startAnvil({ port, args: stateArgs() });
  market.nowMs += REST_MS_MAX;
  await market.service.look();
  expect(market.service.status()).toMatchObject({ failure: null, haltedReason: null });
  expect(await market.read('epoch')).toBe(1n);
  await market.mine(3);
  await market.service.look();
  expect(market.freeWei(alice)).toBe(7n * ETH);
  expect(market.settlement.posted?.epoch).toBe(1);
});

it('goes on from the last state of a node that was killed, whose newest blocks are lost', async () => {
  await market.mine(10);
  await market.deposit(alice, 5n * ETH);
  await market.mine(2);
  await market.service.look();
  const state = await market.client.request({ method: 'anvil_dumpState' as never, params: [true] as never });
  await market.deposit(alice, 2n * ETH);
  await market.computeRoot();
  await market.service.look();
  expect(await market.read('epoch')).toBe(1n);
  const port = Number(new URL(market.node.url).port);
  process.kill(market.node.pid, 'SIGKILL');
  await market.node.stop();
  await market.service.look();
  expect(market.service.status().failure).toContain('no provider of the chain could be asked');
  market.node = await startAnvil({ port, args: ['--preserve-historical-states'] });
  market.nowMs += REST_MS_MAX;
  await market.client.request({ method: 'anvil_loadState' as never, params: [state] as never });
  // Neither the root nor the second deposit was in the state: the root is sent again, the deposit by whoever made it.
  expect(await market.read('epoch')).toBe(0n);
  await market.service.look();
  await market.service.look();
  expect(await market.read('epoch')).toBe(1n);
  expect(market.service.status()).toMatchObject({ failure: null, haltedReason: null });
  expect(market.freeWei(alice)).toBe(5n * ETH);
  await market.deposit(alice, 2n * ETH);
  await market.mine(3);
  await market.service.look();
  expect(market.freeWei(alice)).toBe(7n * ETH);
  expect(market.settlement.posted?.epoch).toBe(1);
});

it('sends what was written down and never sent: a coordinator killed in between', async () => {
  await market.deposit(alice, 5n * ETH);
  await market.mine(2);
  await market.service.look();
  await market.client.setAutomine(false);
  await market.computeRoot();
  await market.service.look();
  const { rows } = await market.database.pool.query<{ hashes: `0x${string}`[] }>(
    'SELECT hashes FROM chain_transactions',
  );
  // As if the process had died just before it sent.
  await market.client.dropTransaction({ hash: rows[0]!.hashes[0]! });
  const next = await market.addCoordinator();
  await next.service.look();
  await market.mine(1);
  expect(await market.read('epoch')).toBe(1n);
  expect((await market.client.getTransactionReceipt({ hash: rows[0]!.hashes[0]! })).status).toBe('success');
  const again = await market.database.pool.query('SELECT hashes FROM chain_transactions');
  expect(again.rows).toEqual(rows);
});
