/** Gas that grows dearer under a transaction: it is paid by the rule, once, and never more than allowed. */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { firstFees, raisedFees } from '#settlement/gasFees.js';
import { REPLACE_AFTER_MS } from '#settlement/transactionSender.js';
import { ChainMarket, chainAccount } from '../setup/chainMarket.js';
import { invariantFlaws } from '../setup/invariants.js';
import { ETH } from '../setup/marketDriver.js';

const GWEI = 10n ** 9n;
const alice = chainAccount(1).address;
let market: ChainMarket;

beforeEach(async () => {
  market = await ChainMarket.open();
  await market.deposit(alice, 5n * ETH);
  await market.mine(2);
  await market.service.look();
  await market.client.setAutomine(false);
});

afterEach(async () => {
  expect(await invariantFlaws(market.database.pool)).toEqual([]);
  await market.close();
});

async function sent() {
  const { rows } = await market.database.pool.query<{
    nonce: string;
    hashes: `0x${string}`[];
    fee: string;
    tip: string;
  }>('SELECT nonce, hashes, max_fee_per_gas_wei::text AS fee, priority_fee_wei::text AS tip FROM chain_transactions');
  return rows.map(({ fee, tip, ...row }) => ({ ...row, feeWei: BigInt(fee), tipWei: BigInt(tip) }));
}

/** A block at this price of gas; what pays less waits. */
async function mineAt(gwei: bigint): Promise<void> {
  await market.client.setNextBlockBaseFeePerGas({ baseFeePerGas: gwei * GWEI });
  await market.mine(1);
}

const tooDear = () => market.logged.filter(({ fields }) => fields.alarm === 'gasTooDear');

