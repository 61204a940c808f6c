/** The requester's client against a market over HTTP: submits over an outage, waits, cancels, withdraws. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { accountOf } from '#agent/client/account.js';
import { buildExampleBlock } from '#circuits/exampleBlock.js';
import { RequesterClient } from '#client/requesterClient.js';
import { blockTerms } from '#protocol/blockTerms.js';
import { type ApiMarket, openApiMarket } from '../setup/apiMarket.js';
import { invariantFlaws } from '../setup/invariants.js';
import { ETH, type Party, party } from '../setup/marketDriver.js';

let market: ApiMarket;
let prover: Party;
const account = accountOf(`0x${(1 + 1).toString(16).padStart(64, '0')}`);
const retries: unknown[] = [];

beforeAll(async () => {
  market = await openApiMarket();
  await market.driver.fund(account.address);
  prover = await market.driver.prover(10);
  await market.driver.prover(11);
});

afterAll(async () => {
  expect(market.failures).toEqual([]);
  expect(await invariantFlaws(market.database.pool, market.executor.acknowledged)).toEqual([]);
  await market.close();
});

const requester = () =>
  new RequesterClient({ client: market.client, account, onRetry: (error) => void retries.push(error) });

const order = (bidWindowMs = 1_000) => ({
  file: buildExampleBlock({ transfers: 4, seed: 1 }),
  terms: blockTerms({ deadlineMs: market.driver.nowMs + 500_000, bidWindowMs, maxPriceWei: ETH, pool: 'none' }),
});

const freeWei = async () =>
  BigInt((await market.client.call('getAccount', { params: { address: account.address } })).freeWei);

describe('the client of a requester', () => {
  it('signs with the account of the requester', () => {
    expect(requester().address).toBe(party(1).address);
  });

  it('submits once over a coordinator that is away, and waits with progress', async () => {
    let submitting: Promise<`0x${string}`> | undefined;
    await market.restart(async () => {
      submitting = requester().submit(order());
      submitting.catch(() => undefined);
      await expect.poll(() => retries.length).toBeGreaterThan(0);
    });
    const blockId = await submitting!;
    const { blocks } = await market.client.call('listBlocks', { query: { requester: account.address } });
    expect(blocks.map((block) => block.blockId)).toEqual([blockId]);
    const progress: string[] = [];
    const waiting = requester().wait(blockId, {
      onProgress: ({ jobs, proven, expired, running, waiting: open, progressPpm }) => {
        progress.push(`${jobs} ${proven} ${expired} ${running} ${open} ${progressPpm}`);
      },
    });
    await expect.poll(() => progress.at(-1)).toBe('2 0 0 0 2 0');
    await market.driver.bid(prover, `${blockId}.r0`, { priceWei: ETH / 4n, provingMsP95: 500 });
    await market.driver.advance(1_000);
    await market.driver.prove(prover, `${blockId}.0`);
    await expect.poll(() => progress.at(-1)).toBe('2 1 0 1 0 500000');
    await market.driver.prove(prover, `${blockId}.1`);
    expect(await waiting).toMatchObject({ provenCount: 2, expiredCount: 0 });
    expect((await requester().bundle(blockId)).complete).toBe(true);
  });

  it('withdraws what nobody has been awarded', async () => {
    const before = await freeWei();
    const blockId = await requester().submit(order());
    expect(await freeWei()).toBe(before - 2n * ETH);
    expect(await requester().withdraw(blockId)).toEqual([`${blockId}.0`, `${blockId}.1`]);
    expect(await freeWei()).toBe(before);
    const block = await requester().wait(blockId);
    expect(block).toMatchObject({ status: 'completed', expiredCount: 2, withdrawnAtMs: market.driver.nowMs });
    const round = await market.client.call('getRound', { params: { roundId: `${blockId}.r0` } });
    expect(round).toMatchObject({ withdrawn: true, cleared: null });
    // The same message again is the same withdrawal; another one finds nothing.
    expect(await requester().withdraw(blockId)).toHaveLength(2);
    market.driver.nowMs += 1;
    await expect(requester().withdraw(blockId)).rejects.toMatchObject({ code: 'unknownBlock' });
  });

  it('leaves nothing behind when it is cancelled', async () => {
    const before = await freeWei();
    const cancel = new AbortController();
    const proving = requester().prove(order(60_000), {
      signal: cancel.signal,
      onProgress: () => cancel.abort(new Error('changed my mind')),
    });
    await expect(proving).rejects.toThrow('changed my mind');
    expect(await freeWei()).toBe(before);
    await expect(requester().prove(order(), { signal: AbortSignal.abort(new Error('at once')) })).rejects.toThrow(
      'at once',
    );
    expect(await freeWei()).toBe(before);
  });

  it('passes a no on', async () => {
    const tooNear = { ...order(), terms: { ...order().terms, deadlineMs: market.driver.nowMs + 1 } };
    await expect(requester().submit(tooNear)).rejects.toMatchObject({ code: 'deadlineTooNear' });
  });
});
