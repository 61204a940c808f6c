import { sha256 } from '@noble/hashes/sha2.js';

/** Length of a SHA-256 digest, in bytes. */
export const SHA256_BYTES = 32;

/**
 * SHA-256 of the concatenation of the parts, synchronously.
 *
 * In plain JavaScript because the auditor's web page runs the same code as the coordinator. Node's own hash is 1.5 to
 * 5 times faster, depending on the length, but hashing is not what bounds the log: see log/FORMAT.md, "Speed".
 *
 * @param parts - any number of byte strings of any length; none of them is changed
 * @returns a new array of 32 bytes
 * Source: FIPS 180-4
 */
export function sha256Bytes(...parts: readonly Uint8Array[]): Uint8Array {
  const hasher = sha256.create();
  for (const part of parts) hasher.update(part);
  return hasher.digest();
}
