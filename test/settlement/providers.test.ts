/** Providers that refuse, fail, lie down or hang as real ones do: nothing is missed, and it is said what to do. */
import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ChainClient, REST_MS_MAX, RETRY_AFTER_MS_MAX } from '#settlement/chainClient.js';
import { ChainMarket, chainAccount } from '../setup/chainMarket.js';
import { invariantFlaws } from '../setup/invariants.js';
import { MoodyProvider, type Question, rpcError, spanOf } from '../setup/moodyProvider.js';

/** The most blocks that the provider of these tests looks through. */
const SPAN_MAX = 5;
const LOOKS_MAX = 30;
/** For hanging providers only; the others have all the time of a loaded machine. */
const HANG_MS = 500;
const PATIENT_MS = 60_000;

let market: ChainMarket;
const providers: MoodyProvider[] = [];
const alice = chainAccount(1).address;

beforeEach(async () => {
  market = await ChainMarket.open();
});

afterEach(async () => {
  for (const provider of providers.splice(0)) await provider.stop();
  expect(await invariantFlaws(market.database.pool)).toEqual([]);
  await market.close();
});

type BadAnswer = (question: Question, response: ServerResponse) => void;

async function moody(isBad: (question: Question) => boolean, answer: BadAnswer): Promise<MoodyProvider> {
  const provider = await MoodyProvider.start(market.node.url, (question, response) => {
    if (!isBad(question)) return 'passedOn';
    answer(question, response);
    return 'answered';
  });
  providers.push(provider);
  return provider;
}

const isWide = (question: Question) => spanOf(question) > SPAN_MAX;
const isForLogs = (question: Question) => question.method === 'eth_getLogs';

/** Deposits in blocks apart, each with its confirmations; returns their sum. */
async function depositsOver(times: number): Promise<bigint> {
  let sumWei = 0n;
  for (let time = 0; time < times; time += 1) {
    await market.deposit(alice, BigInt(10 ** time));
    sumWei += BigInt(10 ** time);
    await market.mine(7);
  }
  return sumWei;
}

const REFUSALS: [name: string, answer: BadAnswer][] = [
  ['a range that is too large', rpcError(-32_062, 'Block range is too large')],
  ['a plan', rpcError(-32_600, 'Under the Free tier plan, you can request up to a 5 block range.', 400)],
  ['a limit, with status 413', rpcError(-32_614, 'eth_getLogs is limited to a 5 range', 413)],
  ['the number of results', rpcError(-32_005, 'query returned more than 10000 results')],
  ['a limit in two words', rpcError(-32_005, 'limit exceeded')],
  ['the size of the answer', rpcError(-32_602, 'Log response size exceeded.', 400)],
  ['status 413 alone', (_, response) => void response.writeHead(413).end('<html>too large</html>')],
];

const FAILURES: [name: string, answer: BadAnswer, timeoutMs: number][] = [
  ['502 and a page', (_, response) => void response.writeHead(502).end('<html>Bad\nGateway</html>'), PATIENT_MS],
  ['200 and a page', (_, response) => void response.writeHead(200).end('<html>hello</html>'), PATIENT_MS],
  ['an error of its own', rpcError(-32_603, 'internal error'), PATIENT_MS],
  ['half an answer', (_, response) => void response.end('{"jsonrpc":"2.0","id":1,"result":[{"addr'), PATIENT_MS],
  [
    'an answer that breaks off',
    (_, response) => {
      response.writeHead(200, { 'content-length': '1000' }).write('{"jsonrpc"', () => response.destroy());
    },
    PATIENT_MS,
  ],
  ['silence', () => {}, HANG_MS],
  ['an answer that stops in the middle', (_, response) => void response.write('{"jsonrpc":'), HANG_MS],
];

