import { add, hashAndMapToG2, neg } from 'mcl-wasm';
import { expect, test } from 'vitest';
import { isInG2Subgroup } from '#verifier/bn254.js';
import { COFACTOR, multiplyPlainly, Q, R, SMALLEST_COFACTOR_PRIME, strayTwistPoint } from './twistPoints.js';

const SEEDS = [1n, 1000n, 123456789n, 2n ** 200n];

test('the twist has R * COFACTOR points, and stray points are on it but not in the subgroup', () => {
  for (const seed of SEEDS) {
    const point = strayTwistPoint(seed);
    expect(multiplyPlainly(point, R).isZero()).toBe(false);
    expect(multiplyPlainly(point, R * COFACTOR).isZero()).toBe(true);
    expect(isInG2Subgroup(point)).toBe(false);
  }
});

test('every point of the subgroup passes, also when it was cleared by hand', () => {
  for (const seed of SEEDS) {
    expect(isInG2Subgroup(multiplyPlainly(strayTwistPoint(seed), COFACTOR))).toBe(true);
    expect(isInG2Subgroup(hashAndMapToG2(`seed ${seed}`))).toBe(true);
  }
});

test('points of the smallest stray order fail, alone and added to a good point', () => {
  expect(COFACTOR % SMALLEST_COFACTOR_PRIME).toBe(0n);
  const small = multiplyPlainly(strayTwistPoint(7n), (R * COFACTOR) / SMALLEST_COFACTOR_PRIME);
  expect(small.isZero()).toBe(false);
  expect(multiplyPlainly(small, SMALLEST_COFACTOR_PRIME).isZero()).toBe(true);
  const good = hashAndMapToG2('good');
  for (const point of [small, neg(small), add(good, small), add(good, multiplyPlainly(small, 5000n))]) {
    expect(isInG2Subgroup(point)).toBe(false);
  }
});

test('agrees with multiplication by the order on a hundred mixed points', () => {
  for (let i = 0n; i < 100n; i++) {
    const stray = strayTwistPoint(i * 1000n);
    const point = i % 3n === 0n ? multiplyPlainly(stray, COFACTOR) : stray;
    expect(isInG2Subgroup(point)).toBe(multiplyPlainly(point, R).isZero());
  }
});

/**
 * The proof that the check is exact. psi satisfies psi^2 - t psi + q = 0, so its combination
 * (x+1) + x psi + x psi^2 - 2x psi^3 is some a + b psi, whose kernel has a^2 + abt + b^2 q points (the norm). A
 * point of the twist in the kernel lies in a group whose order divides both that norm and the twist's R * COFACTOR.
 */
test('norm of the combination and order of the twist have no common divisor but R', () => {
  const x = 4965661367192848881n;
  const t = Q + 1n - R;
  expect(t).toBe(6n * x * x + 1n);
  // psi^2 = t psi - q; psi^3 = (t^2 - q) psi - t q.
  const a = x + 1n - x * Q + 2n * x * t * Q;
  const b = x + x * t - 2n * x * (t * t - Q);
  const norm = a * a + a * b * t + b * b * Q;
  const gcd = (m: bigint, n: bigint): bigint => (n === 0n ? m : gcd(n, m % n));
  expect(gcd(norm, R * COFACTOR)).toBe(R);
  expect(COFACTOR % R).not.toBe(0n);
});
