import { add, div, Fr, type G1, type G2, mul } from 'mcl-wasm';
import type { G1Point, G2Point } from '#protocol/strictReader.js';
import type { Groth16ZkProof } from '#protocol/zkProof.js';
import { frFrom, g1FromPoint, twistFromPoint } from '#verifier/bn254.js';

/** A G1 point that is not infinity in snarkjs's spelling. */
export function writeG1(point: G1): G1Point {
  const [, x, y] = point.getStr(10).split(' ');
  return [x!, y!, '1'];
}

/** A point of the twist that is not infinity in snarkjs's spelling. */
export function writeG2(point: G2): G2Point {
  const [, x0, x1, y0, y1] = point.getStr(10).split(' ');
  return [
    [x0!, x1!],
    [y0!, y1!],
    ['1', '0'],
  ];
}

/**
 * Another zkProof of the same statement, which anybody can make who sees one: A/k, kB + ks delta, C + sA.
 * Benchmarks make thousands of valid zkProofs with it; tests show that the bytes of a zkProof identify nothing.
 * Needs loadBn254 first.
 *
 * @param delta - vk_delta_2 of the verification key
 * @param k - 1 to r - 1
 * @param s - 0 to r - 1
 * @throws TypeError when a point is off its curve
 */
export function rerandomise(zkProof: Groth16ZkProof, delta: G2Point, k: bigint, s: bigint): Groth16ZkProof {
  const [a, c] = [g1FromPoint(zkProof.pi_a), g1FromPoint(zkProof.pi_c)];
  const [b, deltaPoint] = [twistFromPoint(zkProof.pi_b), twistFromPoint(delta)];
  if (!a || !b || !c || !deltaPoint) throw new TypeError('a point of the zkProof is off its curve');
  const [factor, shift, one] = [frFrom(k), frFrom(s), new Fr()];
  one.setInt(1);
  return {
    ...zkProof,
    pi_a: writeG1(mul(a, div(one, factor))),
    pi_b: writeG2(mul(add(b, mul(deltaPoint, shift)), factor)),
    pi_c: writeG1(add(c, mul(a, shift))),
  };
}
