import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FQ_MODULUS, FR_MODULUS } from '#protocol/strictReader.js';
import { circuitIdOf, parseVerificationKey, type VerificationKey } from '#protocol/verificationKey.js';
import { parsePublicSignals, parseZkProof, ZK_PROTOCOLS, type ZkProtocol } from '#protocol/zkProof.js';
import { tinyKey, tinySamples } from '../fixtures/tinyCircuit.js';

/** The value with one place changed; `path` like 'pi_b.0.1'. */
function withChange<T>(value: T, path: string, change: (old: unknown) => unknown): T {
  const copy = structuredClone(value);
  const keys = path.split('.');
  const last = keys.pop()!;
  const holder = keys.reduce<Record<string, unknown>>((at, key) => at[key] as Record<string, unknown>, copy as never);
  holder[last] = change(holder[last]);
  return copy;
}

const codeOf = (protocol: ZkProtocol, value: unknown): string => {
  const read = parseZkProof(protocol, value);
  return read.ok ? 'ok' : read.code;
};

const nest = (depth: number): unknown => JSON.parse('['.repeat(depth) + ']'.repeat(depth));
const sample = () => tinySamples('groth16')[0]!;

test.each(ZK_PROTOCOLS)('%s: what snarkjs writes is read as it is, as a fresh object', (protocol) => {
  for (const { zkProof } of tinySamples(protocol)) {
    const read = parseZkProof(protocol, zkProof);
    expect(read).toEqual({ ok: true, zkProof });
    expect(read.ok && read.zkProof).not.toBe(zkProof);
  }
});

test.each(ZK_PROTOCOLS)("%s: another protocol's zkProof is refused", (protocol) => {
  for (const other of ZK_PROTOCOLS.filter((name) => name !== protocol)) {
    expect(codeOf(protocol, tinySamples(other)[0]!.zkProof)).toBe('wrongShape');
  }
});

/** Every leaf of a value as 'a.0.1'. */
function leaves(value: unknown, path: string[] = []): string[] {
  if (typeof value !== 'object' || value === null) return [path.join('.')];
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, [...path, key]));
}

const isLabel = (path: string) => path === 'protocol' || path === 'curve';

test.each(ZK_PROTOCOLS)('%s: no other spelling of any number in it is read', (protocol) => {
  const { zkProof } = tinySamples(protocol)[0]!;
  const numbers = leaves(zkProof).filter((path) => !isLabel(path));
  expect(numbers.length).toBeGreaterThan(8);
  for (const path of numbers) {
    const code = (change: (old: string) => unknown) => codeOf(protocol, withChange(zkProof, path, change as never));
    const modulus = /eval/.test(path) ? FR_MODULUS : FQ_MODULUS;
    expect(
      code((old) => (BigInt(old) + modulus).toString()),
      path,
    ).toMatch(/aboveModulus|tooLarge/);
    expect(code((old) => `0x${BigInt(old).toString(16)}`)).toBe('notCanonical');
    expect(code((old) => `0${old}`)).toMatch(/notCanonical|tooLarge/);
    expect(code((old) => `-${old}`)).toMatch(/notCanonical|tooLarge/);
    expect(code((old) => `+${old}`)).toMatch(/notCanonical|tooLarge/);
    expect(code((old) => ` ${old}`)).toMatch(/notCanonical|tooLarge/);
    expect(code((old) => `${old.slice(0, 60)}\n`)).toBe('notCanonical');
    expect(code(() => '')).toBe('notCanonical');
    expect(code(() => '1e5')).toBe('notCanonical');
    expect(code(() => '٣')).toBe('notCanonical');
    expect(code((old) => Number(old))).toBe('wrongShape');
    expect(code((old) => BigInt(old))).toBe('wrongShape');
    expect(code(() => null)).toBe('wrongShape');
    expect(code((old) => [old])).toBe('wrongShape');
    expect(code(() => '9'.repeat(2_000_000))).toBe('tooLarge');
    expect(code(() => (modulus - 1n).toString())).not.toBe('aboveModulus');
    expect(code(() => modulus.toString())).toBe('aboveModulus');
  }
});

