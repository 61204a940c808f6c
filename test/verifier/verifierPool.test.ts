import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterEach, expect, test } from 'vitest';
import { circuitIdOf } from '#protocol/verificationKey.js';
import type { Verdict, ZkProtocol } from '#protocol/zkProof.js';
import {
  createVerifierPool,
  type VerifierPool,
  type VerifierPoolOptions,
  type VerifyRequest,
} from '#verifier/verifierPool.js';
import { tinyKey, tinyKeyWithoutContribution, tinySamples } from '../fixtures/tinyCircuit.js';

const crashing = { workerUrl: new URL('../fixtures/crashingWorker.mjs', import.meta.url) };
const open: VerifierPool[] = [];
const makePool = (options: Partial<VerifierPoolOptions> = {}): VerifierPool => {
  const pool = createVerifierPool({ threads: 1, ...options });
  open.push(pool);
  return pool;
};
afterEach(async () => {
  await Promise.all(open.splice(0).map((pool) => pool.close()));
});

function requestFor(protocol: ZkProtocol, index = 0): VerifyRequest {
  const verificationKey = tinyKey(protocol);
  const { publicSignals, zkProof } = tinySamples(protocol)[index]!;
  return {
    circuitId: circuitIdOf(verificationKey),
    verificationKey,
    publicSignals,
    expectedSignals: publicSignals,
    zkProof,
  };
}

/** A request whose first signal is `first`: what the crashing worker looks at. */
function requestWithFirst(first: string): VerifyRequest {
  const request = requestFor('groth16');
  const publicSignals = [first, ...request.expectedSignals.slice(1)];
  return { ...request, publicSignals, expectedSignals: publicSignals };
}

const codeOf = (verdict: Verdict): string => (verdict.valid ? 'valid' : verdict.code);

test.each(['groth16', 'plonk', 'fflonk'] as const)(
  '%s: a real zkProof is valid, and not for another statement',
  async (protocol) => {
    const pool = makePool();
    const [first, second] = [requestFor(protocol, 0), requestFor(protocol, 1)];
    const swapped = { ...first, zkProof: second.zkProof };
    const verdicts = await Promise.all([first, second, swapped].map((request) => pool.verify(request)));
    expect(verdicts.map(codeOf)).toEqual(['valid', 'valid', 'equationFails']);
  },
);

test.each(['plonk', 'fflonk'] as const)('%s: a point off the curve is named', async (protocol) => {
  const request = requestFor(protocol);
  const zkProof = structuredClone(request.zkProof) as { A?: string[]; polynomials?: { C1: string[] } };
  const point = zkProof.A ?? zkProof.polynomials!.C1;
  point[0] = '5';
  expect(await makePool().verify({ ...request, zkProof })).toMatchObject({ valid: false, code: 'notOnCurve' });
});

test('the signals must be exactly those of the job', async () => {
  const pool = makePool();
  const request = requestFor('groth16');
  const [a, b, c] = request.expectedSignals as [string, string, string];
  const code = async (publicSignals: unknown) => codeOf(await pool.verify({ ...request, publicSignals }));
  expect(await code([a, b])).toBe('wrongCount');
  expect(await code([a, b, c, '0'])).toBe('wrongCount');
  expect(await code([b, a, c])).toBe('signalsMismatch');
  expect(await code([a, b, `${BigInt(c) + 1n}`])).toBe('signalsMismatch');
  expect(await code([a, b, `0x${BigInt(c).toString(16)}`])).toBe('notCanonical');
  expect(await code([`-${a}`, b, c])).toBe('notCanonical');
  expect(await code(null)).toBe('wrongShape');
  const other = requestFor('groth16', 1);
  expect(codeOf(await pool.verify({ ...other, expectedSignals: request.expectedSignals }))).toBe('signalsMismatch');
});

test('requests of one tick for one key go as one batch; another key goes apart', async () => {
  const pool = makePool(crashing);
  const [mine, other] = [requestFor('groth16'), requestFor('plonk')];
  const requests = [...Array.from({ length: 5 }, () => mine), other, mine];
  const verdicts = await Promise.all(requests.map((request) => pool.verify(request)));
  const sizes = verdicts.map((verdict) => (verdict.valid ? '' : verdict.detail));
  expect(sizes).toEqual([...Array(5).fill('batch of 6'), 'batch of 1', 'batch of 6']);
});

