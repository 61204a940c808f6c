import { sha256Bytes } from '../sha256.js';
import { decodeBase64, encodeBase64 } from './base64.js';

/** A public key by which notes are trusted. Name and id together point from a signature line to its key. */
export interface VerifierKey {
  /** Not empty, without Unicode white space, plus signs or control characters; for a log, its origin. */
  name: string;
  /** ed25519KeyId of name and publicKey: 32 bits, unsigned. */
  keyId: number;
  /** Ed25519, 32 bytes. */
  publicKey: Uint8Array;
}

/** The signature type byte of Ed25519 over the note's text. Source: C2SP signed-note, "Signature types" */
export const ED25519_SIGNATURE_TYPE = 0x01;

const VERIFIER_KEY = /^([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/;

/**
 * Makes the verifier key for an Ed25519 public key.
 *
 * @param name - the log's origin, or the cosigner's name
 * @param publicKey - 32 bytes
 * @throws RangeError for a name or a key that a note cannot carry
 */
export function ed25519VerifierKey(name: string, publicKey: Uint8Array): VerifierKey {
  if (!isKeyName(name)) throw new RangeError(`"${name}" cannot be a key name: no spaces, plus signs or controls.`);
  if (publicKey.length !== 32) throw new RangeError(`An Ed25519 public key has 32 bytes, not ${publicKey.length}.`);
  return { name, keyId: ed25519KeyId(name, publicKey), publicKey };
}

/**
 * The key id: the first four bytes, big-endian, of SHA-256(name || 0x0A || 0x01 || public key). It is short on
 * purpose: it finds a key and proves nothing.
 *
 * Source: C2SP signed-note, "Ed25519 signatures"
 */
export function ed25519KeyId(name: string, publicKey: Uint8Array): number {
  const digest = sha256Bytes(new TextEncoder().encode(`${name}\n`), Uint8Array.of(ED25519_SIGNATURE_TYPE), publicKey);
  return new DataView(digest.buffer, digest.byteOffset).getUint32(0);
}

/** A key id as vkeys show it: 8 lower-case hexadecimal digits. */
export function keyIdText(keyId: number): string {
  return keyId.toString(16).padStart(8, '0');
}

/**
 * The vkey: `<name>+<key id>+<base64(0x01 || public key)>`, one line by which an operator publishes its key.
 *
 * Source: golang.org/x/mod/sumdb/note, "Verifying Notes"
 */
export function formatVerifierKey({ name, keyId, publicKey }: VerifierKey): string {
  return `${name}+${keyIdText(keyId)}+${encodeBase64(Uint8Array.of(ED25519_SIGNATURE_TYPE, ...publicKey))}`;
}

/**
 * Reads a vkey.
 *
 * @returns undefined when it is malformed, is of another signature type than Ed25519, or its id is not the one that
 *   follows from name and key
 */
export function parseVerifierKey(vkey: string): VerifierKey | undefined {
  const match = VERIFIER_KEY.exec(vkey);
  if (!match) return undefined;
  const name = match[1]!;
  const keyBytes = decodeBase64(match[3]!);
  if (!isKeyName(name) || keyBytes?.length !== 33 || keyBytes[0] !== ED25519_SIGNATURE_TYPE) return undefined;
  const key = ed25519VerifierKey(name, keyBytes.slice(1));
  return keyIdText(key.keyId) === match[2] ? key : undefined;
}

/** True for a name that a signature line can carry. Source: C2SP signed-note, "Format" */
export function isKeyName(name: string): boolean {
  return name !== '' && !/[\p{White_Space}\p{Surrogate}\p{Cc}+]/u.test(name);
}
