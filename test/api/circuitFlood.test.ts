import { afterEach, expect, it } from 'vitest';
import { PAGE_MAX } from '#protocol/views.js';
import { type ApiMarket, openApiMarket } from '../setup/apiMarket.js';

let market: ApiMarket;

afterEach(() => market.close());

it('lists the market’s own circuits however many others were registered', async () => {
  market = await openApiMarket();
  const [own] = (await market.client.call('listCircuits', {})).circuits;
  const state = JSON.stringify({ ...own, kind: 'generic' });
  await market.database.pool.query(
    `INSERT INTO circuits (circuit_id, state)
     SELECT id, jsonb_set($1::jsonb, '{circuitId}', to_jsonb(id))
     FROM (SELECT '0x' || lpad(to_hex(n), 64, '0') AS id FROM generate_series(1, $2::int) AS n) AS ids`,
    [state, PAGE_MAX + 5],
  );
  const { circuits } = await market.client.call('listCircuits', {});
  expect(circuits).toHaveLength(PAGE_MAX);
  expect(circuits[0]).toEqual(own);
});