test('z must be one and infinity is refused, in every spelling', () => {
  const { zkProof } = sample();
  for (const path of ['pi_a', 'pi_c']) {
    expect(
      codeOf(
        'groth16',
        withChange(zkProof, `${path}.2`, () => '2'),
      ),
    ).toBe('zNotOne');
    expect(
      codeOf(
        'groth16',
        withChange(zkProof, `${path}.2`, () => '0'),
      ),
    ).toBe('pointAtInfinity');
    expect(
      codeOf(
        'groth16',
        withChange(zkProof, path, () => ['0', '1', '0']),
      ),
    ).toBe('pointAtInfinity');
    expect(
      codeOf(
        'groth16',
        withChange(zkProof, path, () => ['0', '0', '1']),
      ),
    ).toBe('pointAtInfinity');
  }
  const b = (change: unknown) => codeOf('groth16', { ...zkProof, pi_b: change });
  const [x, y] = zkProof.pi_b;
  expect(b([x, y, ['1', '1']])).toBe('zNotOne');
  expect(b([x, y, ['0', '1']])).toBe('zNotOne');
  expect(b([x, y, ['0', '0']])).toBe('pointAtInfinity');
  expect(
    b([
      ['0', '0'],
      ['0', '0'],
      ['1', '0'],
    ]),
  ).toBe('pointAtInfinity');
  expect(b([x, y])).toBe('wrongCount');
  expect(b([x, y, ['1', '0'], ['1', '0']])).toBe('wrongCount');
});

test('labels and keys must be exact', () => {
  const { zkProof } = sample();
  for (const curve of ['bn254', 'BN128', 'bls12381', '', 'bn128 ']) {
    expect(codeOf('groth16', { ...zkProof, curve })).toBe('wrongLabel');
  }
  for (const protocol of ['plonk', 'Groth16', 'fflonk', 16]) {
    expect(codeOf('groth16', { ...zkProof, protocol })).toBe('wrongLabel');
  }
  const { curve: _curve, ...withoutCurve } = zkProof;
  expect(codeOf('groth16', withoutCurve)).toBe('wrongShape');
  expect(codeOf('groth16', Object.assign(Object.create({ curve: 'bn128' }), withoutCurve))).toBe('wrongShape');
  expect(codeOf('groth16', { ...zkProof, note: 1 })).toBe('wrongShape');
  expect(codeOf('groth16', { ...zkProof, [Symbol('s')]: 1 })).toBe('wrongShape');
  const polluted = JSON.parse(JSON.stringify(zkProof).replace('{', '{"__proto__":{"x":1},'));
  expect(codeOf('groth16', polluted)).toBe('wrongShape');
});

test.each([
  ['null', null],
  ['undefined', undefined],
  ['a number', 5],
  ['text', 'zkProof'],
  ['an array', [1, 2]],
  ['20,000 levels', nest(20_000)],
  ['20,000 levels within', { ...sample().zkProof, pi_a: nest(20_000) }],
  ['an array with holes', { ...sample().zkProof, pi_a: new Array(3) }],
  [
    'a throwing getter',
    Object.defineProperty({ ...sample().zkProof }, 'pi_a', {
      get: () => {
        throw new Error('no');
      },
    }),
  ],
  [
    'a throwing proxy',
    new Proxy(
      {},
      {
        ownKeys: () => {
          throw new Error('no');
        },
        getOwnPropertyDescriptor: () => {
          throw new Error('no');
        },
      },
    ),
  ],
])('%s is refused without throwing', (_name, value) => {
  for (const protocol of ZK_PROTOCOLS) expect(codeOf(protocol, value)).toMatch(/wrongShape|wrongCount/);
  expect(parseVerificationKey(value).ok).toBe(false);
  expect(parsePublicSignals(value, 3).ok).toBe(false);
});

