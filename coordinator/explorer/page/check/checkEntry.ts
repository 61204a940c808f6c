import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import { ENTRY_SCHEMAS, parseEntry } from '#protocol/entries.js';
import { canonicalJson } from '#protocol/log/canonicalJson.js';
import { verifyInclusion } from '#protocol/log/inclusionProof.js';
import { entryLeafHash } from '#protocol/log/logLeaf.js';
import { client } from '../data/client.js';
import type { LogWatch } from './logWatch.js';

/**
 * What a check of one entry came to. `treeSize` and `path` are those of the inclusionProof. `isKnown`: its type is one of
 * this page's; a newer market may have others, and they are in the tree all the same.
 */
export type EntryCheck =
  | { ok: true; leafHash: string; treeSize: number; pathLength: number; isKnown: boolean }
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
  const watched = await (await watch.inLog(answer.log)).take(answer.checkpoint);
  if (!watched.ok) return broken(watched.fault);
  const { size, rootHash: root } = watched.checkpoint;
  const path = answer.inclusionProof.map((one) => hexToBytes(one));
  if (!verifyInclusion({ index: answer.leafIndex, size, leafHash: hash, path, root })) {
    return broken(
      `This is not the entry that the signed log holds at ${index}: its hash is ${hex.slice(0, 12)}…, and the ` +
        `coordinator's inclusionProof is for ${answer.leafHash.slice(0, 12)}….`,
    );
  }
  if (shape !== null) return broken(shape);
  return { ok: true, leafHash: hex, treeSize: size, pathLength: path.length, isKnown: isKnownType(leaf) };
}

function isKnownType(leaf: string): boolean {
  const { type } = JSON.parse(leaf) as { type: unknown };
  return Object.hasOwn(ENTRY_SCHEMAS, String(type));
}

function shapeFlaw(leaf: string): string | null {
  try {
    const value: unknown = JSON.parse(leaf);
    const isTyped = typeof (value as { type?: unknown } | null)?.type === 'string';
    const entry = isTyped && !isKnownType(leaf) ? value : parseEntry(value);
    return canonicalJson(entry) === leaf ? null : 'The entry is not written canonically.';
  } catch (error) {
    return `This is not an entry of the protocol: ${error instanceof Error ? error.message : error}`;
  }
}
