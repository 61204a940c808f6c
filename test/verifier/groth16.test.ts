import fc from 'fast-check';
import { add, hashAndMapToG1, neg, sub } from 'mcl-wasm';
import { beforeAll, expect, test } from 'vitest';
import { rerandomise, writeG1, writeG2 } from '#cli/bench/rerandomise.js';
import { type Groth16ZkProof, parseZkProof, type Verdict } from '#protocol/zkProof.js';
import { g1FromPoint, loadBn254, sumOfProducts, twistFromPoint } from '#verifier/bn254.js';
import {
  type Groth16Statement,
  type PreparedGroth16Key,
  prepareGroth16Key,
  verifyGroth16Batch,
} from '#verifier/groth16.js';
import { type TinySample, tinyKey, tinySamples } from '../fixtures/tinyCircuit.js';
import { COFACTOR, multiplyPlainly, R, SMALLEST_COFACTOR_PRIME, strayTwistPoint } from './twistPoints.js';

const vk = tinyKey('groth16');
const samples = tinySamples('groth16');
let key: PreparedGroth16Key;
beforeAll(async () => {
  await loadBn254();
  key = prepareGroth16Key(vk);
});

const codes = (verdicts: Verdict[]): string[] => verdicts.map((verdict) => (verdict.valid ? 'valid' : verdict.code));
const verify = (statements: Groth16Statement[]): string[] => codes(verifyGroth16Batch(key, statements));
const sample = (index: number): TinySample<Groth16ZkProof> => structuredClone(samples[index % samples.length]!);
const shifted = (index: number, shift: (c: ReturnType<typeof g1Of>) => ReturnType<typeof g1Of>): Groth16Statement => {
  const { publicSignals, zkProof } = sample(index);
  return { publicSignals, zkProof: { ...zkProof, pi_c: writeG1(shift(g1Of(zkProof.pi_c))) } };
};
const g1Of = (point: [string, string, string]) => g1FromPoint(point)!;

/** Ways to spoil statement `index`; all stay on curve and in the subgroup, so that only the equation can notice. */
const SPOILERS: readonly ((index: number) => Groth16Statement)[] = [
  (index) => ({ ...sample(index), publicSignals: sample(index + 1).publicSignals }),
  (index) => ({ ...sample(index), publicSignals: ['0', ...sample(index).publicSignals.slice(1)] }),
  (index) => shifted(index, (c) => neg(c)),
  (index) => shifted(index, (c) => add(c, hashAndMapToG1('shift'))),
  (index) => ({ ...sample(index), zkProof: { ...sample(index).zkProof, pi_a: vk.vk_alpha_1 } }),
  (index) => ({ ...sample(index), zkProof: { ...sample(index).zkProof, pi_b: vk.vk_beta_2 } }),
  (index) => ({ ...sample(index), zkProof: { ...sample(index).zkProof, pi_b: sample(index + 1).zkProof.pi_b } }),
];

test('real zkProofs hold, alone and together', () => {
  for (let index = 0; index < samples.length; index++) expect(verify([sample(index)])).toEqual(['valid']);
  expect(verify(samples)).toEqual(samples.map(() => 'valid'));
  expect(verify(Array.from({ length: 64 }, (_, index) => sample(index)))).toEqual(Array(64).fill('valid'));
  expect(verify([])).toEqual([]);
});

test('each way to spoil a statement fails alone and beside good ones', () => {
  for (const spoil of SPOILERS) {
    expect(verify([spoil(0)])).toEqual(['equationFails']);
    expect(verify([sample(1), spoil(0), sample(2)])).toEqual(['valid', 'equationFails', 'valid']);
  }
});

test('a re-randomised zkProof proves the same statement with other bytes, and no other statement', () => {
  const { publicSignals, zkProof } = sample(0);
  const other = rerandomise(zkProof, vk.vk_delta_2, 123456789n, 987654321n);
  for (const part of ['pi_a', 'pi_b', 'pi_c'] as const) expect(other[part]).not.toEqual(zkProof[part]);
  expect(parseZkProof('groth16', other).ok).toBe(true);
  expect(verify([{ publicSignals, zkProof: other }])).toEqual(['valid']);
  expect(verify([{ publicSignals: sample(1).publicSignals, zkProof: other }])).toEqual(['equationFails']);
  const negated = {
    ...zkProof,
    pi_a: writeG1(neg(g1Of(zkProof.pi_a))),
    pi_b: writeG2(neg(twistFromPoint(zkProof.pi_b)!)),
  };
  expect(verify([{ publicSignals, zkProof: negated }])).toEqual(['valid']);
});

