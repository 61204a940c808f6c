import { G1, G2, mul } from 'mcl-wasm';
import { FR_MODULUS } from '#protocol/strictReader.js';
import type { Groth16VerificationKey } from '#protocol/verificationKey.js';
import type { Groth16ZkProof } from '#protocol/zkProof.js';
import { frFrom } from '#verifier/bn254.js';
import { writeG1, writeG2 } from './rerandomise.js';

/** The usual generators of BN254. Source: EIP-197. */
const G2_GENERATOR = [
  '10857046999023057135944570762232829481370756359578518086990519993285655852781',
  '11559732032986387107991004021392285783925812861821192530917403151452391805634',
  '8495653923123431417604973247489272438418190587263600148770280649306958101930',
  '4082367875863433681332203403145435568316851327593401208105741076214120093531',
];

/**
 * A Groth16 key whose maker has kept the secrets of its set-up, and so makes a valid zkProof of anything in a millisecond. For
 * benchmarks and tests of verifiers, which cannot tell: it gives keys of any number of signals without a circuit.
 */
export interface TrapdoorKey {
  verificationKey: Groth16VerificationKey;
  /** A zkProof of these signals, canonical decimals; another one for each `salt`, from 1 to r - 1. */
  prove(publicSignals: readonly string[], salt: bigint): Groth16ZkProof;
}

/** Numbers below r that look random, from a seed; they hide nothing. */
function scalarsOf(seed: bigint): () => bigint {
  let last = seed % FR_MODULUS;
  return () => {
    last = (last ** 5n + 0x9e3779b97f4a7c15f39cc0605cedc834n) % FR_MODULUS;
    return last === 0n ? 1n : last;
  };
}

/** Makes a key. Needs loadBn254 first. */
export function makeTrapdoorKey(signalCount: number, seed: bigint): TrapdoorKey {
  const next = scalarsOf(seed);
  const [g1, g2] = [new G1(), new G2()];
  g1.setStr('1 1 2', 10);
  g2.setStr(`1 ${G2_GENERATOR.join(' ')}`, 10);
  const [alpha, beta, gamma, delta] = [next(), next(), next(), next()];
  const ic = Array.from({ length: signalCount + 1 }, next);
  const onG1 = (scalar: bigint) => writeG1(mul(g1, frFrom(scalar)));
  const onG2 = (scalar: bigint) => writeG2(mul(g2, frFrom(scalar)));
  const deltaInverse = inverseOf(delta);
  return {
    verificationKey: {
      protocol: 'groth16',
      curve: 'bn128',
      nPublic: signalCount,
      vk_alpha_1: onG1(alpha),
      vk_beta_2: onG2(beta),
      vk_gamma_2: onG2(gamma),
      vk_delta_2: onG2(delta),
      IC: ic.map(onG1),
    },
    prove(publicSignals, salt) {
      const [a, b] = [(salt * alpha + 1n) % FR_MODULUS, (salt * salt * beta + 3n) % FR_MODULUS];
      const x = publicSignals.reduce((sum, signal, j) => sum + BigInt(signal) * ic[j + 1]!, ic[0]!);
      const rest = (a * b - alpha * beta - x * gamma) % FR_MODULUS;
      const c = (((rest + FR_MODULUS) % FR_MODULUS) * deltaInverse) % FR_MODULUS;
      return { pi_a: onG1(a), pi_b: onG2(b), pi_c: onG1(c), protocol: 'groth16', curve: 'bn128' };
    },
  };
}

/** value^(r-2) mod r. */
function inverseOf(value: bigint): bigint {
  let [result, base] = [1n, value];
  for (let exponent = FR_MODULUS - 2n; exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) result = (result * base) % FR_MODULUS;
    base = (base * base) % FR_MODULUS;
  }
  return result;
}
