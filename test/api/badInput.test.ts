import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { contentHashOf } from '#protocol/contentHash.js';
import type { BlockRequest } from '#protocol/messages.js';
import type { BlockFile } from '#protocol/rollup/blockFile.js';
import { typedDataOf } from '#protocol/typedData.js';
import type { Hex } from '#protocol/units.js';
import { circuitIdOf, parseVerificationKey } from '#protocol/verificationKey.js';
import type { Problem } from '#protocol/views.js';
import { tinyKey, tinyKeyWithoutContribution } from '../fixtures/tinyCircuit.js';
import { type ApiMarket, accountOf, bidOn, blockOrder, openApiMarket, signed } from '../setup/apiMarket.js';
import { invariantFlaws } from '../setup/invariants.js';
import { CIRCUIT_ID, DOMAIN, ETH, type Party, party } from '../setup/marketDriver.js';
import { refusalOf } from '../setup/refusal.js';

let market: ApiMarket;
let requester: Party;
let prover: Party;
let roundId: string;

beforeAll(async () => {
  market = await openApiMarket();
  requester = party(1);
  await market.driver.fund(requester.address);
  prover = await market.driver.prover(10);
  await market.driver.prover(11);
  ({ roundId } = await market.driver.submitBlock(requester, 1, { bidWindowsMs: [60_000, 60_000, 60_000] }));
});

afterAll(async () => {
  expect(market.failures).toEqual([]);
  expect(await invariantFlaws(market.database.pool, market.executor.acknowledged)).toEqual([]);
  await market.close();
});

const send = (path: string, body: string | undefined, headers: Record<string, string> = {}, method = 'POST') =>
  refusalOf(market, path, body, headers, method);

const sendJson = (path: string, body: unknown) => send(path, JSON.stringify(body));
const codeOf = async (path: string, body: unknown) => (await sendJson(path, body)).code;

/** An order of s with the other sign, which is a signature of the same account for the same digest. */
function highS(signature: Hex): Hex {
  const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
  const s = (order - BigInt(`0x${signature.slice(66, 130)}`)).toString(16).padStart(64, '0');
  return `${signature.slice(0, 66)}${s}${signature.endsWith('1b') ? '1c' : '1b'}` as Hex;
}

describe('what is no request at all', () => {
  it.each([
    ['malformed JSON', '{"message":', 'badRequest'],
    ['an empty body', '', 'badRequest'],
    ['no JSON', 'hello', 'badRequest'],
    ['JSON of another kind', '[]', 'badRequest'],
    ['null', 'null', 'badRequest'],
    ['20,000-deep arrays', '['.repeat(20_000) + ']'.repeat(20_000), 'badRequest'],
    ['20,000-deep objects', `${'{"a":'.repeat(9_000)}1${'}'.repeat(9_000)}`, 'badRequest'],
    ['__proto__', '{"message":{"__proto__":{"a":1}},"signature":"0x"}', 'badRequest'],
    ['an escaped __proto__', '{"message":{"__pr\\u006fto__":{"a":1}},"signature":"0x"}', 'badRequest'],
    ['constructor.prototype', '{"message":{"constructor":{"prototype":{"a":1}}},"signature":"0x"}', 'badRequest'],
    ['a body beyond the limit', `"${'a'.repeat(70_000)}"`, 'bodyTooLarge'],
    ['a body of 10 MB', `"${'a'.repeat(10_000_000)}"`, 'bodyTooLarge'],
  ])('%s', async (_name, body, code) => {
    expect((await send('/v1/bids', body)).code).toBe(code);
  });

  it('a block of 10 MB, nested or not', async () => {
    expect((await send('/v1/blocks', `"${'a'.repeat(10_000_000)}"`)).code).toBe('bodyTooLarge');
    expect((await send('/v1/blocks', `{"blockFile":${'['.repeat(20_000)}${']'.repeat(20_000)}}`)).code).toBe(
      'badRequest',
    );
  });

  it('bytes that are no UTF-8, other types of content, other paths and methods', async () => {
    const raw = await fetch(`${market.url}/v1/bids`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: new Uint8Array([0x22, 0xff, 0x22]),
    });
    expect([raw.status, ((await raw.json()) as Problem).code]).toEqual([400, 'badRequest']);
    expect((await send('/v1/bids', '{}', { 'content-type': 'text/plain' })).code).toBe('unsupportedMediaType');
    expect((await send('/v1/bids', 'a=1', { 'content-type': 'application/x-www-form-urlencoded' })).code).toBe(
      'unsupportedMediaType',
    );
    expect((await send('/v1/nothing', '{}')).code).toBe('notFound');
    expect((await send('/v1/bids', '{}', {}, 'DELETE')).code).toBe('notFound');
    expect((await send('/v1/jobs/%E0%A4%A', undefined, {}, 'GET')).code).toBe('badRequest');
    expect((await send(`/v1/jobs/${'a'.repeat(5_000)}`, undefined, {}, 'GET')).code).toBe('badRequest');
    expect((await send('/v1/jobs/0x12.0', undefined, {}, 'GET')).code).toBe('badRequest');
    expect((await send('/v1/log/entries?from=-1', undefined, {}, 'GET')).code).toBe('badRequest');
    expect((await send('/v1/log/entries?from=1e99', undefined, {}, 'GET')).code).toBe('badRequest');
    expect((await send('/v1/log/entries?from=0&limit=1001', undefined, {}, 'GET')).code).toBe('badRequest');
    expect((await send('/v1/log/entries?from=0&from=1', undefined, {}, 'GET')).code).toBe('badRequest');
    expect((await send('/v1/log/entries?from=0&also=1', undefined, {}, 'GET')).code).toBe('badRequest');
  });

  it('what is not even HTTP', async () => {
    const answer = await new Promise<string>((resolve) => {
      const socket = connect(Number(market.host.split(':')[1]), '127.0.0.1', () => socket.write('NONSENSE\r\n\r\n'));
      socket.once('data', (data) => resolve(String(data)));
    });
    expect(answer).toContain('400 Bad Request');
    expect(answer).toContain('"code":"badRequest"');
  });
});