test('points off the curve are named and spoil nobody else', () => {
  const { publicSignals, zkProof } = sample(0);
  const offG1: [string, string, string] = ['5', '7', '1'];
  const offG2: Groth16ZkProof['pi_b'] = [zkProof.pi_b[0], [zkProof.pi_b[1][1], zkProof.pi_b[1][0]], ['1', '0']];
  const bad = [
    { ...zkProof, pi_a: offG1 },
    { ...zkProof, pi_c: offG1 },
    { ...zkProof, pi_b: offG2 },
  ];
  for (const broken of bad) {
    expect(verify([{ publicSignals, zkProof: broken }])).toEqual(['notOnCurve']);
    expect(verify([sample(1), { publicSignals, zkProof: broken }])).toEqual(['valid', 'notOnCurve']);
  }
});

test('pi_b outside the subgroup is refused: stray, of small order, and a good one shifted by a small one', () => {
  const { publicSignals, zkProof } = sample(0);
  const stray = strayTwistPoint(42n);
  const small = multiplyPlainly(stray, (R * COFACTOR) / SMALLEST_COFACTOR_PRIME);
  for (const point of [stray, small, add(twistFromPoint(zkProof.pi_b)!, small)]) {
    const broken = { publicSignals, zkProof: { ...zkProof, pi_b: writeG2(point) } };
    expect(parseZkProof('groth16', broken.zkProof).ok).toBe(true);
    expect(verify([broken])).toEqual(['notInSubgroup']);
    expect(verify([sample(1), broken])).toEqual(['valid', 'notInSubgroup']);
  }
});

test('errors made to cancel do not cancel', () => {
  const shift = hashAndMapToG1('cancel');
  const [plus, minus] = [shifted(0, (c) => add(c, shift)), shifted(1, (c) => sub(c, shift))];
  const sum = (pair: Groth16Statement[]) => pair.map(({ zkProof }) => g1Of(zkProof.pi_c)).reduce((a, b) => add(a, b));
  expect(sum([plus, minus]).isEqual(sum([sample(0), sample(1)]))).toBe(true);
  for (let round = 0; round < 5; round++) expect(verify([plus, minus])).toEqual(['equationFails', 'equationFails']);
  // The same zkProof twice, once shifted each way: both statements are equal, so only C differs.
  const twice = [shifted(0, (c) => add(c, shift)), shifted(0, (c) => sub(c, shift))];
  expect(verify([...twice, sample(2)])).toEqual(['equationFails', 'equationFails', 'valid']);
});

test('swapped zkProofs fail both, though the batch holds each zkProof and each statement', () => {
  const [first, second] = [sample(0), sample(1)];
  const swapped = [
    { ...first, zkProof: second.zkProof },
    { ...second, zkProof: first.zkProof },
  ];
  expect(verify([...swapped, sample(2)])).toEqual(['equationFails', 'equationFails', 'valid']);
});

test('one bad among many is found at each position', () => {
  const find = (size: number, at: number) => {
    const batch: Groth16Statement[] = Array.from({ length: size }, (_, index) => sample(index));
    batch[at] = SPOILERS[at % SPOILERS.length]!(at);
    const expected = Array<string>(size).fill('valid');
    expected[at] = 'equationFails';
    expect(verify(batch)).toEqual(expected);
  };
  for (let at = 0; at < 16; at++) find(16, at);
  for (const at of [0, 31, 32, 63]) find(64, at);
});

test('a batch says of each statement what it says of it alone', () => {
  const statement = fc.tuple(fc.nat(7), fc.option(fc.nat(SPOILERS.length - 1), { freq: 2 })).map(([index, spoiler]) => {
    return spoiler === null ? sample(index) : SPOILERS[spoiler]!(index);
  });
  fc.assert(
    fc.property(fc.array(statement, { minLength: 1, maxLength: 12 }), (batch) => {
      expect(verify(batch)).toEqual(batch.flatMap((one) => verify([one])));
    }),
    { numRuns: 15 },
  );
});

test('sums of products over more points than one chunk equal the sum one by one', () => {
  const points = Array.from({ length: 150 }, (_, index) => hashAndMapToG1(`point ${index}`));
  const scalars = points.map((_, index) => (R - 1n) / BigInt(index + 1));
  const plain = points.map((point, index) => sumOfProducts([point], [scalars[index]!])).reduce((a, b) => add(a, b));
  expect(sumOfProducts(points, scalars).isEqual(plain)).toBe(true);
});

test('many prepared keys make the WASM memory grow, and verdicts stay right', () => {
  const keys = Array.from({ length: 40 }, () => prepareGroth16Key(vk));
  for (const one of keys)
    expect(codes(verifyGroth16Batch(one, [sample(3), SPOILERS[0]!(3)]))).toEqual(['valid', 'equationFails']);
});
