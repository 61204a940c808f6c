import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import { ENTRY_SCHEMAS } from '#protocol/entries.js';
import { readEntryText } from '#protocol/entryText.js';
import { canonicalJson } from '#protocol/log/canonicalJson.js';
import { verifyInclusion } from '#protocol/log/inclusionProof.js';
import { entryLeafHash } from '#protocol/log/logLeaf.js';
import { client } from '../data/client.js';
import type { LogWatch } from './logWatch.js';

/**
 * What a check of one entry came to. `treeSize` and `pathLength` are those of the inclusionProof in the tree of the market's
 * `log`, from 0. `isKnown`: its type is one of
 * this page's; a newer market may have others, and they are in the tree all the same.
 */
export type EntryCheck =
  | { ok: true; leafHash: string; log: number; treeSize: number; pathLength: number; isKnown: boolean }
  | { ok: false; leafHash: string; fault: string };

/**
 * Checks that an entry, as it was served, is in the tree of a checkpoint that is signed and consistent with all that
 * this browser has seen: the leaf hash is made here, of the very bytes that are shown.
 * Throws when the coordinator does not answer.
 */
export async function checkEntry(watch: LogWatch, index: number, leaf: string): Promise<EntryCheck> {
  const hash = entryLeafHash(leaf);
  const hex = bytesToHex(hash);
  const broken = (fault: string): EntryCheck => ({ ok: false, leafHash: hex, fault });
  const shape = shapeFlaw(leaf);
  const answer = await client.call('getInclusion', { params: { index: String(index) } });
  const { firstIndex } = await watch.logOf(answer.log);
  const watched = await (await watch.inLog(answer.log)).take(answer.checkpoint);
  if (!watched.ok) return broken(watched.fault);
  // Another entry of the same log is in the same tree: what is shown as this one must stand in its place.
  if ((answer.log === 0 ? 0 : firstIndex) + answer.leafIndex !== index) {
    return broken(`The coordinator proves another entry than ${index}: leaf ${answer.leafIndex} of log ${answer.log}.`);
  }
  const { size, rootHash: root } = watched.checkpoint;
  const path = answer.inclusionProof.map((one) => hexToBytes(one));
  if (!verifyInclusion({ index: answer.leafIndex, size, leafHash: hash, path, root })) {
    return broken(
      `This is not the entry that the signed log holds at ${index}: its hash is ${hex.slice(0, 12)}…, and the ` +
        `coordinator's inclusionProof is for ${answer.leafHash.slice(0, 12)}….`,
    );
  }
  if (shape !== null) return broken(shape);
  const { log } = answer;
  return { ok: true, leafHash: hex, log, treeSize: size, pathLength: path.length, isKnown: isKnownType(leaf) };
}

function isKnownType(leaf: string): boolean {
  const { type } = JSON.parse(leaf) as { type: unknown };
  return Object.hasOwn(ENTRY_SCHEMAS, String(type));
}

function shapeFlaw(leaf: string): string | null {
  const { flaw } = readEntryText(leaf);
  if (flaw === null || isOfAnotherType(leaf)) return null;
  return `This is ${flaw}.`;
}

/** True for the canonical text of something typed that this page is too old to know. */
function isOfAnotherType(leaf: string): boolean {
  try {
    const value = JSON.parse(leaf) as { type?: unknown } | null;
    return typeof value?.type === 'string' && !isKnownType(leaf) && canonicalJson(value) === leaf;
  } catch {
    return false;
  }
}
