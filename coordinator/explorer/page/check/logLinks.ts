/**
 * Whether the logs of a market really follow one another, checked in this browser: the entry that closes a log and the one
 * that opens the next are proven to be in the trees of both, and each must name the other. So a market that changed hands is
 * told from somebody else who answers at its address.
 */
import { bytesToHex } from '@noble/hashes/utils.js';
import type { Entry, EntryOf } from '#protocol/entries.js';
import { readEntryText } from '#protocol/entryText.js';
import type { LogName, LogView } from '#protocol/logLink.js';
import { client } from '../data/client.js';
import { checkEntry } from './checkEntry.js';
import type { LogWatch } from './logWatch.js';
import { recall } from './seenCheckpoints.js';

/** Whose word it is that a log follows another: of both, or of the next one's operator alone. Or why it does not follow. */
export type Link = { word: 'both' | 'next'; fault: null } | { word: null; fault: string };

/** What became of the log that this browser saw last. `before`: its name, where the market knows it. */
export type Succession =
  | { kind: 'unrelated' }
  | { kind: 'goesOn'; word: 'both' | 'next'; before: string }
  | { kind: 'broken'; before: string; fault: string };

const broken = (fault: string): Link => ({ word: null, fault });

/**
 * Checks how a log follows the one before.
 * @param number - of the log that follows, from 1; throws when the coordinator does not answer
 */
export async function checkLink(watch: LogWatch, number: number): Promise<Link> {
  const [before, own] = [await watch.logOf(number - 1), await watch.logOf(number)];
  const opened = await entryAt(watch, own.firstIndex, number);
  if (typeof opened === 'string') return broken(opened);
  const isOpening = opened.type === 'logOpened' && opened.number === number;
  if (!isOpening || !isSame(opened, own) || !isSame(opened.previous, before))
    return broken(`Entry ${own.firstIndex} does not open ${own.origin} behind ${before.origin}.`);
  const flaw = await endFlaw(watch, before, opened);
  if (flaw !== null) return broken(flaw);
  const last = await entryAt(watch, own.firstIndex - 1, number - 1);
  if (typeof last === 'string') return broken(last);
  if (last.type === 'logClosed') {
    if (isSame(last.next, own)) return { word: 'both', fault: null };
    return broken(`${before.origin} was closed for ${last.next.origin}, and not for ${own.origin}.`);
  }
  if (opened.cause === 'import') return { word: 'next', fault: null };
  return broken(`${own.origin} is said to be a rotation of ${before.origin}, which was not closed for it.`);
}

/** Checks all links between the log that this browser saw last and the present one, by their keys. */
export async function checkSuccession(watch: LogWatch, fromKey: string, toKey: string): Promise<Succession> {
  const { logs } = await client.call('listLogs', {});
  const numberOf = (key: string) => logs.find(({ logKey }) => logKey === key)?.number ?? -1;
  const [from, to] = [numberOf(fromKey), numberOf(toKey)];
  if (from < 0 || to <= from) return { kind: 'unrelated' };
  // What is checked below are the logs as they were first listed: those must be the very ones that this is about.
  const [first, last] = [await watch.logOf(from), await watch.logOf(to)];
  if (first.logKey !== fromKey || last.logKey !== toKey) return { kind: 'unrelated' };
  const before = first.origin;
  let word: 'both' | 'next' = 'both';
  for (let number = from + 1; number <= to; number += 1) {
    const link = await checkLink(watch, number);
    if (link.word === null) return { kind: 'broken', before, fault: link.fault };
    if (link.word === 'next') word = 'next';
  }
  return { kind: 'goesOn', word, before };
}

/** An entry that is proven to stand in a log; or why it does not, in a sentence. */
async function entryAt(watch: LogWatch, index: number, log: number): Promise<Entry | string> {
  const { entries } = await client.call('listEntries', { query: { from: Math.max(0, index), limit: 1 } });
  const leaf = entries.find((one) => one.index === index)?.leaf;
  if (leaf === undefined)
    return `The coordinator does not show entry ${index}, where one log ends and the next begins.`;
  const check = await checkEntry(watch, index, leaf);
  if (!check.ok) return check.fault;
  if (check.log !== log) return `Entry ${index} stands in log ${check.log}, and not in log ${log}.`;
  const { entry, flaw } = readEntryText(leaf);
  return entry ?? `Entry ${index} is ${flaw}.`;
}

/** Why the log before did not end as the next one says, or as this browser saw it; null when it did. */
async function endFlaw(watch: LogWatch, before: LogView, opened: EntryOf<'logOpened'>): Promise<string | null> {
  const { size, rootHash, checkpoint: note } = opened.previous;
  const { firstIndex } = await watch.logOf(opened.number);
  if (before.firstIndex + size !== firstIndex)
    return `${before.origin} is said to have another number of entries than it has.`;
  const seen = recall(before.logKey)?.newest.size ?? 0;
  if (seen > size)
    return `This browser saw ${seen} entries of ${before.origin}, and it was carried on from ${size}: entries were left out.`;
  const watched = await (await watch.inLog(before.number)).take(note);
  if (!watched.ok) return watched.fault;
  const { checkpoint } = watched;
  if (checkpoint.size === size && `0x${bytesToHex(checkpoint.rootHash)}` === rootHash) return null;
  return `The checkpoint that ended ${before.origin} is not the one that its successor names.`;
}

function isSame(one: LogName, other: LogName): boolean {
  return one.origin === other.origin && one.logKey === other.logKey;
}
