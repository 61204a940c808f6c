/** Numbers of the rollup: elements of BN254's scalar field and unsigned 64-bit integers, canonical decimals on the wire. */
import { z } from 'zod';

/** The modulus of the field that the circuit calculates in: the order of BN254's groups. */
export const FIELD_MODULUS = 21888242871839275222246405745257275088548364400416034343698204186575808495617n;

/** The largest amount, balance and nonce: 2^64 - 1. */
export const UINT64_MAX = 2n ** 64n - 1n;

const CANONICAL_DECIMAL = /^(0|[1-9][0-9]*)$/;

/** A field element: decimal without sign or leading zero, below {@link FIELD_MODULUS}, so that nothing has two spellings. */
export const fieldElementSchema = z
  .string()
  .max(77)
  .regex(CANONICAL_DECIMAL, 'must be a field element as a decimal string without leading zeros')
  .refine((text) => text.length < 77 || BigInt(text) < FIELD_MODULUS, 'must be below the modulus of the field');

/** An unsigned 64-bit integer: decimal without sign or leading zero, at most {@link UINT64_MAX}. */
export const uint64Schema = z
  .string()
  .max(20)
  .regex(CANONICAL_DECIMAL, 'must be an unsigned integer as a decimal string without leading zeros')
  .refine((text) => text.length < 20 || BigInt(text) <= UINT64_MAX, 'must be below 2^64');