test('anything at all is refused without throwing', () => {
  fc.assert(
    fc.property(fc.anything({ withNullPrototype: true, withBigInt: true, withSparseArray: true }), (value) => {
      for (const protocol of ZK_PROTOCOLS) expect(parseZkProof(protocol, value).ok).toBe(false);
      expect(parseVerificationKey(value).ok).toBe(false);
      expect(parsePublicSignals(value, 3).ok).toBe(false);
    }),
  );
});

test('public signals: count first, then each one canonical and below r', () => {
  const { publicSignals } = sample();
  const code = (value: unknown) => {
    const read = parsePublicSignals(value, 3);
    return read.ok ? 'ok' : read.code;
  };
  expect(code(publicSignals)).toBe('ok');
  expect(code(publicSignals.slice(0, 2))).toBe('wrongCount');
  expect(code([...publicSignals, '0'])).toBe('wrongCount');
  expect(code(new Array(1_000_000).fill('1'))).toBe('wrongCount');
  const first = (spelling: unknown) => code([spelling, ...publicSignals.slice(1)]);
  expect(first((BigInt(publicSignals[0]!) + FR_MODULUS).toString())).toBe('aboveModulus');
  expect(first(FR_MODULUS.toString())).toBe('aboveModulus');
  expect(first((FR_MODULUS - 1n).toString())).toBe('ok');
  expect(first('0')).toBe('ok');
  expect(first('0x1')).toBe('notCanonical');
  expect(first('-1')).toBe('notCanonical');
  expect(first('01')).toBe('notCanonical');
  expect(first(1)).toBe('wrongShape');
  expect(first('1'.repeat(2_000_000))).toBe('tooLarge');
});

test('details quote nothing that the sender wrote', () => {
  const read = parseZkProof('groth16', { ...sample().zkProof, curve: 'secretsecret', ['k'.repeat(100_000)]: 1 });
  expect(read.ok).toBe(false);
  expect(JSON.stringify(read)).not.toMatch(/secret|kkkk/);
});

test.each(ZK_PROTOCOLS)('%s: a key is read with its own fields only, and its id is their hash', (protocol) => {
  const key = tinyKey(protocol);
  const read = parseVerificationKey(key);
  if (!read.ok) throw new Error(read.detail);
  const { vk_alphabeta_12: _dropped, ...expected } = key as VerificationKey & { vk_alphabeta_12?: unknown };
  expect(read.verificationKey).toEqual(expected);
  const reversed = Object.fromEntries(Object.entries(expected).reverse()) as unknown as VerificationKey;
  expect(circuitIdOf(reversed)).toBe(circuitIdOf(read.verificationKey));
  expect(circuitIdOf(key)).toBe(circuitIdOf(read.verificationKey));
  expect(circuitIdOf(key)).toMatch(/^0x[0-9a-f]{64}$/);
  expect(circuitIdOf({ ...key, nPublic: key.nPublic + 1 })).not.toBe(circuitIdOf(key));
});

test('the id of a known key is the published hash', () => {
  const key = {
    protocol: 'groth16',
    curve: 'bn128',
    nPublic: 1,
    vk_alpha_1: ['1', '2', '1'],
    vk_beta_2: [
      ['1', '2'],
      ['3', '4'],
      ['1', '0'],
    ],
    vk_gamma_2: [
      ['1', '2'],
      ['3', '4'],
      ['1', '0'],
    ],
    vk_delta_2: [
      ['1', '2'],
      ['3', '4'],
      ['1', '0'],
    ],
    IC: [
      ['1', '2', '1'],
      ['1', '2', '1'],
    ],
  };
  expect(circuitIdOf(key as never)).toBe(KNOWN_ID);
});

// Computed with another tool over the text written by hand: keys sorted, no spaces.
const KNOWN_ID = '0xa9cde1e319b60b0ba06ddd81222e8aed7baa8069226124dedc5a50a83d5197c6';
