import { add, BN_SNARK1, Fp2, Fr, G1, G2, GT, init, mulVec, verifyOrderG1, verifyOrderG2 } from 'mcl-wasm';
import mclModule from 'mcl-wasm/dist/mcl.js';
import { FQ_MODULUS, type G1Point, type G2Point } from '#protocol/strictReader.js';

/** Bytes of mcl's points and numbers in WASM memory: every base field element takes 48, in Montgomery form. */
const FQ_BYTES = 48;
const FQ2_BYTES = 2 * FQ_BYTES;
const G1_BYTES = 3 * FQ_BYTES;
const G2_BYTES = 3 * FQ2_BYTES;
const GT_BYTES = 12 * FQ_BYTES;

/** Points in one multi-scalar multiplication: mcl copies them to its stack, whose overflow nothing would catch. */
const MSM_CHUNK = 64;

/** The number x that generates BN254: p and r are polynomials in it. */
const BN_X = 4965661367192848881n;

/** The functions of mcl's WASM that its JavaScript wrapper leaves out; all take addresses in WASM memory. */
interface RawMcl {
  _malloc(bytes: number): number;
  _free(address: number): void;
  _mclBn_millerLoopVec(out: number, g1: number, g2: number, count: number): void;
  _mclBnG2_dbl(out: number, a: number): void;
  _mclBnG2_add(out: number, a: number, b: number): void;
  _mclBnG2_neg(out: number, a: number): void;
  _mclBnG2_isEqual(a: number, b: number): number;
  _mclBnFp2_mul(out: number, a: number, b: number): void;
  _mclBnFp_neg(out: number, a: number): void;
  HEAP8: Int8Array;
}

const rawMcl = (): RawMcl => (mclModule as unknown as { mod: RawMcl }).mod;

/** Addresses of scratch points for the subgroup check, and of the two constants of the endomorphism. */
interface SubgroupScratch {
  readonly point: number;
  readonly negated: number;
  readonly timesX: number;
  readonly psi1: number;
  readonly psi2: number;
  readonly psi3: number;
  readonly psiX: number;
  readonly psiY: number;
}

let ready: Promise<void> | undefined;
let scratch: SubgroupScratch;

/** Loads the curve into this thread, once; everything else here needs it. About 80 ms and 20 MB. */
export function loadBn254(): Promise<void> {
  ready ??= init(BN_SNARK1).then(() => {
    // Both are asked for explicitly, the one for G2 by isInG2Subgroup, which is faster; G1 has no other subgroup.
    verifyOrderG1(false);
    verifyOrderG2(false);
    scratch = makeSubgroupScratch();
  });
  return ready;
}

/** Space in WASM memory. Throws a RangeError when there is none left. */
function allocate(bytes: number): number {
  const address = rawMcl()._malloc(bytes);
  if (address === 0) throw new RangeError(`mcl has no ${bytes} bytes left`);
  return address;
}

/** The point of G1 with these coordinates, or undefined when they are off the curve. */
export function g1FromPoint([x, y]: G1Point): G1 | undefined {
  const point = new G1();
  try {
    point.setStr(`1 ${x} ${y}`, 10);
  } catch {
    return undefined;
  }
  return point;
}

/** The point with these coordinates on the twist, in the subgroup or not, or undefined when they are off the curve. */
export function twistFromPoint([x, y]: G2Point): G2 | undefined {
  const point = new G2();
  try {
    point.setStr(`1 ${x[0]} ${x[1]} ${y[0]} ${y[1]}`, 10);
  } catch {
    return undefined;
  }
  return point;
}

/** The sum of points[i] * scalars[i]; the scalars are not negative and below FR_MODULUS. Throws on no points. */
export function sumOfProducts(points: readonly G1[], scalars: readonly bigint[]): G1 {
  let sum = new G1();
  for (let from = 0; from < points.length; from += MSM_CHUNK) {
    const chunk = points.slice(from, from + MSM_CHUNK);
    sum = add(sum, mulVec(chunk, scalars.slice(from, from + MSM_CHUNK).map(frFrom)));
  }
  return sum;
}

/** A scalar for mcl from a number that is not negative and below FR_MODULUS. */
export function frFrom(value: bigint): Fr {
  const scalar = new Fr();
  scalar.setStr(value.toString(16), 16);
  return scalar;
}

/** The product of the Miller loops of (g1[i], g2[i]), which share their squarings. Not yet a pairing: see finalExp. */
export function millerLoopProduct(g1: readonly G1[], g2: readonly G2[]): GT {
  const raw = rawMcl();
  const block = allocate(GT_BYTES + g1.length * (G1_BYTES + G2_BYTES));
  try {
    const g1At = block + GT_BYTES;
    const g2At = g1At + g1.length * G1_BYTES;
    g1.forEach((point, index) => {
      point.copyToMem(g1At + index * G1_BYTES);
    });
    g2.forEach((point, index) => {
      point.copyToMem(g2At + index * G2_BYTES);
    });
    raw._mclBn_millerLoopVec(block, g1At, g2At, g1.length);
    const product = new GT();
    product.copyFromMem(block);
    return product;
  } finally {
    raw._free(block);
  }
}

