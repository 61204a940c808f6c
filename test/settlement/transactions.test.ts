import { afterEach, beforeEach, expect, it } from 'vitest';
import { startAnvil } from '#settlement/anvilNode.js';
import { REPLACE_AFTER_MS } from '#settlement/transactionSender.js';
import { ChainMarket, chainAccount } from '../setup/chainMarket.js';
import { invariantFlaws } from '../setup/invariants.js';
import { ETH } from '../setup/marketDriver.js';

let market: ChainMarket;
const alice = chainAccount(1).address;

beforeEach(async () => {
  market = await ChainMarket.open();
  await market.deposit(alice, 5n * ETH);
  await market.mine(2);
  await market.service.look();
});

afterEach(async () => {
  expect(await invariantFlaws(market.database.pool)).toEqual([]);
  await market.close();
});

const sent = async () =>
  (await market.database.pool.query('SELECT purpose, nonce, hashes FROM chain_transactions')).rows;
const stopMining = () => market.client.setAutomine(false);

it('is sent again as it was when the node has dropped it', async () => {
  await stopMining();
  await market.computeRoot();
  await market.service.look();
  const [{ hashes }] = await sent();
  await market.client.dropTransaction({ hash: hashes[0] });
  await market.mine(1);
  expect(await market.read('epoch')).toBe(0n);
  await market.service.look();
  await market.mine(1);
  expect(await market.read('epoch')).toBe(1n);
  expect((await sent())[0].hashes).toEqual(hashes);
});

it('is sent for more with the same nonce when it waits too long, and only one of them counts', async () => {
  await stopMining();
  await market.computeRoot();
  await market.service.look();
  const [first] = await sent();
  await market.service.look();
  expect(await sent()).toEqual([first]);
  market.nowMs += REPLACE_AFTER_MS;
  await market.service.look();
  const [second] = await sent();
  expect(second.nonce).toBe(first.nonce);
  expect(second.hashes).toHaveLength(2);
  await market.mine(1);
  expect(await market.read('epoch')).toBe(1n);
  expect(await market.client.getTransactionCount({ address: market.key.address })).toBe(Number(first.nonce) + 1);
  await market.mine(2);
  await market.service.look();
  expect(market.settlement.posted?.epoch).toBe(1);
  await market.service.look();
  expect(await sent()).toEqual([]);
});

it('begins anew when its nonce was used for something else', async () => {
  await stopMining();
  await market.computeRoot();
  await market.service.look();
  const [{ hashes, nonce }] = await sent();
  await market.client.dropTransaction({ hash: hashes[0] });
  await market.client.setNonce({ address: market.key.address, nonce: Number(nonce) + 1 });
  await market.service.look();
  await market.service.look();
  await market.mine(3);
  await market.service.look();
  expect(market.settlement.posted?.epoch).toBe(1);
});

it('waits for coins when the key cannot pay for gas, and loses nothing', async () => {
  await market.client.setBalance({ address: market.key.address, value: 1n });
  await market.computeRoot();
  await market.service.look();
  expect(await market.read('epoch')).toBe(0n);
  const said = market.logged.filter(({ message }) => message.includes('cannot pay for gas'));
  expect(said[0]!.fields.address).toBe(market.key.address);
  await market.client.setBalance({ address: market.key.address, value: ETH });
  await market.service.look();
  expect(await market.read('epoch')).toBe(1n);
});

it('is harmless when two coordinators send', async () => {
  const other = await market.addCoordinator();
  await market.computeRoot();
  await other.journal.catchUp();
  await Promise.all([market.service.look(), other.service.look()]);
  await market.mine(2);
  await Promise.all([market.service.look(), other.service.look()]);
  await market.journal.catchUp();
  expect(market.settlement.posted?.epoch).toBe(1);
  expect(await market.read('epoch')).toBe(1n);
  const { rows } = await market.database.pool.query("SELECT count(*)::int AS n FROM entries WHERE type = 'rootPosted'");
  expect(rows).toEqual([{ n: 1 }]);
});

it('finds its way when a provider is away', async () => {
  const coordinator = await market.addCoordinator(['http://127.0.0.1:1', market.node.url]);
  await market.deposit(alice, 1n);
  await market.mine(3);
  await coordinator.service.look();
  expect(coordinator.service.status().failure).toBeNull();
  expect(coordinator.journal.state().balances.get(`account:${alice}`)).toBe(5n * ETH + 1n);
  const alone = await market.addCoordinator(['http://127.0.0.1:1']);
  await alone.service.look();
  expect(alone.service.status().failure).toContain('provider 1 (127.0.0.1:1)');
});

it('never uses a provider of another chain, and says which it is', async () => {
  const stranger = await startAnvil({ chainId: 1 });
  try {
    const coordinator = await market.addCoordinator([stranger.url, market.node.url]);
    await market.deposit(alice, 1n);
    await market.mine(3);
    await coordinator.service.look();
    expect(coordinator.journal.state().balances.get(`account:${alice}`)).toBe(5n * ETH + 1n);
    const alone = await market.addCoordinator([stranger.url]);
    await alone.service.look();
    expect(alone.service.status().failure).toContain('is of chain 1, this market is on chain 31337');
  } finally {
    await stranger.stop();
  }
});

it('notes a root that was posted by a transaction that nobody remembers', async () => {
  await market.computeRoot();
  await market.service.look();
  await market.database.pool.query('DELETE FROM chain_transactions');
  await market.mine(2);
  await market.service.look();
  expect(market.settlement.posted?.epoch).toBe(1);
});
