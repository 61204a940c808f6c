/**
 * Points of the Baby Jubjub curve (a x^2 + y^2 = 1 + d x^2 y^2, EIP-2494) in projective coordinates, without a
 * division: checking a signature takes about a millisecond where affine arithmetic takes twenty. Not constant-time:
 * for public values only, never for a private key.
 */
import type { CurvePoint } from './account.js';
import { FIELD_MODULUS as P } from './fieldElement.js';

const A = 168700n;
const D = 168696n;

/** The order of the subgroup that the base point generates. */
export const SUBGROUP_ORDER = 2736030358979909402780800718157159386076813972158567259200215660948447373041n;

/** The base point, a generator of the subgroup ("Base8" in circomlib). */
export const BASE_POINT: CurvePoint = [
  5299619240641551281634865583518297030282874472190772894086521144482721001553n,
  16950150798460657717958625567821834550301663161624707787222815936182638968203n,
];

/** x = X / Z, y = Y / Z. */
export type ProjectivePoint = readonly [X: bigint, Y: bigint, Z: bigint];

export const IDENTITY: ProjectivePoint = [0n, 1n, 1n];

/** Whether the point satisfies the curve's equation; both coordinates must be reduced. */
export function isOnCurve([x, y]: CurvePoint): boolean {
  const x2 = (x * x) % P;
  const y2 = (y * y) % P;
  return (A * x2 + y2 - 1n - D * ((x2 * y2) % P)) % P === 0n;
}

/** The sum of two points of the curve; complete, because a is a square and d is none. */
export function addPoints(p: ProjectivePoint, q: ProjectivePoint): ProjectivePoint {
  const z = (p[2] * q[2]) % P;
  const z2 = (z * z) % P;
  const x = (p[0] * q[0]) % P;
  const y = (p[1] * q[1]) % P;
  const e = (D * ((x * y) % P)) % P;
  const f = z2 - e;
  const g = z2 + e;
  const cross = (p[0] + p[1]) * (q[0] + q[1]) - x - y;
  return [(((z * f) % P) * (cross % P)) % P, (((z * g) % P) * (y - A * x)) % P, (f * g) % P];
}

/** Twice a point of the curve. */
export function doublePoint([x, y, z]: ProjectivePoint): ProjectivePoint {
  const sum = x + y;
  const x2 = (x * x) % P;
  const y2 = (y * y) % P;
  const e = A * x2;
  const f = (e + y2) % P;
  const j = (f - 2n * z * z) % P;
  return [((((sum * sum) % P) - x2 - y2) * j) % P, (f * ((e - y2) % P)) % P, (f * j) % P];
}

/** 0 to 15 times a point. */
export type PointMultiples = readonly ProjectivePoint[];

/** Prepares a point for {@link multiplySum}. */
export function multiplesOf(point: ProjectivePoint): PointMultiples {
  const multiples: ProjectivePoint[] = [IDENTITY];
  for (let i = 1; i < 16; i++) multiples.push(addPoints(multiples[i - 1]!, point));
  return multiples;
}

/** k times p plus m times q, with one chain of doublings for both; scalars 0 to 2^252 - 1. */
export function multiplySum(k: bigint, p: PointMultiples, m: bigint, q: PointMultiples): ProjectivePoint {
  const kDigits = k.toString(16).padStart(63, '0');
  const mDigits = m.toString(16).padStart(63, '0');
  let sum = IDENTITY;
  for (let i = 0; i < 63; i++) {
    for (let bit = 0; bit < 4; bit++) sum = doublePoint(sum);
    sum = addPoints(sum, p[Number.parseInt(kDigits[i]!, 16)]!);
    sum = addPoints(sum, q[Number.parseInt(mDigits[i]!, 16)]!);
  }
  return sum;
}

/** Whether a projective and an affine point are the same point. */
export function isSamePoint([x, y, z]: ProjectivePoint, affine: CurvePoint): boolean {
  return (x - affine[0] * z) % P === 0n && (y - affine[1] * z) % P === 0n;
}
