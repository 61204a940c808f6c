import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NONCE_LIFE_MS, TOKEN_LIFE_MS } from '#api/loginTokens.js';
import { RejectedError } from '#protocol/client.js';
import type { Hex } from '#protocol/units.js';
import { type ApiMarket, accountOf, blockOrder, logIn, loginBody, openApiMarket } from '../setup/apiMarket.js';
import { type Party, party } from '../setup/marketDriver.js';

let market: ApiMarket;
let jobId: string;
const requester = party(1);

beforeAll(async () => {
  market = await openApiMarket();
  await market.driver.fund(requester.address);
  const provers: Party[] = [];
  for (const seed of [10, 11]) provers.push(await market.driver.prover(seed));
  const { blockId, roundId } = await market.client.call('submitBlock', { body: await blockOrder(market, requester) });
  for (const [at, prover] of provers.entries()) {
    await market.driver.bid(prover, roundId, { priceWei: BigInt(1_000 + at) });
  }
  await market.driver.advance(2_000);
  jobId = `${blockId}.0`;
});

afterAll(async () => {
  expect(market.failures).toEqual([]);
  await market.close();
});

/** The code with which a call is refused; empty when it is not. */
async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return '';
  } catch (error) {
    if (error instanceof RejectedError) return error.code;
    throw error;
  }
}

const login = async (seed: number, changes: Record<string, unknown> = {}) =>
  codeOf(market.client.call('logIn', { body: await loginBody(market, seed, changes) }));
const input = (token?: string, id = jobId) =>
  codeOf(market.client.call('getJobInput', { params: { jobId: id } }, token));

describe('a login', () => {
  it('is taken with all that EIP-4361 has but resources', async () => {
    const { nowMs } = market.driver;
    expect(await login(10)).toBe('');
    expect(
      await login(10, {
        statement: 'Read the private inputs of my jobs.',
        expirationTime: new Date(nowMs + 60_000),
        notBefore: new Date(nowMs - 1_000),
        requestId: 'r1',
      }),
    ).toBe('');
  });

  it('is not believed because the request calls itself by the name that was signed', async () => {
    const body = await loginBody(market, 10, { domain: 'evil.example', uri: 'http://evil.example' });
    const { hostname, port } = new URL(market.url);
    const status = await new Promise<number>((resolve, reject) => {
      const headers = { host: 'evil.example', 'content-type': 'application/json' };
      const sent = request({ hostname, port, path: '/v1/login', method: 'POST', headers }, (answer) => {
        answer.resume();
        resolve(answer.statusCode ?? 0);
      });
      sent.on('error', reject);
      sent.end(JSON.stringify(body));
    });
    expect(status).toBe(400);
  });

  it('is refused for another place, chain, nonce or time', async () => {
    const { nowMs } = market.driver;
    expect(await login(10, { domain: 'evil.example' })).toBe('badRequest');
    expect(await login(10, { uri: 'https://evil.example/login' })).toBe('badRequest');
    expect(await login(10, { chainId: 1 })).toBe('badRequest');
    expect(await login(10, { nonce: 'a'.repeat(76) })).toBe('badRequest');
    expect(await login(10, { nonce: '12345678' })).toBe('badRequest');
    expect(await login(10, { issuedAt: new Date(nowMs + 60_000) })).toBe('badRequest');
    expect(await login(10, { notBefore: new Date(nowMs + 60_000) })).toBe('badRequest');
    expect(await login(10, { expirationTime: new Date(nowMs - 1) })).toBe('loginExpired');
    expect(await login(10, { resources: ['https://example.org'] })).toBe('badRequest');
  });

  it('is refused when it is not signed as it stands by who it names', async () => {
    const body = await loginBody(market, 10);
    const call = (changes: object) => codeOf(market.client.call('logIn', { body: { ...body, ...changes } }));
    const signature = (await accountOf(11).signMessage({ message: body.message })) as Hex;
    expect(await call({ signature })).toBe('badSignature');
    expect(await call({ message: body.message.replace('Chain ID', 'Chain-ID') })).toBe('badRequest');
    expect(await call({ message: `${body.message}\n` })).toBe('badRequest');
    expect(await call({ message: body.message.replace('/v1/login', '/v1/other') })).toBe('badSignature');
    expect(await call({})).toBe('');
  });

  it('is good for minutes, its token for an hour', async () => {
    const body = await loginBody(market, 10);
    const { token } = await market.client.call('logIn', { body });
    market.driver.nowMs += NONCE_LIFE_MS;
    expect(await codeOf(market.client.call('logIn', { body }))).toBe('loginExpired');
    const beat = () => codeOf(market.client.call('beat', { body: { jobs: [] } }, token));
    expect(await beat()).toBe('');
    market.driver.nowMs += TOKEN_LIFE_MS;
    expect(await beat()).toBe('loginExpired');
    market.driver.nowMs -= NONCE_LIFE_MS + TOKEN_LIFE_MS;
  });
});

describe('a private input', () => {
  it('is for the assigned only', async () => {
    expect(await input(await logIn(market, 10))).toBe('');
    expect(await input(await logIn(market, 11))).toBe('');
    expect(await input(await logIn(market, 12))).toBe('notAssigned');
    expect(await input(await logIn(market, 10), `0x${'7'.repeat(64)}.0`)).toBe('unknownJob');
    const job = market.driver.job(jobId);
    const quitter = [10, 11].map(party).find(({ address }) => address === job.backup!.prover)!;
    await market.driver.giveUp(quitter, jobId);
    expect(await input(await logIn(market, quitter.address === party(10).address ? 10 : 11))).toBe('notAssigned');
  });

  it('is for nobody without a token of this market', async () => {
    const token = await logIn(market, 10);
    const [address, expiry, mac] = token.split('.') as [string, string, string];
    expect(await input()).toBe('notLoggedIn');
    expect(await input('nonsense')).toBe('notLoggedIn');
    expect(await input(`${party(11).address}.${expiry}.${mac}`)).toBe('notLoggedIn');
    expect(await input(`${address}.${Number(expiry) + 1}.${mac}`)).toBe('notLoggedIn');
    expect(await input(`${address}.${expiry}.${mac.replace(/./, mac.startsWith('0') ? '1' : '0')}`)).toBe(
      'notLoggedIn',
    );
  });

  it('is gone with the end of the job', async () => {
    const token = await logIn(market, 10);
    await market.driver.advance(200_000);
    expect(['jobEnded', 'notAssigned']).toContain(await input(token));
    const beat = await market.client.call(
      'beat',
      { body: { jobs: [{ jobId, stage: 'proving', progressPpm: 0, expectedEndMs: null }] } },
      token,
    );
    expect(beat.dropJobIds).toEqual([jobId]);
  });
});
