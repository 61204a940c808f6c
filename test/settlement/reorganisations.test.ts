import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ChainMarket, chainAccount, EPOCH_MS } from '../setup/chainMarket.js';
import { invariantFlaws } from '../setup/invariants.js';
import { ETH } from '../setup/marketDriver.js';

const CONFIRMATIONS = 21;

let market: ChainMarket;
const alice = chainAccount(1).address;

beforeEach(async () => {
  market = await ChainMarket.open({ confirmations: CONFIRMATIONS });
});

afterEach(async () => {
  expect(await invariantFlaws(market.database.pool)).toEqual([]);
  await market.close();
});

/** Replaces the newest blocks by empty ones: what they held is gone. */
async function reorganise(depth: number): Promise<void> {
  await market.client.request({ method: 'anvil_reorg' as never, params: [depth, []] as never });
}

const lookAndMine = async (blocks: number) => {
  for (let block = 0; block < blocks; block += 1) {
    await market.service.look();
    await market.mine(1);
  }
};

describe('a reorganisation before the confirmations', () => {
  it('undoes nothing, at every depth, because nothing was credited', async () => {
    await market.mine(30);
    for (let depth = 1; depth <= 20; depth += 1) {
      const before = market.settlement.depositedWei;
      await market.deposit(alice, 1n);
      await lookAndMine(depth - 1);
      await market.service.look();
      await reorganise(depth);
      await market.mine(CONFIRMATIONS);
      await market.service.look();
      expect({ depth, credited: market.settlement.depositedWei - before }).toEqual({ depth, credited: 0n });
      expect(market.service.status()).toMatchObject({ haltedReason: null, failure: null });
    }
    await market.deposit(alice, 7n);
    await market.mine(CONFIRMATIONS - 1);
    await market.service.look();
    expect(market.freeWei(alice)).toBe(7n);
  });

  it('of a posted root has the same root posted again', async () => {
    await market.mine(30);
    await market.deposit(alice, 5n * ETH);
    await market.mine(CONFIRMATIONS - 1);
    await market.service.look();
    await market.computeRoot();
    await market.service.look();
    expect(await market.read('epoch')).toBe(1n);
    for (let depth = 1; depth <= 20; depth += 1) {
      await market.mine(depth - 1);
      await reorganise(depth);
      expect(await market.read('epoch')).toBe(0n);
      await market.service.look();
      // The node has forgotten it: it is sent again as it was.
      await market.service.look();
      expect({ depth, epoch: await market.read('epoch') }).toEqual({ depth, epoch: 1n });
    }
    await market.mine(CONFIRMATIONS);
    await market.service.look();
    expect(market.settlement.posted?.epoch).toBe(1);
  });
});

describe('a reorganisation of what was believed', () => {
  it('halts crediting and vouchers with an alarm, until the chain has the deposits again', async () => {
    await market.mine(30);
    const { number: blockNumber } = await market.client.getBlock();
    await market.deposit(alice, 5n * ETH);
    await market.mine(CONFIRMATIONS + 2);
    await market.service.look();
    expect(market.freeWei(alice)).toBe(5n * ETH);
    const snapshotDepth = Number((await market.client.getBlockNumber()) - blockNumber);
    await reorganise(snapshotDepth);
    await market.mine(CONFIRMATIONS + 3);
    await market.service.look();
    expect(market.service.status().haltedReason).toContain('is gone');
    expect(await market.service.voucher(alice)).toBeNull();
    expect(market.logged.filter(({ fields }) => fields.alarm === 'chainContradictsLedger')).toHaveLength(1);
    // Somebody else's deposit at its place is another one.
    await market.deposit(chainAccount(2).address, 5n * ETH, chainAccount(2));
    await market.mine(CONFIRMATIONS);
    await market.service.look();
    expect(market.service.status().haltedReason).toContain(chainAccount(2).address);
    expect(market.freeWei(chainAccount(2).address)).toBe(0n);
    expect(market.settlement.depositedWei).toBe(5n * ETH);
    // A restart does not forget it.
    const again = await market.addCoordinator();
    await again.service.look();
    expect(again.service.status().haltedReason).toContain(chainAccount(2).address);
  });

  it('goes on when the same deposits are there again', async () => {
    await market.mine(30);
    const { number: blockNumber } = await market.client.getBlock();
    await market.deposit(alice, 5n * ETH);
    await market.mine(CONFIRMATIONS + 2);
    await market.service.look();
    await reorganise(Number((await market.client.getBlockNumber()) - blockNumber));
    await market.mine(CONFIRMATIONS + 3);
    await market.service.look();
    expect(market.service.status().haltedReason).not.toBeNull();
    await market.deposit(alice, 5n * ETH);
    await market.deposit(alice, 1n * ETH);
    await market.mine(CONFIRMATIONS);
    await market.service.look();
    await market.service.look();
    expect(market.service.status().haltedReason).toBeNull();
    expect(market.freeWei(alice)).toBe(6n * ETH);
    market.nowMs += EPOCH_MS;
  });
});
