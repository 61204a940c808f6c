import { hashAndMapToG1, neg } from 'mcl-wasm';
import { expect, test } from 'vitest';
import { writeG1, writeG2 } from '#cli/bench/rerandomise.js';
import type { G1Point, G2Point } from '#protocol/strictReader.js';
import { circuitIdOf, type FflonkVerificationKey, type PlonkVerificationKey } from '#protocol/verificationKey.js';
import { ZK_PROTOCOLS } from '#protocol/zkProof.js';
import { twistFromPoint } from '#verifier/bn254.js';
import { checkVerificationKey } from '#verifier/checkVerificationKey.js';
import { tinyKey, tinyKeyWithoutContribution } from '../fixtures/tinyCircuit.js';
import { COFACTOR, multiplyPlainly, R, SMALLEST_COFACTOR_PRIME, strayTwistPoint } from './twistPoints.js';

const code = async (value: unknown): Promise<string> => {
  const result = await checkVerificationKey(value);
  return result.ok ? 'ok' : result.code;
};

const G2_GENERATOR = tinyKey('groth16').vk_gamma_2;
const INFINITY_G1: G1Point = ['0', '1', '0'];
const ZERO_G1: G1Point = ['0', '0', '1'];
const INFINITY_G2: G2Point = [
  ['0', '0'],
  ['1', '0'],
  ['0', '0'],
];
const ZERO_G2: G2Point = [
  ['0', '0'],
  ['0', '0'],
  ['1', '0'],
];
const OFF_G1: G1Point = ['5', '7', '1'];
const OFF_G2: G2Point = [
  ['5', '7'],
  ['1', '2'],
  ['1', '0'],
];
const opposite = (point: G2Point): G2Point => writeG2(neg(twistFromPoint(point)!));

test.each(ZK_PROTOCOLS)('%s: a real key passes and is returned without what may be derived', async (protocol) => {
  const key = tinyKey(protocol);
  const result = await checkVerificationKey(key);
  expect(result).toMatchObject({ ok: true, circuitId: circuitIdOf(key), protocol, nPublic: 3 });
  expect(result.ok && 'vk_alphabeta_12' in result.verificationKey).toBe(false);
});

test('a key without contributions is refused: its trapdoor is known', async () => {
  const key = tinyKey('groth16');
  expect(await code(tinyKeyWithoutContribution())).toBe('gammaEqualsDelta');
  expect(await code({ ...key, vk_delta_2: key.vk_gamma_2 })).toBe('gammaEqualsDelta');
  expect(await code({ ...key, vk_delta_2: opposite(key.vk_gamma_2) })).toBe('gammaEqualsDelta');
  expect(await code({ ...key, vk_alpha_1: ['1', '2', '1'] })).toBe('noPhase1Contribution');
  expect(await code({ ...key, vk_beta_2: G2_GENERATOR })).toBe('noPhase1Contribution');
  expect(await code({ ...key, vk_beta_2: opposite(G2_GENERATOR) })).toBe('noPhase1Contribution');
  for (const protocol of ['plonk', 'fflonk'] as const) {
    expect(await code({ ...tinyKey(protocol), X_2: G2_GENERATOR })).toBe('noPhase1Contribution');
  }
});

test('every G1 point is checked', async () => {
  const key = tinyKey('groth16');
  for (const [point, expected] of [
    [OFF_G1, 'notOnCurve'],
    [INFINITY_G1, 'pointAtInfinity'],
    [ZERO_G1, 'pointAtInfinity'],
    [[key.IC[0]![0], key.IC[0]![1], '2'], 'zNotOne'],
    [['0x1', '2', '1'], 'notCanonical'],
  ] as const) {
    expect(await code({ ...key, vk_alpha_1: point })).toBe(expected);
    for (const at of key.IC.keys()) expect(await code({ ...key, IC: key.IC.with(at, point as never) })).toBe(expected);
  }
});

