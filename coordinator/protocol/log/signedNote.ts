import { decodeBase64, encodeBase64 } from './base64.js';
import { isKeyName, type VerifierKey } from './verifierKey.js';

/** One signature line of a note. */
export interface NoteSignature {
  /** Name and id of the key that is said to have signed. */
  name: string;
  /** 32 bits, unsigned. */
  keyId: number;
  /** What the key's algorithm yields: 64 bytes for Ed25519, at least one for an unknown one. */
  signature: Uint8Array;
}

/** A note taken apart: nothing about it is known to be true until openSignedNote has said so. */
export interface SignedNote {
  /** Ends with a newline; its UTF-8 bytes are what is signed. */
  text: string;
  /** In the order of the lines, 1 to NOTE_SIGNATURES_MAX. */
  signatures: NoteSignature[];
}

/** Signs bytes with the private key of `key`; where that key is kept is its author's affair. */
export interface NoteSigner {
  key: VerifierKey;
  sign: (message: Uint8Array) => Uint8Array;
}

/** Checks an Ed25519 signature: verifyEd25519, or the platform's own. */
export type VerifySignature = (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean;

/** Why a note is not to be trusted. */
export type NoteRefusal = 'malformedNote' | 'ambiguousKey' | 'invalidSignature' | 'noKnownSignature';

/** Most signature lines that a note may have; 16 must be accepted. Source: golang.org/x/mod/sumdb/note */
export const NOTE_SIGNATURES_MAX = 100;

/** Most bytes that a note may have. */
export const NOTE_BYTES_MAX = 1_000_000;

const SIGNATURE_PREFIX = '— ';

/**
 * Signs a text with one key. Ed25519 is deterministic: the same text and key give the same line.
 *
 * @throws RangeError for a text that cannot be a note's, or a signature that is not 64 bytes
 */
export function signNoteText(text: string, { key, sign }: NoteSigner): NoteSignature {
  if (!isNoteText(text)) throw new RangeError('A note text ends with a newline and has no other control characters.');
  const signature = sign(new TextEncoder().encode(text));
  if (signature.length !== 64) throw new RangeError(`An Ed25519 signature has 64 bytes, not ${signature.length}.`);
  return { name: key.name, keyId: key.keyId, signature };
}

/**
 * The note as it is served: text, blank line, one line per signature.
 *
 * @throws RangeError when it would not be a note that parseSignedNote reads back
 * Source: C2SP signed-note, "Format"
 */
export function formatSignedNote({ text, signatures }: SignedNote): string {
  const lines = signatures.map(({ name, keyId, signature }) => {
    const bytes = new Uint8Array(4 + signature.length);
    new DataView(bytes.buffer).setUint32(0, keyId);
    bytes.set(signature, 4);
    return `${SIGNATURE_PREFIX}${name} ${encodeBase64(bytes)}\n`;
  });
  const note = `${text}\n${lines.join('')}`;
  if (parseSignedNote(note)?.text !== text) throw new RangeError('These parts do not make a signed note.');
  return note;
}

/**
 * Takes a note apart without believing it.
 *
 * @param note - as it was received; bytes must be UTF-8
 * @returns undefined when it is no note: see C2SP signed-note, "Format"
 */
export function parseSignedNote(note: string | Uint8Array): SignedNote | undefined {
  if (note.length > NOTE_BYTES_MAX) return undefined;
  const whole = typeof note === 'string' ? note : decodeUtf8(note);
  if (whole === undefined || !isNoteText(whole)) return undefined;
  const split = whole.lastIndexOf('\n\n');
  if (split < 0) return undefined;
  const lines = whole.slice(split + 2, -1).split('\n');
  if (lines.length > NOTE_SIGNATURES_MAX) return undefined;
  const signatures: NoteSignature[] = [];
  for (const line of lines) {
    const signature = parseSignatureLine(line);
    if (!signature) return undefined;
    signatures.push(signature);
  }
  return { text: whole.slice(0, split + 1), signatures };
}

/**
 * Opens a note: its text may be believed as far as the trusted keys that signed it are.
 * Signatures of other keys are ignored, as the format wants it, so that keys can be rotated and cosigners added. One
 * wrong signature under a trusted key's name and id refuses the whole note.
 *
 * @param trustedKeys - two different ones with the same name and id make a note that names them ambiguous
 * @returns the text and the trusted keys that signed it, each once, at least one; or why the note is refused
 * Source: C2SP signed-note, "Signatures"
 */
export function openSignedNote(
  note: string | Uint8Array,
  trustedKeys: readonly VerifierKey[],
  verify: VerifySignature,
): { ok: true; text: string; signedBy: VerifierKey[] } | { ok: false; reason: NoteRefusal } {
  const parsed = parseSignedNote(note);
  if (!parsed) return { ok: false, reason: 'malformedNote' };
  const message = new TextEncoder().encode(parsed.text);
  const signedBy = new Set<VerifierKey>();
  for (const { name, keyId, signature } of parsed.signatures) {
    const [key, another] = trustedKeys.filter((trusted) => trusted.name === name && trusted.keyId === keyId);
    if (!key) continue;
    if (another) return { ok: false, reason: 'ambiguousKey' };
    if (!verify(key.publicKey, message, signature)) return { ok: false, reason: 'invalidSignature' };
    signedBy.add(key);
  }
  return signedBy.size === 0
    ? { ok: false, reason: 'noKnownSignature' }
    : { ok: true, text: parsed.text, signedBy: [...signedBy] };
}

function parseSignatureLine(line: string): NoteSignature | undefined {
  if (!line.startsWith(SIGNATURE_PREFIX)) return undefined;
  const [name, base64, ...rest] = line.slice(SIGNATURE_PREFIX.length).split(' ');
  if (name === undefined || base64 === undefined || rest.length > 0 || !isKeyName(name)) return undefined;
  const bytes = decodeBase64(base64);
  if (!bytes || bytes.length < 5) return undefined;
  return { name, keyId: new DataView(bytes.buffer).getUint32(0), signature: bytes.slice(4) };
}

/** True when every character may stand in a note and the last one is a newline. */
function isNoteText(text: string): boolean {
  if (!text.endsWith('\n') || /\p{Surrogate}/u.test(text)) return false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 && code !== 0x0a) return false;
  }
  return true;
}

function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
