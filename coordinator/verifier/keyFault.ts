import { FR_MODULUS, type G1Point, type G2Point, type ZkInputCode } from '#protocol/strictReader.js';
import type { FflonkVerificationKey, PlonkVerificationKey, VerificationKey } from '#protocol/verificationKey.js';
import { g1FromPoint, isInG2Subgroup, twistFromPoint } from './bn254.js';

/** Every reason for which a verification key is refused at registration. */
export type KeyFaultCode =
  | ZkInputCode
  | 'notOnCurve'
  | 'notInSubgroup'
  | 'gammaEqualsDelta'
  | 'noPhase1Contribution'
  | 'wrongDomain'
  | 'verifierThrew';

/** A refusal of a verification key; `detail` is a sentence for people. */
export interface KeyFault {
  readonly ok: false;
  readonly code: KeyFaultCode;
  readonly detail: string;
}

const G1_GENERATOR = ['1', '2', '1'] as const;
const G2_GENERATOR_X = [
  '10857046999023057135944570762232829481370756359578518086990519993285655852781',
  '11559732032986387107991004021392285783925812861821192530917403151452391805634',
] as const;

/** BN254's scalar field has 2^28 roots of unity; snarkjs takes the powers of 5^((r-1)/2^28). */
const ROOTS_POWER = 28n;

/**
 * What makes a strictly parsed verification key unsafe, or undefined. Needs loadBn254 first. About 2 ms.
 *
 * A key is checked once, at registration, because every payment under it rests on it: points off the curve or
 * outside the subgroup void the proof system's argument, and a key that nobody contributed to has a known trapdoor.
 */
export function findKeyFault(key: VerificationKey): KeyFault | undefined {
  const g1: Record<string, G1Point> = {};
  const g2: Record<string, G2Point> = {};
  if (key.protocol === 'groth16') {
    Object.assign(g1, { vk_alpha_1: key.vk_alpha_1 });
    for (const [index, point] of key.IC.entries()) g1[`IC[${index}]`] = point;
    Object.assign(g2, { vk_beta_2: key.vk_beta_2, vk_gamma_2: key.vk_gamma_2, vk_delta_2: key.vk_delta_2 });
  } else if (key.protocol === 'plonk') {
    const { Qm, Ql, Qr, Qo, Qc, S1, S2, S3 } = key;
    Object.assign(g1, { Qm, Ql, Qr, Qo, Qc, S1, S2, S3 });
    g2.X_2 = key.X_2;
  } else {
    g1.C0 = key.C0;
    g2.X_2 = key.X_2;
  }
  return findPointFault(g1, g2) ?? findTrapdoor(key) ?? (key.protocol === 'groth16' ? undefined : findDomainFault(key));
}

function refuse(code: KeyFaultCode, detail: string): KeyFault {
  return { ok: false, code, detail };
}

function findPointFault(g1: Record<string, G1Point>, g2: Record<string, G2Point>): KeyFault | undefined {
  for (const [name, point] of Object.entries(g1)) {
    // The parser lets infinity through only where a PLONK selector may be the zero polynomial.
    if (point[2] !== '0' && !g1FromPoint(point)) return refuse('notOnCurve', `${name} is not on the curve.`);
  }
  for (const [name, point] of Object.entries(g2)) {
    const loaded = twistFromPoint(point);
    if (!loaded) return refuse('notOnCurve', `${name} is not on the curve.`);
    if (!isInG2Subgroup(loaded)) return refuse('notInSubgroup', `${name} is not in the subgroup of order r.`);
  }
  return undefined;
}

const sameX = (a: readonly string[], b: readonly string[]): boolean => a[0] === b[0] && a[1] === b[1];

/** A set-up that nobody contributed to leaves the generators in place, and anybody can forge under it. */
function findTrapdoor(key: VerificationKey): KeyFault | undefined {
  if (key.protocol !== 'groth16') {
    if (!sameX(key.X_2[0], G2_GENERATOR_X)) return undefined;
    return refuse(
      'noPhase1Contribution',
      'X_2 is the generator of G2 or its negative: the set-up has no contribution.',
    );
  }
  // Equal x means equal or opposite points; either way the ratio of the two is known.
  if (sameX(key.vk_gamma_2[0], key.vk_delta_2[0])) {
    return refuse(
      'gammaEqualsDelta',
      'gamma equals delta up to sign: make a phase-2 contribution and export the key again.',
    );
  }
  if (key.vk_alpha_1[0] === G1_GENERATOR[0] || sameX(key.vk_beta_2[0], G2_GENERATOR_X)) {
    return refuse('noPhase1Contribution', 'alpha or beta is a generator or its negative: phase 1 has no contribution.');
  }
  return undefined;
}

/** The roots of unity must be those of the domain, and the three cosets 1, k1, k2 of it must not meet. */
function findDomainFault(key: PlonkVerificationKey | FflonkVerificationKey): KeyFault | undefined {
  const root = power(power(5n, (FR_MODULUS - 1n) >> ROOTS_POWER), 1n << (ROOTS_POWER - BigInt(key.power)));
  if (BigInt(key.w) !== root) return refuse('wrongDomain', 'w is not the root of unity of 2^power.');
  const size = 1n << BigInt(key.power);
  const [k1, k2] = [BigInt(key.k1), BigInt(key.k2)];
  const [k1n, k2n] = [power(k1, size), power(k2, size)];
  if (k1 === 0n || k2 === 0n || k1n === 1n || k2n === 1n || k1n === k2n) {
    return refuse('wrongDomain', 'k1 and k2 do not make three separate cosets.');
  }
  if (BigInt(key.nPublic) >= size) return refuse('wrongCount', 'nPublic does not fit the domain.');
  if (key.protocol === 'plonk') return undefined;
  const [w3, w4, w8, wr] = [BigInt(key.w3), BigInt(key.w4), BigInt(key.w8), BigInt(key.wr)];
  const minusOne = FR_MODULUS - 1n;
  const areRoots = w3 !== 1n && power(w3, 3n) === 1n && power(w4, 2n) === minusOne && power(w8, 4n) === minusOne;
  if (!areRoots) return refuse('wrongDomain', 'w3, w4 or w8 is not a primitive root of unity.');
  return power(wr, 3n) === root ? undefined : refuse('wrongDomain', 'wr is not a cube root of w.');
}

/** base^exponent in the scalar field. */
function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (const bit of exponent.toString(2)) {
    result = (result * result) % FR_MODULUS;
    if (bit === '1') result = (result * base) % FR_MODULUS;
  }
  return result;
}