describe('a bid', () => {
  const bad = async (change: (body: { message: Record<string, unknown>; signature: string }) => void) => {
    const body = await signed(prover, 'Bid', bidOn(market, prover, roundId));
    change(body as never);
    return await sendJson('/v1/bids', body);
  };

  it.each<[string, string, unknown, string]>([
    ['priceWei', '-1', '-1', '/message/priceWei'],
    ['priceWei', 'hexadecimal', '0x10', '/message/priceWei'],
    ['priceWei', 'a number', 1000, '/message/priceWei'],
    ['priceWei', 'an exponent', '1e18', '/message/priceWei'],
    ['priceWei', 'a leading zero', '01', '/message/priceWei'],
    ['priceWei', 'beyond 10^60', `1${'0'.repeat(59)}1`.padEnd(61, '0'), '/message/priceWei'],
    ['priceWei', 'of a million digits', '9'.repeat(50_000), '/message/priceWei'],
    ['maxJobs', 'zero', 0, '/message/maxJobs'],
    ['maxJobs', 'a fraction', 1.5, '/message/maxJobs'],
    ['maxJobs', 'beyond exactness', 1e300, '/message/maxJobs'],
    ['expiresAtMs', 'negative', -1, '/message/expiresAtMs'],
    ['salt', 'short', '0x12', '/message/salt'],
    ['prover', 'no address', '0xzz', '/message/prover'],
    ['roundId', 'no round id', 'x', '/message/roundId'],
  ])('with a %s that is %s', async (field, _what, value, pointer) => {
    const problem = await bad(({ message }) => {
      message[field] = value;
    });
    expect([problem.code, problem.errors?.[0]?.pointer]).toEqual(['badRequest', pointer]);
  });

  it('with a field too many or too few', async () => {
    expect((await bad(({ message }) => void Object.assign(message, { extra: 1 }))).code).toBe('badRequest');
    expect((await bad((body) => void Object.assign(body, { extra: 1 }))).code).toBe('badRequest');
    const problem = await bad(({ message }) => void delete message.salt);
    expect(problem.errors).toMatchObject([{ pointer: '/message/salt' }]);
  });

  it('with a signature that is not the prover’s, for this market, in low-s form', async () => {
    const message = bidOn(market, prover, roundId);
    const { signature } = await signed(prover, 'Bid', message);
    expect(await codeOf('/v1/bids', { message, signature: highS(signature) })).toBe('highSSignature');
    expect(await codeOf('/v1/bids', { message, signature: `${signature.slice(0, 130)}1d` })).toBe('badSignature');
    const flipped = signature.endsWith('1b') ? '1c' : '1b';
    expect(await codeOf('/v1/bids', { message, signature: `${signature.slice(0, 130)}${flipped}` })).toBe(
      'badSignature',
    );
    expect(await codeOf('/v1/bids', { message, signature: `0x${'00'.repeat(64)}1b` })).toBe('badSignature');
    expect(await codeOf('/v1/bids', await signed(party(11), 'Bid', message))).toBe('badSignature');
    for (const domain of [
      { ...DOMAIN, chainId: 1 },
      { ...DOMAIN, coordinatorId: `0x${'bb'.repeat(32)}` as Hex },
    ]) {
      const elsewhere = (await accountOf(10).signTypedData(typedDataOf(domain, 'Bid', message) as never)) as Hex;
      expect(await codeOf('/v1/bids', { message, signature: elsewhere })).toBe('badSignature');
    }
  });

  it('that the market cannot take', async () => {
    const no = async (terms: object, by = prover) =>
      codeOf('/v1/bids', await signed(by, 'Bid', bidOn(market, by, roundId, terms)));
    expect(await no({ priceWei: (ETH + 1n).toString() })).toBe('aboveMaxPrice');
    expect(await no({ standbyWei: (ETH + 1n).toString() })).toBe('aboveMaxPrice');
    expect(await no({ expiresAtMs: market.driver.nowMs + 1 })).toBe('bidExpired');
    expect(await no({ roundId: `0x${'1'.repeat(64)}.r0` })).toBe('unknownRound');
    expect(await no({}, party(77))).toBe('unknownProver');
  });
});

