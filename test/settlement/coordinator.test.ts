import { afterEach, beforeEach, expect, it } from 'vitest';
import { ChainMarket, chainAccount } from '../setup/chainMarket.js';
import { invariantFlaws } from '../setup/invariants.js';
import { ETH } from '../setup/marketDriver.js';

let market: ChainMarket;
const alice = chainAccount(1).address;
const bob = chainAccount(2).address;

beforeEach(async () => {
  market = await ChainMarket.open();
});

afterEach(async () => {
  expect(await invariantFlaws(market.database.pool)).toEqual([]);
  await market.close();
});

it('credits deposits once they have their confirmations, posts roots, and pays by vouchers', async () => {
  await market.deposit(alice, 5n * ETH);
  await market.service.look();
  expect(market.freeWei(alice)).toBe(0n);
  await market.mine(2);
  await market.service.look();
  expect(market.freeWei(alice)).toBe(5n * ETH);
  await market.service.look();
  expect(market.freeWei(alice)).toBe(5n * ETH);

  await market.takeOut(1, 2n * ETH);
  expect((await market.service.voucher(alice))!.cumulativeWei).toBe(0n);
  await market.passEpoch();
  expect(market.settlement.posted).toMatchObject({ epoch: 1, sumWei: 5n * ETH });
  expect(await market.read('latestRoot')).toMatchObject({ sumWei: 5n * ETH, creditedWei: 5n * ETH });
  expect(await market.drawVoucher(1)).toBe(2n * ETH);
  expect(market.freeWei(alice)).toBe(3n * ETH);
  expect(await market.client.getBalance({ address: market.terms.contract })).toBe(3n * ETH);
  expect(market.freeWei(bob)).toBe(0n);
});
