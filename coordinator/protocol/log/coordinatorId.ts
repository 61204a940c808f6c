import { sha256Bytes } from '../sha256.js';
import type { Hex } from '../units.js';

/**
 * The name of a market in every signed message: SHA-256 of the verifier key (as text) of the log that it began with, or was
 * carried on in by another operator, so that nothing that was signed for the one counts in the other.
 */
export function coordinatorIdOf(logKey: string): Hex {
  const digest = sha256Bytes(new TextEncoder().encode(logKey));
  return `0x${[...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}