test('a batch never exceeds its bound', async () => {
  const pool = makePool({ ...crashing, batchMax: 16 });
  const verdicts = await Promise.all(Array.from({ length: 40 }, () => pool.verify(requestFor('groth16'))));
  const details = verdicts.map((verdict) => (verdict.valid ? '' : verdict.detail));
  expect(details).toEqual([...Array(32).fill('batch of 16'), ...Array(8).fill('batch of 8')]);
});

test('a statement that kills its worker is verifierThrew and takes nobody along', async () => {
  const pool = makePool(crashing);
  const verdicts = await Promise.all(['1', '2', '666', '3'].map((first) => pool.verify(requestWithFirst(first))));
  expect(verdicts.map(codeOf)).toEqual(['equationFails', 'equationFails', 'verifierThrew', 'equationFails']);
  expect(verdicts.map((verdict) => (verdict.valid ? '' : verdict.detail))[0]).toBe('batch of 1');
  expect(codeOf(await pool.verify(requestWithFirst('4')))).toBe('equationFails');
});

test('a worker that does not answer in time counts as dead', async () => {
  const pool = makePool({ ...crashing, timeoutMs: 300 });
  const verdicts = await Promise.all(['777', '5'].map((first) => pool.verify(requestWithFirst(first))));
  expect(verdicts.map(codeOf)).toEqual(['verifierThrew', 'equationFails']);
});

test('a worker that dies over a key refuses the key', async () => {
  expect(await makePool(crashing).checkVerificationKey(tinyKey('groth16'))).toMatchObject({ code: 'verifierThrew' });
});

test('a full queue is a retryable error that decides nothing', async () => {
  const pool = makePool({ ...crashing, queueMax: 2 });
  const accepted = [pool.verify(requestFor('groth16')), pool.verify(requestFor('groth16'))];
  await expect(pool.verify(requestFor('groth16'))).rejects.toMatchObject({ code: 'verifierBusy', retryable: true });
  expect((await Promise.all(accepted)).map(codeOf)).toEqual(['equationFails', 'equationFails']);
  expect(codeOf(await pool.verify(requestFor('groth16')))).toBe('equationFails');
});

test("a key that is not the circuit's is the caller's bug", async () => {
  const request = { ...requestFor('groth16'), circuitId: circuitIdOf(tinyKey('plonk')) };
  await expect(makePool().verify(request)).rejects.toThrow(TypeError);
});

test('close fails what is under way and what comes later, retryably', async () => {
  const pool = makePool(crashing);
  const waiting = expect(pool.verify(requestWithFirst('777'))).rejects.toMatchObject({
    code: 'verifierClosed',
    retryable: true,
  });
  const checking = expect(pool.checkVerificationKey(tinyKey('groth16'))).rejects.toMatchObject({
    code: 'verifierClosed',
  });
  await pool.close();
  await Promise.all([waiting, checking]);
  await expect(pool.verify(requestFor('groth16'))).rejects.toMatchObject({ code: 'verifierClosed' });
});

test('the pool checks keys in its workers', async () => {
  const pool = makePool();
  const key = tinyKey('groth16');
  const [good, bad, malformed] = await Promise.all([
    pool.checkVerificationKey(key),
    pool.checkVerificationKey(tinyKeyWithoutContribution()),
    pool.checkVerificationKey({ protocol: 'groth16' }),
  ]);
  expect(good).toMatchObject({ ok: true, circuitId: circuitIdOf(key), protocol: 'groth16', nPublic: 3 });
  expect(bad).toMatchObject({ ok: false, code: 'gammaEqualsDelta' });
  expect(malformed).toMatchObject({ ok: false, code: 'wrongShape' });
});

test.each([false, true])('a process ends by itself with idle workers (closed: %s)', async (isClosed) => {
  const script = `
    import { createVerifierPool } from '#verifier/verifierPool.js';
    const pool = createVerifierPool({ threads: 2 });
    const request = ${JSON.stringify(requestFor('groth16'))};
    const plonk = ${JSON.stringify(requestFor('plonk'))};
    console.log((await pool.verify(request)).valid, (await pool.verify(plonk)).valid);
    ${isClosed ? 'await pool.close();' : ''}`;
  const run = promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { timeout: 60_000 });
  expect((await run).stdout).toBe('true true\n');
});