describe('a root whose gas grows dearer while it waits', () => {
  it('is sent for more by the rule until it is mined, once', async () => {
    await market.computeRoot();
    await market.service.look();
    const history = [(await sent())[0]!];
    for (const gwei of [20n, 60n, 200n]) {
      await mineAt(gwei);
      expect(await market.read('epoch')).toBe(0n);
      // Before its minute is over it is left alone.
      market.nowMs += REPLACE_AFTER_MS - 1;
      await market.service.look();
      expect(await sent()).toEqual([history.at(-1)]);
      market.nowMs += 1;
      await market.service.look();
      const [next] = await sent();
      const before = history.at(-1)!;
      expect(next).toMatchObject({ nonce: before.nonce, hashes: [...before.hashes, next!.hashes.at(-1)] });
      expect(next!.feeWei * 100n).toBeGreaterThanOrEqual(before.feeWei * 125n);
      expect(next!.tipWei * 100n).toBeGreaterThanOrEqual(before.tipWei * 125n);
      // It pays for a block of the present price.
      expect(next!.feeWei).toBeGreaterThan(gwei * GWEI);
      history.push(next!);
    }
    await mineAt(200n);
    expect(await market.read('epoch')).toBe(1n);
    const { hashes, nonce } = history.at(-1)!;
    const receipts = await Promise.allSettled(hashes.map((hash) => market.client.getTransactionReceipt({ hash })));
    expect(receipts.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await market.client.getTransactionCount({ address: market.key.address })).toBe(Number(nonce) + 1);
    await market.mine(3);
    await market.service.look();
    expect(market.settlement.posted?.epoch).toBe(1);
    expect(tooDear()).toEqual([]);
  });

  it('pays no more than is allowed, says so once, and lands when gas is cheaper', async () => {
    const allowedWei = 50n * GWEI;
    const { service } = await market.addCoordinator([market.node.url], undefined, allowedWei);
    await market.computeRoot();
    await market.coordinators[1]!.journal.catchUp();
    await service.look();
    for (let minute = 0; minute < 12; minute += 1) {
      await mineAt(300n);
      market.nowMs += REPLACE_AFTER_MS;
      await service.look();
      expect((await sent())[0]!.feeWei).toBeLessThanOrEqual(allowedWei);
    }
    expect(await market.read('epoch')).toBe(0n);
    expect(tooDear()).toHaveLength(1);
    expect(tooDear()[0]).toMatchObject({
      message: expect.stringContaining('raise --max-fee-gwei, or wait until gas is cheaper'),
      fields: { purpose: 'root 1', allowedWei: String(allowedWei) },
    });
    expect(service.status().failure).toBeNull();
    await mineAt(1n);
    market.nowMs += REPLACE_AFTER_MS;
    await service.look();
    expect((await sent())[0]!.feeWei).toBeLessThanOrEqual(allowedWei);
    await mineAt(1n);
    expect(await market.read('epoch')).toBe(1n);
  });

  it('is not sent at all while gas is dearer than is allowed, and is when it no longer is', async () => {
    const { service, journal } = await market.addCoordinator([market.node.url], undefined, 50n * GWEI);
    await mineAt(300n);
    await market.computeRoot();
    await journal.catchUp();
    for (let look = 0; look < 3; look += 1) await service.look();
    expect(await sent()).toEqual([]);
    expect(tooDear().map(({ message }) => message.split(':')[0])).toEqual([
      'gas costs more than is allowed, so nothing is sent',
    ]);
    await mineAt(1n);
    await service.look();
    await mineAt(1n);
    expect(await market.read('epoch')).toBe(1n);
  });

  it('does not pay more every minute where nothing is mined at all', async () => {
    await market.computeRoot();
    for (let minute = 0; minute < 60; minute += 1) {
      await market.service.look();
      market.nowMs += REPLACE_AFTER_MS;
    }
    const { tipWei, feeWei } = (await sent())[0]!;
    const now = await market.client.estimateFeesPerGas();
    expect(tipWei).toBeLessThanOrEqual(10n * now.maxPriorityFeePerGas);
    expect(feeWei).toBeLessThanOrEqual(500n * GWEI);
    expect(tooDear()).toEqual([]);
    const stuck = market.logged.filter(({ fields }) => fields.alarm === 'transactionStuck');
    expect(stuck.map(({ message }) => message.split(';')[0])).toEqual([
      'a transaction waits although it pays as much as it may: look whether the provider’s blocks go on',
    ]);
    await market.mine(1);
    expect(await market.read('epoch')).toBe(1n);
  });
});

it('are never above what is allowed, and always enough for a replacement', () => {
  const fee = fc.bigInt(1n, 10_000n * GWEI);
  const fees = fc.tuple(fee, fee).map(([a, b]) => ({ maxFeePerGasWei: a > b ? a : b, priorityFeeWei: a > b ? b : a }));
  fc.assert(
    fc.property(fees, fees, fee, (before, now, allowedWei) => {
      const first = firstFees(now, allowedWei);
      if (first) expect(first.maxFeePerGasWei <= allowedWei).toBe(true);
      const raised = raisedFees(before, now, allowedWei);
      if (!raised) return;
      expect(raised.maxFeePerGasWei <= allowedWei && raised.priorityFeeWei <= raised.maxFeePerGasWei).toBe(true);
      expect(raised.maxFeePerGasWei * 10n >= before.maxFeePerGasWei * 11n).toBe(true);
      expect(raised.priorityFeeWei * 10n >= before.priorityFeeWei * 11n).toBe(true);
      const mostWei = now.priorityFeeWei * 10n > GWEI ? now.priorityFeeWei * 10n : GWEI;
      expect(raised.priorityFeeWei <= mostWei).toBe(true);
    }),
  );
});

it('can be raised where nobody pays for priority', () => {
  const free = { maxFeePerGasWei: 100n, priorityFeeWei: 0n };
  expect(raisedFees(free, { ...free, maxFeePerGasWei: 400n }, 1_000n)).toEqual({
    maxFeePerGasWei: 400n,
    priorityFeeWei: 1n,
  });
});
