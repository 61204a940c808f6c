/**
 * Recovery of the account that signed a digest. Strict: 65 bytes, v 27 or 28, s in the lower half of the order, so
 * that a signature cannot be bent into a second one for the same message. Source: EIP-2, SEC 1 section 4.1.6.
 */
import { secp256k1 } from '@noble/curves/secp256k1';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import type { RejectionCode } from './rejections.js';
import type { Address, Hex } from './units.js';

/** Either the signer's address, or the code of what is wrong. */
export type Recovered = { ok: true; signer: Address } | { ok: false; code: RejectionCode };

/**
 * Recovers who signed a digest.
 * @param digest - 32 bytes, as `digestOf` makes it
 * @param signature - r, s, v in hexadecimal
 */
export function recoverSigner(digest: Hex, signature: Hex): Recovered {
  const v = Number.parseInt(signature.slice(130), 16);
  if (signature.length !== 132 || (v !== 27 && v !== 28)) return { ok: false, code: 'badSignature' };
  try {
    const parsed = secp256k1.Signature.fromCompact(signature.slice(2, 130));
    if (parsed.hasHighS()) return { ok: false, code: 'highSSignature' };
    const point = parsed.addRecoveryBit(v - 27).recoverPublicKey(digest.slice(2));
    const publicKey = point.toRawBytes(false).slice(1);
    return { ok: true, signer: `0x${bytesToHex(keccak_256(publicKey).slice(-20))}` };
  } catch {
    return { ok: false, code: 'badSignature' };
  }
}

/** True when `account` signed the digest with a canonical signature; otherwise the code of what is wrong. */
export function checkSigner(digest: Hex, signature: Hex, account: Address): RejectionCode | null {
  const recovered = recoverSigner(digest, signature);
  if (!recovered.ok) return recovered.code;
  return recovered.signer === account ? null : 'badSignature';
}

/** Bytes of a hexadecimal string with `0x`. */
export function bytesOf(hex: Hex): Uint8Array {
  return hexToBytes(hex.slice(2));
}