describe('a provider that refuses wide ranges', () => {
  it.each(REFUSALS)('because of %s is asked for narrower ones, and nothing is missed', async (_, answer) => {
    const provider = await moody(isWide, answer);
    const sumWei = await depositsOver(5);
    const { service, journal } = await market.addCoordinator([provider.url], PATIENT_MS);
    await service.look();
    expect(service.status()).toMatchObject({ failure: null, haltedReason: null });
    expect(journal.state().settlement!.depositedWei).toBe(sumWei);
    // Halved from some 40 blocks on, and not tried again at once.
    expect(provider.questions.filter(isWide).length).toBeLessThanOrEqual(4);
  });

  it('even for one block is left for another one, or named', async () => {
    const provider = await moody(isForLogs, rpcError(-32_602, 'block range limit exceeded'));
    const sumWei = await depositsOver(2);
    const alone = await market.addCoordinator([provider.url], PATIENT_MS);
    await alone.service.look();
    const { failure } = alone.service.status();
    expect(failure).toContain('it refuses eth_getLogs of one block');
    expect(failure).toContain('give a further one with another --chain');
    const both = await market.addCoordinator([provider.url, market.node.url], PATIENT_MS);
    await both.service.look();
    expect(both.service.status().failure).toBeNull();
    expect(both.journal.state().settlement!.depositedWei).toBe(sumWei);
  });

  it('does so too where a root is looked for whose transaction nobody remembers', async () => {
    const provider = await moody(isWide, rpcError(-32_062, 'Block range is too large'));
    const { service, journal } = await market.addCoordinator([provider.url], PATIENT_MS);
    await market.mine(3);
    await market.computeRoot();
    await journal.catchUp();
    await service.look();
    expect(await market.read('epoch')).toBe(1n);
    await market.database.pool.query('DELETE FROM chain_transactions');
    await market.mine(40);
    await service.look();
    expect(service.status().failure).toBeNull();
    expect(journal.state().settlement!.posted?.epoch).toBe(1);
  });
});

describe('a provider that fails over wide ranges', () => {
  it.each(FAILURES)('with %s is asked for less each time, and nothing is missed', async (_, answer, timeoutMs) => {
    const provider = await moody(isWide, answer);
    const sumWei = await depositsOver(5);
    const { service, journal } = await market.addCoordinator([provider.url], timeoutMs);
    await service.look();
    expect(service.status().failure).toContain('no provider of the chain could be asked: provider 1');
    expect(service.status().failure).not.toContain('\n');
    const isAllThere = () => journal.state().settlement!.depositedWei === sumWei;
    for (let look = 0; look < LOOKS_MAX && !isAllThere(); look += 1) {
      market.nowMs += REST_MS_MAX;
      await service.look();
    }
    expect(journal.state().settlement!.depositedWei).toBe(sumWei);
  });

  it.each(FAILURES)('with %s is left for the second one within the same look', async (_, answer, timeoutMs) => {
    const provider = await moody(isForLogs, answer);
    const sumWei = await depositsOver(2);
    const { service, journal } = await market.addCoordinator([provider.url, market.node.url], timeoutMs);
    await service.look();
    expect(service.status().failure).toBeNull();
    expect(journal.state().settlement!.depositedWei).toBe(sumWei);
    expect(provider.questions.filter(isForLogs)).toHaveLength(1);
  });
});

