/** A circuit is brought to a market over a connection that loses answers, from where an earlier attempt left off. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { accountOf } from '#agent/client/account.js';
import { publishCircuit } from '#client/publishCircuit.js';
import { createClient } from '#protocol/client.js';
import type { Hex } from '#protocol/units.js';
import { tinyCircuitFile, tinyInput, tinyKey } from '../fixtures/tinyCircuit.js';
import { type ApiMarket, logIn, openApiMarket } from '../setup/apiMarket.js';

const BEGUN = 1_000;

let market: ApiMarket;
const account = accountOf(`0x${'2'.padStart(64, '0')}`);
const files = {
  wasmPath: tinyCircuitFile('tinyCircuit.wasm'),
  zkeyPath: tinyCircuitFile('plonk.zkey'),
  verificationKey: tinyKey('plonk'),
  name: 'mine',
  samples: [tinyInput(0)],
};

beforeAll(async () => {
  market = await openApiMarket();
  await market.driver.fund(account.address);
});

afterAll(async () => {
  expect(market.failures).toEqual([]);
  await market.close();
});

it('uploads what is missing and registers once, though every answer is lost the first time', async () => {
  const wasm = readFileSync(files.wasmPath);
  const sha256: Hex = `0x${createHash('sha256').update(wasm).digest('hex')}`;
  const piece = wasm.subarray(0, BEGUN).toString('base64');
  const body = { bytes: wasm.length, offset: 0, piece };
  await market.client.call('uploadArtifact', { params: { sha256 }, body }, await logIn(market, 1));
  const heard = new Set<string>();
  const losing: typeof fetch = async (input, init) => {
    const response = await fetch(input, init);
    const what = `${init?.method} ${input} ${init?.body}`;
    if (init?.method !== 'POST' || String(input).endsWith('/login') || heard.has(what)) return response;
    heard.add(what);
    throw new TypeError('the connection was cut');
  };
  const client = createClient({ baseUrl: market.url, fetch: losing, timeoutMs: 30_000 });
  const sent: string[] = [];
  const onUpload = (name: string, bytes: number) => void sent.push(`${name} ${bytes}`);
  const circuitId = await publishCircuit(files, { client, account, onUpload });
  expect(sent[0]).toBe(`wasm ${BEGUN}`);
  const { circuits } = await market.client.call('listCircuits', {});
  expect(circuits.find(({ name }) => name === 'mine')).toMatchObject({ circuitId, protocol: 'plonk', signalCount: 3 });
  const second = publishCircuit({ ...files, name: 'again' }, { client: market.client, account });
  await expect(second).rejects.toMatchObject({ code: 'circuitExists' });
});

it('says what is wrong with a verification key before it uploads anything', async () => {
  const broken = { ...files, verificationKey: { ...tinyKey('plonk'), nPublic: 0 } };
  await expect(publishCircuit(broken, { client: market.client, account })).rejects.toThrow(
    /^the verification key cannot be used: verificationKey.nPublic/,
  );
});
