import { createHash } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { CosignerMemory } from './cosigner.js';

const seenSchema = z.strictObject({
  origin: z.string(),
  size: z.int().min(0),
  rootHash: z.string().regex(/^[0-9a-f]{64}$/),
  /** The signed note itself: evidence, should the log ever deny it. */
  note: z.string(),
});

/**
 * Keeps what a cosigner has seen in a folder, a file for each log, on disk before it returns. A file that cannot be read is
 * never passed over: a cosigner that forgets would cosign a fork. Throws Error then.
 */
export function cosignerFolder(folder: string): CosignerMemory {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const fileOf = (origin: string) => join(folder, `${createHash('sha256').update(origin).digest('hex')}.json`);
  return {
    last(origin) {
      const file = fileOf(origin);
      if (!existsSync(file)) return null;
      const seen = seenSchema.safeParse(jsonOf(readFileSync(file, 'utf8')));
      if (!seen.success || seen.data.origin !== origin) {
        throw new Error(`${file} is damaged: restore it from a backup. Without it, forks of ${origin} go unnoticed.`);
      }
      return { size: seen.data.size, rootHash: new Uint8Array(Buffer.from(seen.data.rootHash, 'hex')) };
    },
    keep(origin, { size, rootHash }, note) {
      const file = fileOf(origin);
      const seen = { origin, size, rootHash: Buffer.from(rootHash).toString('hex'), note };
      writeDurably(`${file}.new`, `${JSON.stringify(seen)}\n`);
      renameSync(`${file}.new`, file);
      syncFolder(folder);
    },
  };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function writeDurably(file: string, text: string): void {
  const handle = openSync(file, 'w', 0o600);
  try {
    writeSync(handle, text);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** A rename is durable when its folder is. */
function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