test('every G2 point is checked, its subgroup included', async () => {
  const small = multiplyPlainly(strayTwistPoint(9n), (R * COFACTOR) / SMALLEST_COFACTOR_PRIME);
  const cases: [G2Point, string][] = [
    [OFF_G2, 'notOnCurve'],
    [INFINITY_G2, 'pointAtInfinity'],
    [ZERO_G2, 'pointAtInfinity'],
    [writeG2(strayTwistPoint(9n)), 'notInSubgroup'],
    [writeG2(small), 'notInSubgroup'],
  ];
  for (const [point, expected] of cases) {
    for (const name of ['vk_beta_2', 'vk_gamma_2', 'vk_delta_2']) {
      expect(await code({ ...tinyKey('groth16'), [name]: point })).toBe(expected);
    }
    for (const protocol of ['plonk', 'fflonk'] as const) {
      expect(await code({ ...tinyKey(protocol), X_2: point })).toBe(expected);
    }
  }
});

test('IC has one point more than there are signals', async () => {
  const key = tinyKey('groth16');
  const point = writeG1(hashAndMapToG1('one more'));
  expect(await code({ ...key, IC: key.IC.slice(0, -1) })).toBe('wrongCount');
  expect(await code({ ...key, IC: [...key.IC, point] })).toBe('wrongCount');
  expect(await code({ ...key, IC: [] })).toBe('wrongCount');
  expect(await code({ ...key, IC: Array(100_000).fill(point) })).toBe('wrongCount');
  expect(await code({ ...key, IC: 'none' })).toBe('wrongShape');
  expect(await code({ ...key, nPublic: 2 })).toBe('wrongCount');
  expect(await code({ ...key, nPublic: 4, IC: [...key.IC, point] })).toBe('ok');
});

test('labels, counts and keys must be exact', async () => {
  const key = tinyKey('groth16');
  expect(await code({ ...key, curve: 'bls12381' })).toBe('wrongLabel');
  expect(await code({ ...key, protocol: 'groth17' })).toBe('wrongLabel');
  expect(await code({ ...key, protocol: 'toString' })).toBe('wrongLabel');
  expect(await code({ ...key, protocol: 'plonk' })).toBe('wrongShape');
  expect(await code({ ...key, note: '' })).toBe('wrongShape');
  expect(await code({ ...key, nPublic: 0, IC: key.IC.slice(0, 1) })).toBe('wrongCount');
  expect(await code({ ...key, nPublic: '3' })).toBe('wrongShape');
  expect(await code({ ...key, nPublic: 2.5 })).toBe('wrongShape');
  expect(await code({ ...key, nPublic: 1e9 })).toBe('wrongCount');
});

test('PLONK: selectors may be zero, permutations may not, and the domain must be one', async () => {
  const key = tinyKey('plonk') as PlonkVerificationKey;
  expect(key.Qc).toEqual(INFINITY_G1);
  expect(await code({ ...key, S1: INFINITY_G1 })).toBe('pointAtInfinity');
  for (const name of ['Qm', 'Ql', 'Qr', 'Qo', 'Qc', 'S1', 'S2', 'S3']) {
    expect(await code({ ...key, [name]: OFF_G1 })).toBe('notOnCurve');
    expect(await code({ ...key, [name]: ZERO_G1 })).toBe('pointAtInfinity');
  }
  expect(await code({ ...key, w: '1' })).toBe('wrongDomain');
  expect(await code({ ...key, power: key.power + 1 })).toBe('wrongDomain');
  expect(await code({ ...key, power: 29 })).toBe('wrongCount');
  for (const change of [{ k1: '0' }, { k2: '0' }, { k1: '1' }, { k2: key.w }, { k2: key.k1 }]) {
    expect(await code({ ...key, ...change })).toBe('wrongDomain');
  }
});

test('FFLONK: every root of unity is checked', async () => {
  const key = tinyKey('fflonk') as FflonkVerificationKey;
  expect(await code({ ...key, C0: OFF_G1 })).toBe('notOnCurve');
  expect(await code({ ...key, C0: INFINITY_G1 })).toBe('pointAtInfinity');
  for (const name of ['w', 'w3', 'w4', 'w8', 'wr', 'k1']) {
    expect(await code({ ...key, [name]: '1' }), name).toBe('wrongDomain');
  }
});
