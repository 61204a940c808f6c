import { decodeBase64, encodeBase64 } from './base64.js';
import { isHash, isSize } from './merkleTree.js';
import {
  formatSignedNote,
  type NoteRefusal,
  type NoteSigner,
  openSignedNote,
  signNoteText,
  type VerifySignature,
} from './signedNote.js';
import type { VerifierKey } from './verifierKey.js';

/** What a log says of itself at one size. */
export interface Checkpoint {
  /** The log's name, a URL without scheme, such as `understudy.example/market`. One line, not empty. */
  origin: string;
  /** Tree size, in entries. */
  size: number;
  /** Root hash at that size, 32 bytes. */
  rootHash: Uint8Array;
  /** Further lines, not empty. This log writes none; they are kept so that the text can be written back. */
  extensionLines: readonly string[];
}

/** Why a checkpoint is refused. */
export type CheckpointRefusal = NoteRefusal | 'malformedCheckpoint' | 'wrongOrigin' | 'notSignedByLog';

/**
 * The text of a checkpoint, which is what is signed: origin, size, base64 root hash, a line each.
 *
 * @throws RangeError when a part cannot be written: parseCheckpoint would not read it back
 * Source: C2SP tlog-checkpoint, "Note text"
 */
export function formatCheckpoint({ origin, size, rootHash, extensionLines }: Checkpoint): string {
  const lines = [origin, String(size), encodeBase64(rootHash), ...extensionLines];
  const text = `${lines.join('\n')}\n`;
  const parsed = parseCheckpoint(text);
  if (parsed?.origin !== origin || parsed.extensionLines.length !== extensionLines.length) {
    throw new RangeError(`No checkpoint can be written for origin "${origin}" and size ${size}.`);
  }
  return text;
}

/**
 * Reads the text of a checkpoint, the note's signatures taken off.
 *
 * @returns undefined when it is malformed
 */
export function parseCheckpoint(text: string): Checkpoint | undefined {
  if (!text.endsWith('\n')) return undefined;
  const lines = text.slice(0, -1).split('\n');
  const [origin, size, root, ...extensionLines] = lines;
  if (origin === undefined || size === undefined || root === undefined || lines.includes('')) return undefined;
  const rootHash = decodeBase64(root);
  if (!/^(0|[1-9]\d*)$/.test(size) || !isSize(Number(size)) || !isHash(rootHash)) return undefined;
  return { origin, size: Number(size), rootHash, extensionLines };
}

/**
 * The signed checkpoint as it is served at `<prefix>/checkpoint`.
 *
 * @param signers - the log's own key first, whose name is the origin; more while a key is rotated
 * @throws RangeError when the checkpoint cannot be written
 */
export function signCheckpoint(checkpoint: Checkpoint, signers: readonly NoteSigner[]): string {
  const text = formatCheckpoint(checkpoint);
  return formatSignedNote({ text, signatures: signers.map((signer) => signNoteText(text, signer)) });
}

/**
 * Opens a signed checkpoint: it is the log's word only when a key of the log signed it. Cosigners' signatures come on
 * top and never in its place.
 *
 * @param trust.origin - the origin that the checkpoint must name
 * @param trust.logKeys - keys of the log, of which at least one must have signed
 * @param trust.cosignerKeys - keys of third parties whose signatures are wanted in `signedBy`
 * @returns the checkpoint and all trusted keys that signed it; or why it is refused
 * Source: C2SP tlog-checkpoint and signed-note
 */
export function openCheckpoint(
  note: string | Uint8Array,
  trust: { origin: string; logKeys: readonly VerifierKey[]; cosignerKeys?: readonly VerifierKey[] },
  verify: VerifySignature,
): { ok: true; checkpoint: Checkpoint; signedBy: VerifierKey[] } | { ok: false; reason: CheckpointRefusal } {
  const opened = openSignedNote(note, [...trust.logKeys, ...(trust.cosignerKeys ?? [])], verify);
  if (!opened.ok) return opened;
  if (!opened.signedBy.some((key) => trust.logKeys.includes(key))) return { ok: false, reason: 'notSignedByLog' };
  const checkpoint = parseCheckpoint(opened.text);
  if (!checkpoint) return { ok: false, reason: 'malformedCheckpoint' };
  if (checkpoint.origin !== trust.origin) return { ok: false, reason: 'wrongOrigin' };
  return { ok: true, checkpoint, signedBy: opened.signedBy };
}
