import { poseidon5 } from 'poseidon-lite/poseidon5';
import type { CurvePoint } from './account.js';
import {
  BASE_POINT,
  doublePoint,
  isOnCurve,
  isSamePoint,
  multiplesOf,
  multiplySum,
  type PointMultiples,
  type ProjectivePoint,
  SUBGROUP_ORDER,
} from './babyJubjub.js';
import { FIELD_MODULUS } from './fieldElement.js';
import type { TransferSignature } from './transfer.js';

let baseMultiples: PointMultiples | undefined;

/** A sender's key made ready for checking signatures; the costly part is shared by all transfers of the account. */
export type PreparedKey = { key: CurvePoint; negatedMultiples: PointMultiples };

/**
 * Prepares a public key: it must be on the curve and outside the eight points of small order, for which everybody
 * could sign.
 *
 * @returns undefined for a key that can sign nothing
 */
export function prepareKey(key: CurvePoint): PreparedKey | undefined {
  if (!isOnCurve(key)) return undefined;
  const fourfold = doublePoint(doublePoint([key[0], key[1], 1n]));
  if (fourfold[0] % FIELD_MODULUS === 0n) return undefined;
  const eightfold = doublePoint(fourfold);
  const negated: ProjectivePoint = [-eightfold[0], eightfold[1], eightfold[2]];
  return { key, negatedMultiples: multiplesOf(negated) };
}

/**
 * Whether a signature holds: s * B = r8 + hash(r8, key, message) * 8 * key, with r8 on the curve and s below the
 * subgroup's order, so that there is one s a signature. Exactly what circomlib's EdDSAPoseidonVerifier accepts, with
 * the two checks that r8 and key are on the curve.
 */
export function isValidSignature(prepared: PreparedKey, message: bigint, { r8, s }: TransferSignature): boolean {
  if (s >= SUBGROUP_ORDER || !isOnCurve(r8)) return false;
  baseMultiples ??= multiplesOf([BASE_POINT[0], BASE_POINT[1], 1n]);
  const challenge = poseidon5([r8[0], r8[1], prepared.key[0], prepared.key[1], message]) % SUBGROUP_ORDER;
  return isSamePoint(multiplySum(s, baseMultiples, challenge, prepared.negatedMultiples), r8);
}
