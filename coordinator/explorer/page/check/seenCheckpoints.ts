/** What this browser remembers of each log that it has seen, by the log's key. */
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import type { Checkpoint } from '#protocol/log/checkpoint.js';

export interface SeenCheckpoint {
  size: number;
  /** 32 bytes in hexadecimal. */
  rootHash: string;
  /** When, by this machine's clock. */
  seenMs: number;
}

interface Memory {
  first: SeenCheckpoint;
  newest: SeenCheckpoint;
}

const PREFIX = 'understudy.log.';
const LAST_KEY = 'understudy.lastLogKey';

/** The newest checkpoint seen of a log; null for a log that is new here, or where nothing can be kept. */
export function recall(
  logKey: string,
): { newest: Pick<Checkpoint, 'size' | 'rootHash'>; first: SeenCheckpoint } | null {
  const memory = read(logKey);
  if (!memory) return null;
  const { newest, first } = memory;
  return { newest: { size: newest.size, rootHash: hexToBytes(newest.rootHash) }, first };
}

/** Keeps a checkpoint that was found sound, and tells the first that was seen. */
export function remember(logKey: string, { size, rootHash }: Checkpoint, seenMs: number): SeenCheckpoint {
  const seen = { size, rootHash: bytesToHex(rootHash), seenMs };
  const memory = read(logKey);
  const newest = memory && memory.newest.size > size ? memory.newest : seen;
  const first = memory?.first ?? seen;
  write(PREFIX + logKey, JSON.stringify({ first, newest } satisfies Memory));
  return first;
}

/** The key of the log that this browser saw last at this address, when it is another one; and keeps the new one. */
export function replacedKey(logKey: string): string | null {
  const last = readItem(LAST_KEY);
  if (last === null) write(LAST_KEY, logKey);
  return last === null || last === logKey ? null : last;
}

/** Takes the new log as the one of this address. */
export function acceptKey(logKey: string): void {
  write(LAST_KEY, logKey);
}

function read(logKey: string): Memory | null {
  try {
    const memory = JSON.parse(readItem(PREFIX + logKey) ?? 'null') as Memory | null;
    return memory && /^[0-9a-f]{64}$/.test(memory.newest.rootHash) ? memory : null;
  } catch {
    return null;
  }
}

/** A browser may forbid storage: then every visit is the first. */
function readItem(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function write(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Nothing is remembered, and nothing else is lost.
  }
}
