/**
 * The units of the wire: branded strings and numbers with one zod schema each. Money is a decimal string of wei on the
 * wire and `bigint` in memory; times are Unix milliseconds; hexadecimal is lower case.
 */
import { z } from 'zod';

/** An Ethereum address, `0x` and 40 lower-case hexadecimal digits. Input in any case is brought to lower case. */
export const addressSchema = z
  .string()
  .max(42)
  .regex(/^0x[0-9a-fA-F]{40}$/, 'must be an address: 0x and 40 hexadecimal digits')
  .transform((text) => text.toLowerCase() as Address);
export type Address = `0x${string}`;

/** 32 bytes, `0x` and 64 lower-case hexadecimal digits: digests, circuit ids, block ids. */
export const bytes32Schema = z
  .string()
  .max(66)
  .regex(/^0x[0-9a-f]{64}$/, 'must be 32 bytes: 0x and 64 lower-case hexadecimal digits')
  .transform((text) => text as Hex);
export type Hex = `0x${string}`;

/** An ECDSA signature r, s, v of 65 bytes; s in the lower half and v 27 or 28 are checked where it is recovered. */
export const signatureSchema = z
  .string()
  .max(132)
  .regex(/^0x[0-9a-f]{130}$/, 'must be a 65-byte signature in lower-case hexadecimal')
  .transform((text) => text as Hex);

/** Largest amount of the wire, 10^60 wei: far above any money, far below the 78 digits that the database holds. */
export const WEI_MAX = 10n ** 60n;

/** Wei as a canonical decimal string: no sign, no leading zero, no exponent, at most {@link WEI_MAX}. */
export const weiSchema = z
  .string()
  .max(61)
  .regex(
    /^(0|[1-9][0-9]{0,59}|10{60})$/,
    'must be an amount in wei as a decimal string, such as "1500000", at most 10^60',
  );

/** Unix milliseconds up to the year 9999. */
export const unixMsSchema = z.int().min(0).max(253_402_300_799_999);

/** A length of time in milliseconds, at most 30 days. */
export const durationMsSchema = z.int().min(0).max(2_592_000_000);

/** A block's id is the EIP-712 digest of its signed request. */
export const blockIdSchema = bytes32Schema;

/** A job's id: the block's id, a dot, the job's index in the block. */
export const jobIdSchema = z
  .string()
  .max(72)
  .regex(/^0x[0-9a-f]{64}\.(0|[1-9][0-9]{0,4})$/, 'must be a job id: the block id, a dot, the index of the job');

/** A round's id: the block's id, `.r`, the number of the round within the block. */
export const roundIdSchema = z
  .string()
  .max(74)
  .regex(/^0x[0-9a-f]{64}\.r(0|[1-9][0-9]{0,4})$/, 'must be a round id: the block id, ".r", the number of the round');

/** Makes the id of the job at `index` of a block. */
export function jobIdOf(blockId: string, index: number): string {
  return `${blockId}.${index}`;
}

/** Makes the id of the round `number` (from 0) of a block. */
export function roundIdOf(blockId: string, number: number): string {
  return `${blockId}.r${number}`;
}

/** The block that a job id or a round id belongs to. */
export function blockIdOf(jobOrRoundId: string): Hex {
  return jobOrRoundId.slice(0, 66) as Hex;
}

/** A short text for people (labels, names): printable, no control characters. */
export const labelSchema = z
  .string()
  .min(1)
  .max(64)
  .regex(/^[\p{L}\p{N}\p{P}\p{S} ]+$/u, 'must be printable text');

/** A whole number as a query writes it, from 0 to `max`; parsed to a number. */
export const integerText = (max: number) =>
  z
    .string()
    .max(16)
    .regex(/^(0|[1-9][0-9]*)$/, 'must be a whole number')
    .transform(Number)
    .refine((value) => value <= max, `must be at most ${max}`);
