/** A requester's own circuit over HTTP: its files uploaded and held against one another, its jobs sold. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RejectedError } from '#protocol/client.js';
import { contentHashOf } from '#protocol/contentHash.js';
import type { Hex } from '#protocol/units.js';
import { circuitIdOf, parseVerificationKey } from '#protocol/verificationKey.js';
import type { ZkProtocol } from '#protocol/zkProof.js';
import { tinyCircuitFile, tinyInput, tinyKey, tinySamples } from '../fixtures/tinyCircuit.js';
import { type ApiMarket, logIn, openApiMarket, signed } from '../setup/apiMarket.js';
import { invariantFlaws } from '../setup/invariants.js';
import { party } from '../setup/marketDriver.js';

const PIECE = 700;

let market: ApiMarket;
let token: string;
const requester = party(1);

beforeAll(async () => {
  market = await openApiMarket();
  await market.driver.fund(requester.address);
  token = await logIn(market, 1);
});

afterAll(async () => {
  expect(market.failures).toEqual([]);
  expect(await invariantFlaws(market.database.pool, market.executor.acknowledged)).toEqual([]);
  await market.close();
});

const fileOf = (name: string) => readFileSync(tinyCircuitFile(name));
const hashOf = (content: Uint8Array): Hex => `0x${createHash('sha256').update(content).digest('hex')}`;

function send(sha256: Hex, content: Uint8Array, offset: number, length: number, bytes = content.length, by = token) {
  const piece = Buffer.from(content.subarray(offset, offset + length)).toString('base64');
  return market.client.call('uploadArtifact', { params: { sha256 }, body: { bytes, offset, piece } }, by);
}

async function upload(content: Uint8Array, pieceBytes = 2_000_000) {
  const sha256 = hashOf(content);
  for (let { receivedBytes, complete } = await seen(sha256); !complete; ) {
    ({ receivedBytes, complete } = await send(sha256, content, receivedBytes, pieceBytes));
  }
  return { sha256, bytes: content.length };
}

const seen = (sha256: Hex) => market.client.call('getUpload', { params: { sha256 } }, token);

interface Parts {
  wasm: { sha256: Hex; bytes: number };
  zkey: { sha256: Hex; bytes: number };
  samples?: Record<string, string>[];
}

async function register(protocol: ZkProtocol, { wasm, zkey, samples = [] }: Parts): Promise<Hex> {
  const verificationKey = tinyKey(protocol);
  const parsed = parseVerificationKey(verificationKey);
  if (!parsed.ok) throw new Error(parsed.detail);
  const circuitId = circuitIdOf(parsed.verificationKey);
  const message = {
    registrant: requester.address,
    circuitId,
    name: protocol,
    wasmSha256: wasm.sha256,
    zkeySha256: zkey.sha256,
    samplesHash: contentHashOf(samples.map((input) => contentHashOf(input))),
    issuedAtMs: market.driver.nowMs,
  };
  const body = { ...(await signed(requester, 'CircuitRegistration', message)), protocol, verificationKey };
  await market.client.call('registerCircuit', { body: { ...body, wasm, zkey, samples } });
  return circuitId;
}

async function order(circuitId: Hex, jobs: unknown) {
  const message = await market.driver.request(requester, { circuitId, blockHash: contentHashOf(jobs) });
  return await market.client.call('submitBlock', {
    body: { ...(await signed(requester, 'BlockRequest', message)), blockFile: jobs },
  });
}

const refusal = (promise: Promise<unknown>) =>
  promise.then(
    () => null,
    ({ code, problem }: RejectedError) => ({ code, detail: problem.detail }),
  );

describe('an upload', () => {
  it('goes on in pieces where it was left, and takes no piece twice', async () => {
    const content = fileOf('tinyCircuit.wasm');
    const sha256 = hashOf(content);
    await send(sha256, content, 0, PIECE);
    expect(await seen(sha256)).toEqual({ sha256, receivedBytes: PIECE, complete: false });
    expect(await refusal(send(sha256, content, 0, PIECE))).toEqual({
      code: 'uploadOffset',
      detail: `continue at ${PIECE}`,
    });
    expect(await refusal(send(sha256, content, 2 * PIECE, PIECE))).toMatchObject({ code: 'uploadOffset' });
    await upload(content, PIECE);
    expect(await seen(sha256)).toEqual({ sha256, receivedBytes: content.length, complete: true });
    const served = await fetch(`${market.url}/v1/artifacts/${sha256}`);
    expect(hashOf(new Uint8Array(await served.arrayBuffer()))).toBe(sha256);
  });

  it('of other bytes than its name says is dropped', async () => {
    const content = new TextEncoder().encode('something else');
    const sha256: Hex = `0x${'77'.repeat(32)}`;
    expect(await refusal(send(sha256, content, 0, 5_000))).toMatchObject({ code: 'artifactHashMismatch' });
    expect(await seen(sha256)).toMatchObject({ receivedBytes: 0, complete: false });
  });

  it('is bounded in size, in number, and open to accounts with money only', async () => {
    const content = new Uint8Array(10);
    expect(await refusal(send(`0x${'66'.repeat(32)}`, content, 0, 5, 2 ** 39))).toMatchObject({
      code: 'artifactTooLarge',
    });
    await market.driver.fund(party(2).address);
    const other = await logIn(market, 2);
    const codes = [];
    for (const digit of [1, 2, 3, 4, 5]) {
      codes.push((await refusal(send(`0x${String(digit).repeat(64)}` as Hex, content, 0, 5, 10, other)))?.code ?? null);
    }
    expect(codes).toEqual([null, null, null, null, 'tooManyUploads']);
    const poor = await logIn(market, 50);
    const body = { bytes: 10, offset: 0, piece: 'AAAA' };
    const call = market.client.call('uploadArtifact', { params: { sha256: `0x${'88'.repeat(32)}` }, body }, poor);
    expect(await refusal(call)).toMatchObject({ code: 'insufficientFunds' });
  });
});

describe('a registration', () => {
  it('needs its files, and files that belong together', async () => {
    const wasm = await upload(fileOf('tinyCircuit.wasm'));
    const zkey = { sha256: `0x${'ee'.repeat(32)}` as Hex, bytes: 5 };
    expect(await refusal(register('groth16', { wasm, zkey }))).toMatchObject({ code: 'artifactMissing' });
    const plonk = await upload(fileOf('plonk.zkey'));
    expect(await refusal(register('groth16', { wasm, zkey: plonk }))).toEqual({
      code: 'circuitMismatch',
      detail: 'the proving key (plonk, 3 public signals) belongs to another verification key',
    });
    expect((await refusal(register('groth16', { wasm, zkey: wasm })))?.detail).toMatch(/^the proving key is no zkey/);
    const groth16 = await upload(fileOf('groth16.zkey'));
    expect((await refusal(register('groth16', { wasm: groth16, zkey: groth16 })))?.detail).toMatch(
      /^the witness generator cannot be used/,
    );
    const samples = [{ ...tinyInput(0), c: '1' }];
    expect((await refusal(register('groth16', { wasm, zkey: groth16, samples })))?.detail).toMatch(
      /^sample 0: the input breaks a rule of the circuit: TinyCircuit line \d+$/,
    );
  });

  it.each(['groth16', 'plonk', 'fflonk'] as const)('takes a %s circuit, whose jobs are sold', async (protocol) => {
    const wasm = await upload(fileOf('tinyCircuit.wasm'));
    const zkey = await upload(fileOf(`${protocol}.zkey`));
    const circuitId = await register(protocol, { wasm, zkey, samples: [tinyInput(3)] });
    const { publicSignals } = tinySamples('groth16')[2]!;
    const { blockId } = await order(circuitId, [{ input: tinyInput(0) }, { input: tinyInput(2), publicSignals }]);
    const { jobs } = await market.client.call('listJobs', { params: { blockId } });
    expect(jobs.map((job) => [job.publicSignals, job.inputHash])).toEqual([
      [tinySamples('groth16')[0]!.publicSignals, contentHashOf(tinyInput(0))],
      [publicSignals, contentHashOf(tinyInput(2))],
    ]);
  });
});

describe('a list of jobs', () => {
  it('has jobs that wait for others, whose inputs nobody is shown before', async () => {
    const [circuit] = (await market.client.call('listCircuits', {})).circuits.filter(({ kind }) => kind === 'generic');
    const listed = [{ input: tinyInput(0) }, { input: tinyInput(1), after: [0] }];
    const { blockId } = await order(circuit!.circuitId, listed);
    const { jobs } = await market.client.call('listJobs', { params: { blockId } });
    expect(jobs.map(({ status, after, roundId }) => [status, after, roundId])).toEqual([
      ['open', [], `${blockId}.r0`],
      ['waiting', [`${blockId}.0`], null],
    ]);
    const params = { jobId: jobs[1]!.jobId };
    expect(await refusal(market.client.call('getJobInput', { params }, token))).toMatchObject({ code: 'notAssigned' });
    const cyclic = [
      { input: tinyInput(0), after: [1] },
      { input: tinyInput(1), after: [0] },
    ];
    expect(await refusal(order(circuit!.circuitId, cyclic))).toMatchObject({
      detail: 'job 0: after names job 1, and only earlier jobs can come first',
    });
  });

  it('is refused at the job whose input proves nothing, or something else than is said', async () => {
    const [circuit] = (await market.client.call('listCircuits', {})).circuits.filter(({ kind }) => kind === 'generic');
    const { circuitId } = circuit!;
    const detailOf = async (jobs: unknown) => (await refusal(order(circuitId, jobs)))?.detail;
    const wrong = { ...tinyInput(1), b: '5' };
    expect(await detailOf([{ input: tinyInput(0) }, { input: wrong }])).toMatch(/^job 1: the input breaks a rule/);
    const { publicSignals } = tinySamples('groth16')[2]!;
    expect(await detailOf([{ input: tinyInput(0), publicSignals }])).toBe(
      'job 0: public signal 0 is not what the input leads to',
    );
    expect(await detailOf([{ input: { a: '1' } }])).toMatch(/^job 0: signals of the circuit are missing/);
    expect(await detailOf([{ input: { ...tinyInput(0), a: 'x' } }])).toMatch(/^job 0: input.a must be a whole number/);
    expect(await detailOf([{ inputs: tinyInput(0) }])).toMatch(/^job 0: "inputs" is no field of a job/);
    expect(await detailOf({ jobs: [] })).toMatch(/^it is no list/);
    expect(await detailOf([])).toMatch(/^it is empty/);
  });
});
