import { afterEach, describe, expect, it } from 'vitest';
import { createHeavyWork, type HeavyWork } from '#api/heavyWork.js';
import { problemOfError } from '#api/problem.js';
import { HeavyWorkUnavailableError } from '#api/workerLane.js';
import { type ApiMarket, bidOn, openApiMarket, signed } from '../setup/apiMarket.js';
import { DOMAIN, party } from '../setup/marketDriver.js';

const opened: { close(): Promise<void> }[] = [];
const later = <Part extends { close(): Promise<void> }>(part: Part): Part => {
  opened.push(part);
  return part;
};

afterEach(async () => {
  for (const part of opened.splice(0).reverse()) await part.close();
});

const bid = async (work: HeavyWork, salt: number) => {
  const prover = party(5);
  const message = {
    roundId: `0x${'d'.repeat(64)}.r0`,
    prover: prover.address,
    priceWei: '1',
    standbyWei: '0',
    maxJobs: 1,
    maxConcurrent: 1,
    provingMsP95: 1,
    expiresAtMs: 1,
    salt: `0x${salt.toString(16).padStart(64, '0')}` as const,
  };
  const { digest, signature } = await prover.sign('Bid', message);
  return { digest, run: () => work.checkSigned('Bid', message, signature, prover.address) };
};

describe('heavy work', () => {
  it('answers in order what it takes, and refuses what is too much with an error worth repeating', async () => {
    const work = later(createHeavyWork({ domain: DOMAIN, signatureQueueMax: 40 }));
    const bids = await Promise.all(Array.from({ length: 60 }, (_, salt) => bid(work, salt)));
    const answers = await Promise.allSettled(bids.map(({ run }) => run()));
    for (const [at, answer] of answers.entries()) {
      if (at < 40) expect(answer).toEqual({ status: 'fulfilled', value: { digest: bids[at]!.digest, flaw: null } });
      else expect(answer).toMatchObject({ status: 'rejected', reason: { retryable: true } });
    }
    expect((await bids[50]!.run()).flaw).toBeNull();
  });

  it('ends what waits when it is closed', async () => {
    const work = createHeavyWork({ domain: DOMAIN });
    const bids = await Promise.all(Array.from({ length: 5 }, (_, salt) => bid(work, salt)));
    const answers = Promise.allSettled(bids.map(({ run }) => run()));
    await work.close();
    for (const answer of await answers) expect(answer).toMatchObject({ reason: { retryable: true } });
    await expect(bids[0]!.run()).rejects.toBeInstanceOf(HeavyWorkUnavailableError);
  });
});

describe('failures of what the API stands on', () => {
  it('are worth repeating, and tell nothing about the inside', async () => {
    const market: ApiMarket = later(await openApiMarket());
    await market.driver.fund(party(1).address);
    const prover = await market.driver.prover(10);
    const { roundId } = await market.driver.submitBlock(party(1), 1);
    const body = JSON.stringify(await signed(prover, 'Bid', bidOn(market, prover, roundId)));
    const send = async () => {
      const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body };
      const response = await fetch(`${market.url}/v1/bids`, init);
      return { status: response.status, after: response.headers.get('retry-after'), text: await response.text() };
    };
    await market.heavyWork.close();
    const busy = await send();
    expect([busy.status, busy.after]).toEqual([503, '1']);
    expect(busy.text).not.toContain('worker');
    expect(market.failures).toHaveLength(1);
  });

  it.each([
    [Object.assign(new Error('secret'), { code: 'ECONNREFUSED' }), 'unavailable'],
    [Object.assign(new Error('secret'), { code: '57P01' }), 'unavailable'],
    [Object.assign(new Error('secret'), { retryable: true }), 'unavailable'],
    [Object.assign(new Error('secret'), { code: '42P01' }), 'internal'],
    [new Error('secret'), 'internal'],
    ['secret', 'internal'],
    [undefined, 'internal'],
  ])('%s is told as %s', (error, code) => {
    const { problem, isOurs } = problemOfError(error);
    expect([problem.code, isOurs]).toEqual([code, true]);
    expect(JSON.stringify(problem)).not.toContain('secret');
  });
});

describe('closing', () => {
  it('does not wait for those who follow the feed or keep a connection', async () => {
    const market = await openApiMarket();
    const feeds = await Promise.all([1, 2, 3].map(() => fetch(`${market.url}/v1/feed?from=0`)));
    await (await fetch(`${market.url}/health`)).text();
    const startMs = performance.now();
    await market.app.close();
    expect(performance.now() - startMs).toBeLessThan(3_000);
    for (const feed of feeds) expect(await feed.text()).toContain('retry: 1000');
    await market.close();
  });
});
