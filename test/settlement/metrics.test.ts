/** What monitoring sees of a chain: every gauge an alarm hangs on changes when its cause does. */
import { createServer } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { coordinatorMetrics, serveMetrics } from '../../coordinator/metricsServer.js';
import { ChainMarket, CONFIRMATIONS, chainAccount, EPOCH_MS } from '../setup/chainMarket.js';
import { ETH } from '../setup/marketDriver.js';

let market: ChainMarket;
const alice = chainAccount(1).address;

beforeEach(async () => {
  market = await ChainMarket.open();
});

afterEach(() => market.close());

const source = () => {
  const { journal, service: settlement } = market.coordinators[0]!;
  return { pool: market.database.pool, journal, settlement, nowMs: () => market.nowMs };
};

/** The gauges of a text of metrics, each of which must be announced with help and type. */
function gaugesOf(text: string): Record<string, number> {
  const found: Record<string, number> = {};
  for (const line of text.split('\n').filter((one) => one !== '' && !one.startsWith('#'))) {
    const [, name, value] = /^understudy_coordinator_([a-z_]+) ([0-9]+)$/.exec(line)!;
    expect(text).toContain(`# HELP understudy_coordinator_${name} `);
    expect(text).toContain(`# TYPE understudy_coordinator_${name} gauge\n`);
    found[name!] = Number(value);
  }
  return found;
}

const gauges = async () => gaugesOf(await coordinatorMetrics(source()));

it('shows blocks, transactions under way and the age of the newest root', async () => {
  const attachedAtMs = market.nowMs;
  market.nowMs += 5_000;
  expect(await gauges()).toMatchObject({ chain_failing: 0, chain_look_age_seconds: 5, chain_root_age_seconds: 5 });
  await market.deposit(alice, 5n * ETH);
  await market.mine(2);
  await market.service.look();
  const head = Number(await market.client.getBlockNumber({ cacheTime: 0 }));
  const seen = { chain_head_block: head, chain_final_block: head - CONFIRMATIONS + 1 };
  expect(await gauges()).toMatchObject({ ...seen, chain_look_age_seconds: 0, chain_pending_transactions: 0 });
  await market.client.setAutomine(false);
  await market.computeRoot();
  await market.service.look();
  expect(await gauges()).toMatchObject({
    ...{ chain_pending_transactions: 1, chain_root_waits: 1, chain_root_epoch: 0 },
    chain_root_age_seconds: (market.nowMs - attachedAtMs) / 1_000,
  });
  for (let turn = 0; turn < 5; turn += 1) {
    await market.mine(1);
    await market.service.look();
  }
  expect(await gauges()).toMatchObject({ chain_pending_transactions: 0, chain_root_waits: 0, chain_root_epoch: 1 });
  market.nowMs += EPOCH_MS;
  expect(await gauges()).toMatchObject({ chain_root_age_seconds: EPOCH_MS / 1_000, chain_halted: 0 });
});

it('shows that the chain contradicts the ledger, and that it cannot be asked', async () => {
  await market.deposit(alice, 5n * ETH);
  await market.mine(2);
  await market.service.look();
  await market.client.request({ method: 'anvil_reorg' as never, params: [4, []] as never });
  await market.mine(1);
  await market.service.look();
  expect(await gauges()).toMatchObject({ chain_halted: 1, chain_failing: 0 });
  await market.node.stop();
  market.nowMs += 60_000;
  await market.service.look();
  expect(await gauges()).toMatchObject({ chain_failing: 1, chain_look_age_seconds: 60 });
});

it('is served on this machine, at its path only, and says so when the database is away', async () => {
  const { url, stop } = await serveMetrics(0, source());
  const answer = await fetch(url);
  expect([answer.status, answer.headers.get('content-type')]).toEqual([
    200,
    'text/plain; version=0.0.4; charset=utf-8',
  ]);
  expect(gaugesOf(await answer.text())).toMatchObject({ chain_halted: 0, open_blocks: 0 });
  expect((await fetch(url.replace('/metrics', '/'))).status).toBe(404);
  expect((await fetch(url, { method: 'POST' })).status).toBe(404);
  await stop();
  const away = { query: () => Promise.reject(new Error('connection refused')) };
  const second = await serveMetrics(0, { ...source(), pool: away as never });
  expect((await fetch(second.url)).status).toBe(503);
  await second.stop();
});

it('refuses to start on a port that another one has', async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const { port } = other.address() as { port: number };
  await expect(serveMetrics(port, source())).rejects.toThrow('EADDRINUSE');
  await new Promise((resolve) => other.close(resolve));
});