describe('a block', () => {
  const no = async (terms: Partial<BlockRequest>, by = requester) =>
    codeOf('/v1/blocks', await blockOrder(market, by, terms));

  it('on terms that the market cannot take', async () => {
    expect(await no({ deadlineMs: market.driver.nowMs - 1 })).toBe('deadlinePassed');
    expect(await no({ deadlineMs: market.driver.nowMs + 1_500 })).toBe('deadlineTooNear');
    expect(await no({ deadlineMs: market.driver.nowMs + 3_000_000_000 })).toBe('deadlineTooFar');
    expect(await no({ maxPriceWei: '0' })).toBe('zeroMaxPrice');
    expect(await no({ maxPriceWei: (1_000n * ETH).toString() })).toBe('insufficientFunds');
    expect(await no({}, party(55))).toBe('insufficientFunds');
    expect(await no({ bidWindowsMs: [1, 1, 1] })).toBe('bidWindow');
    expect(await no({ bidWindowsMs: [1_000] })).toBe('badSchedule');
    expect(await no({ roundPricesWei: ['3', '2', ETH.toString()] })).toBe('badSchedule');
    expect(await no({ roundPricesWei: ['1', '2', '3'] })).toBe('badSchedule');
    expect(await no({ award: 'fastest' })).toBe('unsupportedPolicy');
    expect(await no({ circuitId: `0x${'c2'.repeat(32)}` })).toBe('unknownCircuit');
    expect(await no({ nonce: 1 })).toBe('duplicateBlock');
    expect(await no({ nonce: 0 })).toBe('badRequest');
  });

  it('that is another one than was signed, or signed by another account', async () => {
    expect(await no({ blockHash: `0x${'12'.repeat(32)}` })).toBe('blockHashMismatch');
    const order = await blockOrder(market, requester);
    expect(await codeOf('/v1/blocks', { ...order, message: { ...order.message, label: 'x' } })).toBe('badSignature');
    expect(await codeOf('/v1/blocks', { message: order.message, signature: order.signature })).toBe('badRequest');
    const hash = contentHashOf('no block');
    const none = await blockOrder(market, requester, { blockHash: hash });
    expect(await codeOf('/v1/blocks', { ...none, blockFile: 'no block' })).toBe('invalidBlock');
  });

  it('that cannot be proven, with the transfer and the reason', async () => {
    const broken = async (change: (block: BlockFile) => void) => {
      const { blockFile } = await blockOrder(market, requester, {}, 3);
      change(blockFile);
      const body = await blockOrder(market, requester, { blockHash: contentHashOf(blockFile) });
      const { code, detail } = await sendJson('/v1/blocks', { ...body, blockFile });
      expect(code).toBe('invalidBlock');
      return detail;
    };
    expect(await broken((block) => void Object.assign(block, { postStateRoot: '1' }))).toContain('wrongPostStateRoot');
    expect(await broken((block) => void Object.assign(block, { preStateRoot: '1' }))).toContain('wrongPreStateRoot');
    expect(
      await broken(({ transfers }) => void Object.assign(transfers[1]!, { amount: '18446744073709551615' })),
    ).toContain('overdraft at transfer 1');
    expect(await broken(({ transfers }) => void Object.assign(transfers[1]!.signature, { s: '1' }))).toContain(
      'badSignature at transfer 1',
    );
    expect(await broken(({ transfers }) => void Object.assign(transfers[2]!, { nonce: '99' }))).toContain(
      'badNonce at transfer 2',
    );
    expect(await broken((block) => void Object.assign(block, { extra: 1 }))).toContain('malformed');
  });
});

