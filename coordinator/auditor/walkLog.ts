/** Reads a whole log and checks that it is the one that its signed checkpoint speaks of. */
import type { Entry, EntryOf } from '#protocol/entries.js';
import { readEntryText } from '#protocol/entryText.js';
import { openCheckpoint } from '#protocol/log/checkpoint.js';
import { verifyEd25519 } from '#protocol/log/ed25519.js';
import { entryLeafHash } from '#protocol/log/logLeaf.js';
import { appendLeaf, emptyFrontier, rootOf } from '#protocol/log/merkleTree.js';
import { parseVerifierKey } from '#protocol/log/verifierKey.js';
import { readCheckpointNote } from './seenCheckpoints.js';

/** Where a log is read from. */
export interface LogSource {
  /** The newest checkpoint, a signed note. Read before the entries. */
  checkpoint(): Promise<string>;
  /** Canonical JSON of entries from an index on, in order, at most `limit`. */
  entries(from: number, limit: number): Promise<string[]>;
  /** The newest checkpoint that third parties have cosigned; null when there is none. */
  cosigned?(): Promise<string | null>;
}

/** Entries asked for at once. */
export const LOG_PAGE = 500;

/** Size that a checkpoint's text claims, before anything is checked; 0 when it claims none. */
export function claimedSize(note: string): number {
  return readCheckpointNote(note)?.size ?? 0;
}

/**
 * Why a checkpoint is not that of the tree that was recomputed, signed with the key that the log itself names; null when
 * it is.
 */
export function checkpointFlaw(
  note: string,
  market: { origin: string; logKey: string } | null,
  size: number,
  root: Uint8Array,
): string | null {
  const key = market && parseVerifierKey(market.logKey);
  if (!market || !key) return 'the log does not name its key';
  const opened = openCheckpoint(note, { origin: market.origin, logKeys: [key] }, verifyEd25519);
  if (!opened.ok) return `the checkpoint is not good: ${opened.reason}`;
  if (opened.checkpoint.size !== size) return `the checkpoint is of ${opened.checkpoint.size} entries, not ${size}`;
  return Buffer.from(opened.checkpoint.rootHash).equals(root) ? null : 'the root hash is not that of the checkpoint';
}

/**
 * Reads all entries in order, and checks shape, tree and signature, but not what they say.
 * @returns the size read, and what is wrong with the log as a log, in a sentence; null when nothing is
 */
export async function walkLog(
  source: LogSource,
  onEntry: (entry: Entry) => void,
): Promise<{ size: number; flaw: string | null }> {
  const note = await source.checkpoint();
  const claimed = claimedSize(note);
  let frontier = emptyFrontier();
  let market: EntryOf<'marketOpened'> | null = null;
  while (frontier.size < claimed) {
    const leaves = await source.entries(frontier.size, Math.min(LOG_PAGE, claimed - frontier.size));
    if (leaves.length === 0) {
      return { size: frontier.size, flaw: `the log ends at ${frontier.size}, its checkpoint says ${claimed}` };
    }
    for (const leaf of leaves) {
      const { entry, flaw } = readEntryText(leaf);
      if (!entry) return { size: frontier.size, flaw: `entry ${frontier.size} is ${flaw}` };
      if (entry.type === 'marketOpened') market ??= entry;
      frontier = appendLeaf(frontier, entryLeafHash(leaf)).frontier;
      onEntry(entry);
    }
  }
  return { size: frontier.size, flaw: checkpointFlaw(note, market, frontier.size, rootOf(frontier)) };
}
