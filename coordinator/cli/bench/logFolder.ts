/** Writes a long log into a folder as an export has it, entry by entry: nothing of it is held. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { signCheckpoint } from '#protocol/log/checkpoint.js';
import { encodeEntryBundle } from '#protocol/log/entryBundle.js';
import { leafOf } from '#protocol/log/logLeaf.js';
import type { NoteSigner } from '#protocol/log/signedNote.js';
import { entryBundlePath, TILE_WIDTH } from '#protocol/log/tiles.js';
import { TreeFold } from '../../auditor/treeFold.js';
import type { LongLog } from './longLog.js';

/** A size of the log at which it can be audited: whole blocks, and a checkpoint of its own. */
export interface LogStage {
  size: number;
  /** File with its checkpoint. */
  checkpoint: string;
}

/**
 * Writes a log that grows through some lengths.
 * @param lengths - rising; each stage is the first end of a block at or behind one
 */
export function writeLogFolder(
  folder: string,
  log: LongLog,
  lengths: readonly number[],
  { origin, signer }: { origin: string; signer: NoteSigner },
): LogStage[] {
  const tree = new TreeFold();
  let waiting: Uint8Array[] = [];
  const write = (path: string, bytes: Uint8Array | string) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), bytes);
  };
  const writeBundle = (width: number) => {
    const index = Math.floor((tree.size - 1) / TILE_WIDTH);
    write(entryBundlePath({ index, width }), encodeEntryBundle(waiting));
  };
  return lengths.map((length) => {
    while (tree.size < length) {
      for (const entry of log.next()) {
        tree.append(entry);
        waiting.push(leafOf(entry));
        if (waiting.length < TILE_WIDTH) continue;
        writeBundle(TILE_WIDTH);
        waiting = [];
      }
    }
    if (waiting.length > 0) writeBundle(waiting.length);
    const { size } = tree;
    const checkpoint = `checkpoint.${size}`;
    write(checkpoint, signCheckpoint({ origin, size, rootHash: tree.root(), extensionLines: [] }, [signer]));
    return { size, checkpoint };
  });
}
