import { bytesToHex } from '@noble/hashes/utils.js';
import { canonicalBytes } from './log/canonicalJson.js';
import { sha256Bytes } from './sha256.js';
import type { Hex } from './units.js';

/**
 * SHA-256 of a value's canonical JSON (RFC 8785): what binds a block file, a private input or a zkProof to a signed
 * message. @returns 32 bytes in lower-case hexadecimal; throws CanonicalJsonError for what has no canonical text
 */
export function contentHashOf(value: unknown): Hex {
  return `0x${bytesToHex(sha256Bytes(canonicalBytes(value)))}`;
}
