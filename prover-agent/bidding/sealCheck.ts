import { type Checkpoint, openCheckpoint } from '#protocol/log/checkpoint.js';
import { verifyEd25519 } from '#protocol/log/ed25519.js';
import { verifyInclusion } from '#protocol/log/inclusionProof.js';
import { entryLeafHash } from '#protocol/log/logLeaf.js';
import { equalBytes } from '#protocol/log/merkleTree.js';
import { parseVerifierKey } from '#protocol/log/verifierKey.js';
import type { LogView } from '#protocol/logLink.js';
import type { Hex } from '#protocol/units.js';
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

/** An entry that a checkpoint, signed by its log, has in its tree. */
interface Proven {
  entry: Record<string, unknown>;
  log: LogView;
  checkpoint: Pick<Checkpoint, 'size' | 'rootHash'>;
}

/**
 * Looks whether a checkpoint, signed by the log, holds this prover's commitment and is long enough to hold all others of
 * the round: from then on none can be added or left out unseen. Where the log was closed in between, the next one must name
 * how it ended, and be as long.
 * @returns what is amiss, in a sentence; null when nothing is
 */
export async function sealFlaw(session: Session, sealed: SealedCommitment): Promise<string | null> {
  const { entryIndex: index, roundId, commitment } = sealed;
  let proven = await provenEntry(session, index);
  if (typeof proven === 'string') return proven;
  const { type } = proven.entry;
  const message = proven.entry.message as Record<string, unknown> | undefined;
  const isInRound = message?.roundId === roundId && message.prover === session.address;
  const isMine = type === 'bidCommitted' && isInRound && message.commitment === commitment;
  for (let end = endOf(proven); end <= sealed.sealedEntryIndex; end = endOf(proven)) {
    const { log, checkpoint } = proven;
    const words = `the checkpoint is of ${checkpoint.size} entries from ${log.firstIndex} on`;
    const short = `${words} and does not reach ${sealed.sealedEntryIndex}`;
    if (!(await session.logWhere(({ number }) => number === log.number + 1))) return short;
    const next = await provenEntry(session, end);
    if (typeof next === 'string') return next;
    if (!isOpening(next, proven)) return short;
    proven = next;
  }
  return isMine ? null : `entry ${index} is not this prover's commitment`;
}

/** Index in the market behind the last entry of a checkpoint. */
function endOf({ log, checkpoint }: Proven): number {
  return log.firstIndex + checkpoint.size;
}

/** True for the first entry of the next log, when it names the log before as this checkpoint has it. */
function isOpening({ entry, log }: Proven, before: Proven): boolean {
  const previous = entry.previous as Record<string, unknown> | undefined;
  return (
    entry.type === 'logOpened' &&
    log.number === before.log.number + 1 &&
    previous?.origin === before.log.origin &&
    previous.size === before.checkpoint.size &&
    previous.rootHash === `0x${hexOf(before.checkpoint.rootHash)}`
  );
}

/** Asks for an entry and the proof that its log has it; or says what is amiss. */
async function provenEntry(session: Session, index: number): Promise<Proven | string> {
  const { client } = session;
  const [view, listed] = await Promise.all([
    client.call('getInclusion', { params: { index: String(index) } }),
    client.call('listEntries', { query: { from: index, limit: 1 } }),
  ]);
  const log = await session.logWhere(({ number }) => number === view.log);
  const key = parseVerifierKey(log?.logKey ?? '');
  if (!log || !key) return 'the market names no key of its log';
  const opened = openCheckpoint(view.checkpoint, { origin: log.origin, logKeys: [key] }, verifyEd25519);
  if (!opened.ok) return `the checkpoint is not the log's: ${opened.reason}`;
  const { size, rootHash: root } = opened.checkpoint;
  const leaf = listed.entries.find((entry) => entry.index === index)?.leaf;
  if (leaf === undefined) return `the log does not show entry ${index}`;
  const hash = entryLeafHash(leaf);
  const path = view.inclusionProof.map(bytesOf);
  if (!equalBytes(hash, bytesOf(view.leafHash))) return `entry ${index} is not the one that is proven`;
  if (!verifyInclusion({ index: index - log.firstIndex, size, leafHash: hash, path, root }))
    return `entry ${index} is not in the checkpoint`;
  return { entry: JSON.parse(leaf), log, checkpoint: opened.checkpoint };
}

function bytesOf(hex: string): Uint8Array {
  return new Uint8Array((hex.match(/../g) ?? []).map((byte) => Number.parseInt(byte, 16)));
}

function hexOf(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
