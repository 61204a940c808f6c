import { ed25519 } from '@noble/curves/ed25519.js';

// The library's table for the base point takes a tenth of a second to make at the first signature, and verifying is no
// faster with it than with this one, which takes a few milliseconds: pages and commands verify a handful.
ed25519.ExtendedPoint.BASE._setWindowSize(3);

/**
 * Verifies an Ed25519 signature in plain JavaScript, so that the auditor's web page can do it too; 1 to 2 ms a call.
 * Strict as RFC 8032 is (no non-canonical points, no keys of small order), not lenient as ZIP 215.
 *
 * @param publicKey - 32 bytes
 * @param message - any length
 * @param signature - 64 bytes
 * @returns false for a wrong signature and for input of any other shape; never throws
 * Source: RFC 8032, section 5.1.7
 */
export function verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  try {
    return ed25519.verify(signature, message, publicKey, { zip215: false });
  } catch {
    return false;
  }
}