describe('a deposit', () => {
  it('of nothing, of too much, or to nobody', async () => {
    const body = { address: prover.address, amountWei: '1', reference: `0x${'01'.repeat(32)}` };
    expect(await codeOf('/v1/faucet', { ...body, amountWei: '0' })).toBe('badRequest');
    expect(await codeOf('/v1/faucet', { ...body, amountWei: (10n ** 30n).toString() })).toBe('faucetLimit');
    expect(await codeOf('/v1/faucet', { ...body, address: 'nobody' })).toBe('badRequest');
    expect(await codeOf('/v1/faucet', { ...body, reference: '1' })).toBe('badRequest');
  });
});

describe('a registration', () => {
  it('of a prover that is old, early, unsigned by its owner, or owned', async () => {
    const no = async (issuedAtMs: number, owner: Party, ownerSignature: Hex | null, by = party(30)) => {
      const message = { prover: by.address, owner: owner.address, name: 'p', issuedAtMs };
      return codeOf('/v1/provers', { ...(await signed(by, 'ProverRegistration', message)), ownerSignature });
    };
    const { nowMs } = market.driver;
    expect(await no(nowMs - 700_000, party(30), null)).toBe('messageExpired');
    expect(await no(nowMs + 60_000, party(30), null)).toBe('messageFromFuture');
    expect(await no(nowMs, party(31), null)).toBe('ownerSignatureMissing');
    expect(await no(nowMs, party(31), `0x${'11'.repeat(64)}1b`)).toBe('badSignature');
    const message = { prover: prover.address, owner: party(31).address, name: 'p', issuedAtMs: nowMs };
    const { signature } = await party(31).sign('ProverRegistration', message);
    expect(await no(nowMs, party(31), signature, prover)).toBe('proverOwned');
  });

  it('of a circuit whose key is not safe, not the signed one, or of another protocol', async () => {
    const no = async (key: unknown, changes: object = {}, circuitId = CIRCUIT_ID) => {
      const parsed = parseVerificationKey(key);
      const sha256: Hex = `0x${'00'.repeat(32)}`;
      const message = {
        registrant: requester.address,
        circuitId: parsed.ok && circuitId === CIRCUIT_ID ? circuitIdOf(parsed.verificationKey) : circuitId,
        name: 'tiny',
        wasmSha256: sha256,
        zkeySha256: sha256,
        samplesHash: contentHashOf([]),
        issuedAtMs: market.driver.nowMs,
      };
      const artifact = { sha256, bytes: 1 };
      const body = await signed(requester, 'CircuitRegistration', message);
      const files = { wasm: artifact, zkey: artifact, samples: [] };
      const rest = { protocol: 'groth16', verificationKey: key, ...files, ...changes };
      return await sendJson('/v1/circuits', { ...body, ...rest });
    };
    const unsafe = await no(tinyKeyWithoutContribution());
    expect([unsafe.code, unsafe.detail]).toEqual([
      'invalidVerificationKey',
      expect.stringContaining('gammaEqualsDelta'),
    ]);
    expect((await no(null, {}, `0x${'c2'.repeat(32)}`)).code).toBe('invalidVerificationKey');
    expect((await no({ ...tinyKey('groth16'), vk_alpha_1: ['1', '3', '1'] })).detail).toContain('notOnCurve');
    expect((await no(tinyKey('groth16'), {}, `0x${'c2'.repeat(32)}`)).code).toBe('invalidVerificationKey');
    expect((await no(tinyKey('groth16'), { protocol: 'plonk' })).code).toBe('invalidVerificationKey');
    const other = { sha256: `0x${'99'.repeat(32)}`, bytes: 1 };
    expect((await no(tinyKey('groth16'), { wasm: other })).errors).toMatchObject([{ pointer: '/wasm/sha256' }]);
  });
});

describe('a round whose window has closed', () => {
  it('takes no new bid, and gives the old receipt again', async () => {
    const body = await signed(prover, 'Bid', bidOn(market, prover, roundId));
    const receipt = await market.client.call('placeBid', { body });
    market.driver.nowMs += 100_000;
    expect(await codeOf('/v1/bids', await signed(prover, 'Bid', bidOn(market, prover, roundId)))).toBe('roundClosed');
    expect(await market.client.call('placeBid', { body })).toEqual(receipt);
    await market.driver.advance(200_000);
    expect(await market.client.call('placeBid', { body })).toEqual(receipt);
  });
});
