/** What an auditor has seen of each log: its last checkpoint and key, one file a log, so that no log can be taken back. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { parseCheckpoint } from '#protocol/log/checkpoint.js';
import { parseSignedNote } from '#protocol/log/signedNote.js';

/** A checkpoint that was found good before. */
export interface SeenCheckpoint {
  origin: string;
  logKey: string;
  /** Entries of the tree, and its root in hexadecimal. */
  size: number;
  rootHash: string;
  /** The signed note itself: what proves a fork to others. */
  note: string;
}

/** Where an auditor remembers unless told otherwise. */
export const DEFAULT_STATE = join(homedir(), '.understudy', 'auditor');

/** Reads what was seen of a log; null when this auditor has never seen it. Throws Error when the file is damaged. */
export function seenCheckpoint(folder: string, origin: string): SeenCheckpoint | null {
  const path = fileOf(folder, origin);
  if (!existsSync(path)) return null;
  const { logKey, note } = readState(path);
  const seen = readCheckpointNote(note);
  if (!seen || seen.origin !== origin) throw new Error(`${path} is damaged: it holds no checkpoint of ${origin}`);
  return { ...seen, logKey, note };
}

/** Remembers a checkpoint that was found good. */
export function rememberCheckpoint(folder: string, logKey: string, note: string): void {
  const seen = readCheckpointNote(note);
  if (!seen) throw new Error('this is no checkpoint');
  mkdirSync(folder, { recursive: true });
  const path = fileOf(folder, seen.origin);
  writeFileSync(`${path}.new`, `${JSON.stringify({ logKey, note }, null, 2)}\n`, { flush: true });
  renameSync(`${path}.new`, path);
}

/** Takes a checkpoint's note apart without believing its signatures; null when it is none. */
export function readCheckpointNote(note: string): Pick<SeenCheckpoint, 'origin' | 'size' | 'rootHash'> | null {
  const parsed = parseSignedNote(note);
  const checkpoint = parsed && parseCheckpoint(parsed.text);
  if (!checkpoint) return null;
  const { origin, size, rootHash } = checkpoint;
  return { origin, size, rootHash: Buffer.from(rootHash).toString('hex') };
}

function fileOf(folder: string, origin: string): string {
  return join(folder, `${createHash('sha256').update(origin).digest('hex').slice(0, 32)}.json`);
}

function readState(path: string): { logKey: string; note: string } {
  try {
    const { logKey, note } = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
    if (typeof logKey === 'string' && typeof note === 'string') return { logKey, note };
  } catch {
    // Said below.
  }
  throw new Error(`${path} is damaged: restore it, or remove it and trust the log's next checkpoint anew`);
}
