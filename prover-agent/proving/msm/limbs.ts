/**
 * How a number of BN254's base field lies in memory here: nine limbs of 29 bits, a 32-bit word each, lowest first, times
 * 2^261 (Montgomery's form). So few bits that a 64-bit column holds the sum of all products of a multiplication: no carry
 * before its end. Limbs are signed: a difference of two such numbers is the differences of their limbs.
 */

/** The modulus of the base field. */
export const P = 21888242871839275222246405745257275088696311157297823662689037894645226208583n;

export const LIMBS = 9;
export const LIMB_BITS = 29;
/** Bytes of a number. */
export const NUMBER_BYTES = 4 * LIMBS;
export const LIMB_MASK = (1n << BigInt(LIMB_BITS)) - 1n;
/** Montgomery's factor. */
const R = 1n << BigInt(LIMBS * LIMB_BITS);
/** The factor of ffjavascript's numbers, which are 32 bytes. */
export const FOREIGN_BYTES = 32;
const FOREIGN_R = 1n << 256n;

/** Limbs of a number from 0 to 2^261. */
export function limbsOf(value: bigint): number[] {
  return Array.from({ length: LIMBS }, (_, i) => Number((value >> BigInt(i * LIMB_BITS)) & LIMB_MASK));
}

/** The number from 0 to the modulus that limbs stand for, whatever multiple of the modulus they hold beside it. */
export function numberOf(limbs: ArrayLike<number>): bigint {
  let value = 0n;
  for (let i = LIMBS - 1; i >= 0; i--) value = (value << BigInt(LIMB_BITS)) + BigInt(limbs[i]!);
  return ((value % P) + P) % P;
}

/** The limbs of a small number in Montgomery's form. */
export function montgomery(value: bigint): number[] {
  return limbsOf((value * R) % P);
}

/** By this a number of ffjavascript is multiplied to be one of ours: a product loses a factor R. */
export const FROM_FOREIGN = limbsOf((R * R * modularInverse(FOREIGN_R, P)) % P);
/** By this one of ours is multiplied to be one of ffjavascript. */
export const TO_FOREIGN = limbsOf(FOREIGN_R % P);

/** The inverse of a value modulo a prime or a power of two; the value is coprime to it. */
export function modularInverse(value: bigint, modulus: bigint): bigint {
  let [r0, r1, s0, s1] = [modulus, value % modulus, 0n, 1n];
  while (r1 > 0n) {
    const quotient = r0 / r1;
    [r0, r1, s0, s1] = [r1, r0 - quotient * r1, s1, s0 - quotient * s1];
  }
  return ((s0 % modulus) + modulus) % modulus;
}