/**
 * Whether a point of the twist lies in the subgroup of order r, in a third of the time of multiplying by r.
 *
 * With psi the untwist-Frobenius-twist endomorphism and x the curve's parameter, the points with
 * [x+1]P + psi([x]P) + psi^2([x]P) = psi^3([2x]P) are exactly G2: the norm of that combination and the order of the
 * twist have the greatest common divisor r (a test computes it).
 * Source: El Housni, Guillevic, Piellard, "Co-factor clearing and subgroup membership testing on pairing-friendly
 * curves", eprint 2022/352
 */
export function isInG2Subgroup(twistPoint: G2): boolean {
  const raw = rawMcl();
  const { point, timesX, psi1, psi2, psi3 } = scratch;
  twistPoint.copyToMem(point);
  multiplyByX();
  applyPsi(psi1, timesX);
  applyPsi(psi2, psi1);
  applyPsi(psi3, psi2);
  raw._mclBnG2_add(timesX, timesX, point);
  raw._mclBnG2_add(timesX, timesX, psi1);
  raw._mclBnG2_add(timesX, timesX, psi2);
  raw._mclBnG2_dbl(psi3, psi3);
  return raw._mclBnG2_isEqual(timesX, psi3) === 1;
}

/** Double and add on purpose: mcl's own multiplication decomposes the scalar in a way that only holds inside G2. */
function multiplyByX(): void {
  const raw = rawMcl();
  const { point, negated, timesX } = scratch;
  raw._mclBnG2_neg(negated, point);
  rawCopy(timesX, point, G2_BYTES);
  for (const digit of X_DIGITS.slice(1)) {
    raw._mclBnG2_dbl(timesX, timesX);
    if (digit !== 0) raw._mclBnG2_add(timesX, timesX, digit === 1 ? point : negated);
  }
}

/** psi(X, Y, Z) = (conj(X) * psiX, conj(Y) * psiY, conj(Z)), the same in affine and Jacobian coordinates. */
function applyPsi(out: number, from: number): void {
  const raw = rawMcl();
  rawCopy(out, from, G2_BYTES);
  for (const at of [out, out + FQ2_BYTES, out + 2 * FQ2_BYTES]) raw._mclBnFp_neg(at + FQ_BYTES, at + FQ_BYTES);
  raw._mclBnFp2_mul(out, out, scratch.psiX);
  raw._mclBnFp2_mul(out + FQ2_BYTES, out + FQ2_BYTES, scratch.psiY);
}

function rawCopy(to: number, from: number, bytes: number): void {
  rawMcl().HEAP8.copyWithin(to, from, from + bytes);
}

/** Digits 1, 0, -1 of a number, no two neighbours nonzero, the most significant first. */
function signedDigits(value: bigint): number[] {
  const digits: number[] = [];
  for (let rest = value; rest > 0n; rest >>= 1n) {
    const digit = (rest & 1n) === 0n ? 0n : 2n - (rest & 3n);
    digits.push(Number(digit));
    rest -= digit;
  }
  return digits.reverse();
}

const X_DIGITS = signedDigits(BN_X);

/** (c0 + c1 u)^exponent in Fq[u] / (u^2 + 1). */
function powFq2(base: readonly [bigint, bigint], exponent: bigint): [bigint, bigint] {
  const multiply = ([a0, a1]: readonly [bigint, bigint], [b0, b1]: readonly [bigint, bigint]): [bigint, bigint] => [
    (a0 * b0 + (FQ_MODULUS - a1) * b1) % FQ_MODULUS,
    (a0 * b1 + a1 * b0) % FQ_MODULUS,
  ];
  let result: [bigint, bigint] = [1n, 0n];
  for (const bit of exponent.toString(2)) {
    result = multiply(result, result);
    if (bit === '1') result = multiply(result, base);
  }
  return result;
}

/** The twist is y^2 = x^3 + 3 / xi with xi = 9 + u; psi's constants are xi^((q-1)/3) and xi^((q-1)/2). */
function makeSubgroupScratch(): SubgroupScratch {
  const constantAt = (exponent: bigint): number => {
    const constant = new Fp2();
    constant.setStr(powFq2([9n, 1n], exponent).join(' '), 10);
    const address = allocate(FQ2_BYTES);
    constant.copyToMem(address);
    return address;
  };
  return {
    point: allocate(G2_BYTES),
    negated: allocate(G2_BYTES),
    timesX: allocate(G2_BYTES),
    psi1: allocate(G2_BYTES),
    psi2: allocate(G2_BYTES),
    psi3: allocate(G2_BYTES),
    psiX: constantAt((FQ_MODULUS - 1n) / 3n),
    psiY: constantAt((FQ_MODULUS - 1n) / 2n),
  };
}
