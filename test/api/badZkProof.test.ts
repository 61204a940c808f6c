import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Hex } from '#protocol/units.js';
import { type ApiMarket, bidOn, openApiMarket, primaryOf, signed, submissionOf } from '../setup/apiMarket.js';
import { invariantFlaws } from '../setup/invariants.js';
import { type Party, party } from '../setup/marketDriver.js';
import { refusalOf } from '../setup/refusal.js';

const FR = 21888242871839275222246405745257275088548364400416034343698204186575808495617n;
const FQ = 21888242871839275222246405745257275088696311157297823662689037894645226208583n;

let market: ApiMarket;
const requester = party(1);

beforeAll(async () => {
  market = await openApiMarket();
  await market.driver.fund(requester.address);
  for (const seed of [10, 11]) await market.driver.prover(seed);
});

afterAll(async () => {
  expect(market.failures).toEqual([]);
  expect(await invariantFlaws(market.database.pool, market.executor.acknowledged)).toEqual([]);
  await market.close();
});

const sendJson = (path: string, body: unknown) => refusalOf(market, path, JSON.stringify(body));
const codeOf = async (path: string, body: unknown) => (await sendJson(path, body)).code;

describe('a zkProof', () => {
  let jobId: string;
  let primary: Party;
  let signals: string[];

  beforeAll(async () => {
    const block = await market.driver.submitBlock(requester, 1);
    jobId = block.jobIds[0]!;
    for (const seed of [10, 11]) await market.driver.bid(party(seed), block.roundId, { priceWei: 1_000n });
    await market.driver.advance(2_000);
    primary = [10, 11].map(party).find(({ address }) => address === primaryOf(market, jobId))!;
    signals = market.driver.job(jobId).publicSignals;
  });

  const send1 = (body: unknown) => sendJson('/v1/submissions', body);

  it.each<[string, (signals: string[]) => unknown, string]>([
    ['truncated', (all) => all.slice(1), 'wrongCount'],
    ['extended', (all) => [...all, '0'], 'wrongCount'],
    ['aliased', ([first, ...rest]) => [(BigInt(first!) + FR).toString(), ...rest], 'aboveModulus'],
    ['hexadecimal', ([, ...rest]) => ['0x0', ...rest], 'notCanonical'],
    ['negative', ([, ...rest]) => ['-1', ...rest], 'notCanonical'],
    ['numbers', (all) => all.map(Number), 'wrongShape'],
    ['endless', (all) => all.map(() => '1'.repeat(10_000)), 'tooLarge'],
    ['none', () => null, 'wrongShape'],
  ])('with public signals that are %s', async (_name, change, code) => {
    const body = await submissionOf(primary, jobId, signals);
    const problem = await send1({ ...body, publicSignals: change(signals) });
    expect([problem.code, problem.detail.split(':')[0]]).toEqual(['invalidZkProof', code]);
  });

  it.each<[string, (zkProof: Record<string, unknown>) => unknown, string]>([
    ['another protocol', (one) => ({ ...one, protocol: 'plonk' }), 'wrongLabel'],
    ['another curve', (one) => ({ ...one, curve: 'bls12381' }), 'wrongLabel'],
    ['a field too many', (one) => ({ ...one, more: 1 }), 'wrongShape'],
    ['z other than 1', (one) => ({ ...one, pi_a: ['1', '2', '2'] }), 'zNotOne'],
    ['infinity', (one) => ({ ...one, pi_a: ['0', '1', '0'] }), 'pointAtInfinity'],
    ['a coordinate above the modulus', (one) => ({ ...one, pi_a: ['1', (2n + FQ).toString(), '1'] }), 'aboveModulus'],
    ['nothing', () => null, 'wrongShape'],
  ])('with %s', async (_name, change, code) => {
    const body = await submissionOf(primary, jobId, signals);
    const problem = await send1({ ...body, zkProof: change({ ...body.zkProof }) });
    expect([problem.code, problem.detail.split(':')[0]]).toEqual(['invalidZkProof', code]);
  });

  it('of another statement, another content, by another account, for another job', async () => {
    expect((await send1(await submissionOf(primary, jobId, ['1', '2', '3']))).code).toBe('signalsMismatch');
    const body = await submissionOf(primary, jobId, signals);
    const { zkProof } = await submissionOf(primary, jobId, signals, 1);
    expect((await send1({ ...body, zkProof })).code).toBe('contentHashMismatch');
    expect((await send1(await submissionOf(party(50), jobId, signals))).code).toBe('notAssigned');
    expect((await send1(await submissionOf(primary, `0x${'3'.repeat(64)}.0`, signals))).code).toBe('unknownJob');
    const backup = market.driver.job(jobId).backup!.prover;
    const standby = [10, 11].map(party).find(({ address }) => address === backup)!;
    expect((await send1(await submissionOf(standby, jobId, signals))).code).toBe('notActivated');
    const message = { jobId, prover: party(50).address, reason: 'overloaded' as const, detail: '' };
    expect(await codeOf('/v1/giveups', await signed(party(50), 'GiveUp', message))).toBe('notAssigned');
  });

  it('is pending, and then over, for everything but the same message', async () => {
    const body = await submissionOf(primary, jobId, signals);
    const first = await market.client.call('submitProof', { body });
    expect((await send1(await submissionOf(primary, jobId, signals, 1))).code).toBe('submissionPending');
    await market.driver.judge(jobId, first.digest as Hex, true);
    expect(market.driver.state.jobs.has(jobId)).toBe(false);
    expect((await send1(await submissionOf(primary, jobId, signals, 2))).code).toBe('jobEnded');
    const quit = { jobId, prover: primary.address, reason: 'overloaded' as const, detail: '' };
    expect(await codeOf('/v1/giveups', await signed(primary, 'GiveUp', quit))).toBe('jobEnded');
    const late = await signed(primary, 'Bid', bidOn(market, primary, `${jobId.slice(0, 66)}.r0`));
    expect(await codeOf('/v1/bids', late)).toBe('roundClosed');
    for (let time = 0; time < 5; time += 1) {
      expect(await market.client.call('submitProof', { body })).toEqual(first);
    }
  });
});
