/** Reads a whole log and checks that it is the one that its signed checkpoint speaks of. */
import { linkFlaw } from '#market/logTrees.js';
import type { Entry } from '#protocol/entries.js';
import { readEntryText } from '#protocol/entryText.js';
import { openCheckpoint } from '#protocol/log/checkpoint.js';
import { verifyEd25519 } from '#protocol/log/ed25519.js';
import { entryLeafHash } from '#protocol/log/logLeaf.js';
import { appendLeaf, emptyFrontier, rootOf } from '#protocol/log/merkleTree.js';
import { parseVerifierKey } from '#protocol/log/verifierKey.js';
import { readCheckpointNote } from './seenCheckpoints.js';

/** Where one of a market's logs is read from. */
export interface LogSource {
  /** The newest checkpoint, a signed note. Read before the entries. */
  checkpoint(): Promise<string>;
  /** Canonical JSON of entries from an index on, in order, at most `limit`. */
  entries(from: number, limit: number): Promise<string[]>;
  /** The newest checkpoint that third parties have cosigned; null when there is none. */
  cosigned?(): Promise<string | null>;
  /** The log that follows this one; null while there is none. Asked before the checkpoint, which is then the last. */
  next?(): Promise<LogSource | null>;
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
 * Reads all entries of a market in order, log by log, and checks shape, trees, signatures and links, but not what they say.
 * @returns the size read, and what is wrong with a log as a log, in a sentence; null when nothing is
 */
export async function walkLog(
  source: LogSource,
  onEntry: (entry: Entry) => void,
): Promise<{ size: number; flaw: string | null }> {
  let before: LogTip | null = null;
  for (let log: LogSource | null = source; log; ) {
    const next: LogSource | null = (await log.next?.()) ?? null;
    const walked: LogTip & { flaw: string | null } = await walkOne(log, before, onEntry);
    if (walked.flaw || !next) return { size: walked.firstIndex + walked.size, flaw: walked.flaw };
    [before, log] = [walked, next];
  }
  return { size: 0, flaw: null };
}

/** A log as far as it was read. */
interface LogTip {
  firstIndex: number;
  size: number;
  root: Uint8Array;
}

async function walkOne(
  source: LogSource,
  before: LogTip | null,
  onEntry: (entry: Entry) => void,
): Promise<LogTip & { flaw: string | null }> {
  const note = await source.checkpoint();
  const claimed = claimedSize(note);
  const firstIndex = before ? before.firstIndex + before.size : 0;
  let frontier = emptyFrontier();
  let named: { origin: string; logKey: string } | null = null;
  const end = (flaw: string | null) => ({ firstIndex, size: frontier.size, root: rootOf(frontier), flaw });
  while (frontier.size < claimed) {
    const leaves = await source.entries(frontier.size, Math.min(LOG_PAGE, claimed - frontier.size));
    if (leaves.length === 0) return end(`the log ends at ${frontier.size}, its checkpoint says ${claimed}`);
    for (const leaf of leaves) {
      const { entry, flaw: badText } = readEntryText(leaf);
      if (!entry) return end(`entry ${firstIndex + frontier.size} is ${badText}`);
      if (frontier.size === 0) {
        const flaw = firstEntryFlaw(entry, before);
        if (flaw) return end(`entry ${firstIndex}: ${flaw}`);
        if ('logKey' in entry) named = entry;
      }
      frontier = appendLeaf(frontier, entryLeafHash(leaf)).frontier;
      onEntry(entry);
    }
  }
  return end(checkpointFlaw(note, named, frontier.size, rootOf(frontier)));
}

/** Why a log cannot begin with an entry; null when it can. @param before - the log that it follows; null for the first */
export function firstEntryFlaw(entry: Entry, before: Pick<LogTip, 'size' | 'root'> | null): string | null {
  if (!before) return entry.type === 'marketOpened' ? null : 'a market begins with marketOpened';
  return entry.type === 'logOpened' ? linkFlaw(entry, before.size, before.root) : 'a next log begins with logOpened';
}
