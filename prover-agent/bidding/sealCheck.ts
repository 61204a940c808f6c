import { openCheckpoint } from '#protocol/log/checkpoint.js';
import { verifyInclusion } from '#protocol/log/inclusionProof.js';
import { entryLeafHash } from '#protocol/log/logLeaf.js';
import { equalBytes } from '#protocol/log/merkleTree.js';
import { parseVerifierKey } from '#protocol/log/verifierKey.js';
import type { Hex } from '#protocol/units.js';
import { quickEd25519 } from '../client/quickEd25519.js';
import type { Session } from '../client/session.js';

/** What a prover wants to see sealed before it opens its bid. */
export interface SealedCommitment {
  roundId: string;
  commitment: Hex;
  /** Where its `bidCommitted` stands by its receipt. */
  entryIndex: number;
  /** Where the round's `bidsSealed` stands by the coordinator's word. */
  sealedEntryIndex: number;
}

/**
 * Looks whether a checkpoint, signed by the log, holds this prover's commitment and is long enough to hold all others of
 * the round: from then on none can be added or left out unseen.
 * @returns what is amiss, in a sentence; null when nothing is
 */
export async function sealFlaw(session: Session, sealed: SealedCommitment): Promise<string | null> {
  const { client, address } = session;
  const { entryIndex: index, sealedEntryIndex } = sealed;
  const [view, listed] = await Promise.all([
    client.call('getInclusion', { params: { index: String(index) } }),
    client.call('listEntries', { query: { from: index, limit: 1 } }),
  ]);
  const log = await session.logWhere(({ number }) => number === view.log);
  const key = parseVerifierKey(log?.logKey ?? '');
  if (!log || !key) return 'the market names no key of its log';
  const opened = openCheckpoint(view.checkpoint, { origin: log.origin, logKeys: [key] }, quickEd25519);
  if (!opened.ok) return `the checkpoint is not the log's: ${opened.reason}`;
  const { size, rootHash: root } = opened.checkpoint;
  // When the log was closed between commitment and sealing, this stays so, and nobody is charged for not opening.
  if (log.firstIndex + size <= sealedEntryIndex) {
    return `the checkpoint is of ${size} entries from ${log.firstIndex} on and does not reach ${sealedEntryIndex}`;
  }
  const leaf = listed.entries.find((entry) => entry.index === index)?.leaf;
  if (leaf === undefined) return `the log does not show entry ${index}`;
  const hash = entryLeafHash(leaf);
  const path = view.inclusionProof.map(bytesOf);
  if (!equalBytes(hash, bytesOf(view.leafHash))) return `entry ${index} is not the one that is proven`;
  if (!verifyInclusion({ index: index - log.firstIndex, size, leafHash: hash, path, root }))
    return `entry ${index} is not in the checkpoint`;
  const { type, message } = JSON.parse(leaf) as { type?: unknown; message?: Record<string, unknown> };
  const isMine =
    type === 'bidCommitted' &&
    message?.roundId === sealed.roundId &&
    message.prover === address &&
    message.commitment === sealed.commitment;
  return isMine ? null : `entry ${index} is not this prover's commitment`;
}

function bytesOf(hex: string): Uint8Array {
  return new Uint8Array((hex.match(/../g) ?? []).map((byte) => Number.parseInt(byte, 16)));
}
