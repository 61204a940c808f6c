import { bytesToHex, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import { sha256Bytes } from '../sha256.js';
import { ENTRY_BYTES_MAX } from './entryBundle.js';
import { equalBytes, leafHash } from './merkleTree.js';

// What stands in the tree for an entry: its canonical JSON, or, when that is longer than an entry bundle can hold, a
// stub that names it by its SHA-256. See FORMAT.md, "Long entries".

/** A long entry as the tree has it. */
export interface Stub {
  /** SHA-256 of the entry's canonical JSON, 64 hexadecimal digits. */
  sha256: string;
  /** Its length in bytes. */
  bytes: number;
}

/** Longest entry that a reader takes, in bytes: longer ones no coordinator writes. */
export const LONG_ENTRY_BYTES_MAX = 16_777_216;

const STUB = /^\{"bytes":([1-9][0-9]{4,7}),"sha256":"([0-9a-f]{64})","type":"longEntry"\}$/;

/**
 * The bytes of the leaf, and of the entry bundle, that stand for an entry.
 * @param entry - canonical JSON
 */
export function leafOf(entry: string): Uint8Array {
  const bytes = utf8ToBytes(entry);
  if (bytes.length <= ENTRY_BYTES_MAX) return bytes;
  const sha256 = bytesToHex(sha256Bytes(bytes));
  return utf8ToBytes(`{"bytes":${bytes.length},"sha256":"${sha256}","type":"longEntry"}`);
}

/** The leaf hash of an entry. @param entry - canonical JSON */
export function entryLeafHash(entry: string): Uint8Array {
  return leafHash(leafOf(entry));
}

/** The stub that a leaf is; null for a leaf that is the entry itself. Whether the entry is what it says is to be checked. */
export function stubOf(leaf: string): Stub | null {
  const match = STUB.exec(leaf);
  if (!match) return null;
  const bytes = Number(match[1]);
  return bytes > ENTRY_BYTES_MAX && bytes <= LONG_ENTRY_BYTES_MAX ? { sha256: match[2]!, bytes } : null;
}

/** True when a text is the entry that a stub names. */
export function isNamedBy(stub: Stub, entry: Uint8Array): boolean {
  return entry.length === stub.bytes && equalBytes(sha256Bytes(entry), hexToBytes(stub.sha256));
}
