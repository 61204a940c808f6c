import { sha256Bytes } from '../sha256.js';
import { decodeBase64, encodeBase64 } from './base64.js';
import { type NoteSignature, parseSignedNote, type VerifySignature } from './signedNote.js';
import { isKeyName, keyIdText, type VerifierKey } from './verifierKey.js';

// C2SP tlog-cosignature, Ed25519: a third party says that, at a time, the largest tree it has seen of a log has this root,
// and that it grew out of all that it has seen before. Two histories of one log cannot both have its cosignature.

/** The signature type byte of cosigners' keys. Source: C2SP tlog-cosignature */
export const COSIGNATURE_TYPE = 0x04;

const TIME_BYTES = 8;
const SIGNATURE_BYTES = 64;
const COSIGNER_KEY = /^([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/;

/** A cosignature that holds. */
export interface Cosignature {
  key: VerifierKey;
  /** When the cosigner made it, by its own clock, Unix seconds. */
  timeSec: number;
}

/**
 * Makes a cosigner's key: the same kind of bytes as a log's, under another id, so that neither passes for the other.
 * @throws RangeError for a name or a key that a note cannot carry
 */
export function cosignerKey(name: string, publicKey: Uint8Array): VerifierKey {
  if (!isKeyName(name)) throw new RangeError(`"${name}" cannot be a key name: no spaces, plus signs or controls.`);
  if (publicKey.length !== 32) throw new RangeError(`An Ed25519 public key has 32 bytes, not ${publicKey.length}.`);
  const digest = sha256Bytes(new TextEncoder().encode(`${name}\n`), Uint8Array.of(COSIGNATURE_TYPE), publicKey);
  return { name, keyId: new DataView(digest.buffer, digest.byteOffset).getUint32(0), publicKey };
}

/** The vkey of a cosigner: `<name>+<key id>+<base64(0x04 || public key)>`. */
export function formatCosignerKey({ name, keyId, publicKey }: VerifierKey): string {
  return `${name}+${keyIdText(keyId)}+${encodeBase64(Uint8Array.of(COSIGNATURE_TYPE, ...publicKey))}`;
}

/** Reads the vkey of a cosigner; undefined when it is malformed or of another type. */
export function parseCosignerKey(vkey: string): VerifierKey | undefined {
  const match = COSIGNER_KEY.exec(vkey);
  const bytes = match ? decodeBase64(match[3]!) : undefined;
  if (!match || bytes?.length !== 33 || bytes[0] !== COSIGNATURE_TYPE || !isKeyName(match[1]!)) return undefined;
  const key = cosignerKey(match[1]!, bytes.slice(1));
  return keyIdText(key.keyId) === match[2] ? key : undefined;
}

/**
 * Cosigns the text of a checkpoint.
 * @param timeSec - Unix seconds
 */
export function signCosignature(
  text: string,
  { key, sign }: { key: VerifierKey; sign: (message: Uint8Array) => Uint8Array },
  timeSec: number,
): NoteSignature {
  const signature = new Uint8Array(TIME_BYTES + SIGNATURE_BYTES);
  new DataView(signature.buffer).setBigUint64(0, BigInt(timeSec));
  signature.set(sign(cosignedMessage(text, timeSec)), TIME_BYTES);
  return { name: key.name, keyId: key.keyId, signature };
}

/**
 * The cosignatures of a note that hold, one for each of these keys at most; those of other keys are passed by.
 * @returns undefined when one of these keys has a cosignature that does not hold, or the note is none
 */
export function readCosignatures(
  note: string,
  keys: readonly VerifierKey[],
  verify: VerifySignature,
): Cosignature[] | undefined {
  const parsed = parseSignedNote(note);
  if (!parsed) return undefined;
  const found = new Map<VerifierKey, Cosignature>();
  for (const { name, keyId, signature } of parsed.signatures) {
    const key = keys.find((one) => one.name === name && one.keyId === keyId);
    if (!key) continue;
    const timeSec = timeOf(parsed.text, signature, key, verify);
    if (timeSec === undefined) return undefined;
    found.set(key, { key, timeSec });
  }
  return [...found.values()];
}

function timeOf(text: string, signature: Uint8Array, key: VerifierKey, verify: VerifySignature): number | undefined {
  if (signature.length !== TIME_BYTES + SIGNATURE_BYTES) return undefined;
  const time = new DataView(signature.buffer, signature.byteOffset).getBigUint64(0);
  if (time > BigInt(Number.MAX_SAFE_INTEGER)) return undefined;
  const message = cosignedMessage(text, Number(time));
  return verify(key.publicKey, message, signature.subarray(TIME_BYTES)) ? Number(time) : undefined;
}

function cosignedMessage(text: string, timeSec: number): Uint8Array {
  return new TextEncoder().encode(`cosignature/v1\ntime ${timeSec}\n${text}`);
}
