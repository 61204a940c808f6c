import { afterEach, expect, it } from 'vitest';
import { type ApiMarket, openApiMarket } from '../setup/apiMarket.js';

let market: ApiMarket;

afterEach(() => market.close());

it('believes a proxy, but not what a client told the proxy of where it comes from', async () => {
  market = await openApiMarket({ trustProxy: true, rateLimitPerSec: 3 });
  const ask = async (forwarded: string) =>
    (await fetch(`${market.url}/v1/login/nonce`, { headers: { 'x-forwarded-for': forwarded } })).status;
  const statuses = await Promise.all([1, 2, 3, 4, 5, 6].map((turn) => ask(`127.0.0.1, 10.0.0.${turn}, 203.0.113.5`)));
  expect(statuses.filter((status) => status === 429)).toHaveLength(3);
  expect(await ask('203.0.113.5, 203.0.113.6')).toBe(200);
});
