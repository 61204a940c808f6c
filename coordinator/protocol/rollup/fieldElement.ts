/** Numbers of the rollup: elements of BN254's scalar field and unsigned 64-bit integers, canonical decimals on the wire. */
import { z } from 'zod';

/** The modulus of the field that the circuit calculates in: the order of BN254's groups. */
export const FIELD_MODULUS = 21888242871839275222246405745257275088548364400416034343698204186575808495617n;

/** The largest amount, balance and nonce: 2^64 - 1. */
export const UINT64_MAX = 2n ** 64n - 1n;

/** Canonical decimals up to `largest`. Compared as text, so that hostile input never reaches BigInt. */
function canonicalDecimal(largest: bigint, messages: { shape: string; range: string }) {
  const limit = `${largest}`;
  return z
    .string()
    .max(limit.length)
    .regex(/^(0|[1-9][0-9]*)$/, messages.shape)
    .refine((text) => text.length < limit.length || (text.length === limit.length && text <= limit), messages.range);
}

/** A field element: decimal without sign or leading zero, below {@link FIELD_MODULUS}, so that nothing has two spellings. */
export const fieldElementSchema = canonicalDecimal(FIELD_MODULUS - 1n, {
  shape: 'must be a field element as a decimal string without leading zeros',
  range: 'must be below the modulus of the field',
});

/** An unsigned 64-bit integer: decimal without sign or leading zero, at most {@link UINT64_MAX}. */
export const uint64Schema = canonicalDecimal(UINT64_MAX, {
  shape: 'must be an unsigned integer as a decimal string without leading zeros',
  range: 'must be below 2^64',
});