describe('the only provider', () => {
  it('is asked less and less often while it fails, at least twice a minute, and at once again when it does not', async () => {
    const provider = await moody(
      () => true,
      (_, response) => void response.writeHead(503).end(),
    );
    const { service, journal } = await market.addCoordinator([provider.url], PATIENT_MS);
    const sumWei = await depositsOver(1);
    const pollMs = 4_000;
    // Half an hour of looks; each failing one asks a single question.
    const askedAtMs: number[] = [];
    for (let look = 0; look < 450; look += 1) {
      const before = provider.questions.length;
      await service.look();
      if (provider.questions.length > before) askedAtMs.push(market.nowMs);
      expect(service.status().failure).toContain('HTTP 503');
      market.nowMs += pollMs;
    }
    expect(provider.questions).toHaveLength(askedAtMs.length);
    const rests = askedAtMs.slice(1).map((atMs, index) => atMs - askedAtMs[index]!);
    expect(Math.max(...rests)).toBeLessThanOrEqual(REST_MS_MAX + pollMs);
    expect(Math.min(...rests.slice(8))).toBeGreaterThanOrEqual(REST_MS_MAX / 2);
    expect(askedAtMs.length).toBeLessThanOrEqual(1_800_000 / (REST_MS_MAX / 2) + 8);
    // What failed is said once, not at every look.
    expect(market.logged.filter(({ message }) => message.startsWith('the chain could not be followed'))).toHaveLength(
      1,
    );
    provider.mood = () => 'passedOn';
    market.nowMs += REST_MS_MAX;
    await service.look();
    expect(service.status().failure).toBeNull();
    expect(journal.state().settlement!.depositedWei).toBe(sumWei);
    const asked = provider.questions.length;
    await service.look();
    expect(provider.questions.length).toBeGreaterThan(asked);
  });

  it('is not come back to by all coordinators at the same moment', async () => {
    const waits = [0, 0.5, 0.999].map((chance) => {
      let nowMs = 0;
      const fields: Record<string, unknown>[] = [];
      const log = { warn: (one: object) => void fields.push(one as never) };
      const client = new ChainClient({ urls: ['http://127.0.0.1:1'], nowMs: () => nowMs, random: () => chance, log });
      return { client, fields, pass: (ms: number) => (nowMs += ms) };
    });
    for (let failure = 0; failure < 9; failure += 1) {
      for (const { client, pass } of waits) {
        await expect(client.chainId()).rejects.toThrow('no provider of the chain could be asked');
        pass(REST_MS_MAX);
      }
    }
    expect(waits.map(({ fields }) => fields.map(({ restMs }) => restMs))).toEqual([
      [250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000],
      [375, 750, 1_500, 3_000, 6_000, 12_000, 22_500, 22_500, 22_500],
      [500, 1_000, 1_999, 3_998, 7_996, 15_992, 29_985, 29_985, 29_985],
    ]);
  });
});

const LIMITS: [name: string, answer: BadAnswer][] = [
  ['429', (_, response) => void response.writeHead(429, { 'retry-after': '120' }).end('slow down')],
  ['429 and an error', rpcError(429, 'exceeded its compute units per second', 429, { 'retry-after': '120' })],
  ['-32005', rpcError(-32_005, 'daily request count exceeded, request rate limited', 429, { 'retry-after': '120' })],
];

describe('a provider with a rate limit', () => {
  it.each(LIMITS)('is left alone for as long as it says with %s, and its ranges stay wide', async (_, answer) => {
    const provider = await moody(isForLogs, answer);
    const sumWei = await depositsOver(3);
    const { service, journal } = await market.addCoordinator([provider.url], PATIENT_MS);
    await service.look();
    expect(service.status().failure).toContain('its rate limit: ask less often with --chain-poll-ms');
    const asked = provider.questions.length;
    market.nowMs += 119_000;
    await service.look();
    expect(service.status().failure).toContain('asks to be left alone until');
    expect(provider.questions).toHaveLength(asked);
    provider.mood = () => 'passedOn';
    market.nowMs += 1_000;
    await service.look();
    expect(service.status().failure).toBeNull();
    expect(journal.state().settlement!.depositedWei).toBe(sumWei);
    expect(provider.questions.filter(isForLogs)).toHaveLength(2);
  });

  it('cannot ask to be left alone for ever', async () => {
    const provider = await moody(isForLogs, (_, response) => {
      response.writeHead(429, { 'retry-after': 'Fri, 31 Dec 9999 23:59:59 GMT' }).end();
    });
    const sumWei = await depositsOver(1);
    const { service, journal } = await market.addCoordinator([provider.url], PATIENT_MS);
    await service.look();
    provider.mood = () => 'passedOn';
    market.nowMs += RETRY_AFTER_MS_MAX;
    await service.look();
    expect(journal.state().settlement!.depositedWei).toBe(sumWei);
  });
});
