/** Holds a checkpoint against the tree that was recomputed and the key that the log names, and asks for cosignatures. */
import { openCheckpoint } from '#protocol/log/checkpoint.js';
import { parseCosignerKey, readCosignatures } from '#protocol/log/cosignature.js';
import { verifyEd25519 } from '#protocol/log/ed25519.js';
import { parseVerifierKey } from '#protocol/log/verifierKey.js';
import type { AuditTallies } from './auditChecks.js';
import { readCheckpointNote } from './seenCheckpoints.js';

export interface CheckpointClaim {
  /** The signed note. */
  note: string;
  market: { origin: string; logKey: string } | null;
  /** Size and root of the tree that was recomputed. */
  size: number;
  root: Uint8Array;
}

/** Checks signature, origin, size and root, each under the name of its check. */
export function checkCheckpoint(tallies: AuditTallies, { note, market, size, root }: CheckpointClaim): void {
  if (!readCheckpointNote(note)) {
    const words =
      'what is served as the checkpoint is no signed note of an origin, a size up to 2^53 - 1 and a root hash';
    tallies.fail('checkpoint', null, words);
    return;
  }
  const key = market && parseVerifierKey(market.logKey);
  if (!market || !key) {
    tallies.fail('checkpoint', 0, 'entry 0: the log does not begin with marketOpened and a key of its own');
    return;
  }
  const opened = openCheckpoint(note, { origin: market.origin, logKeys: [key] }, verifyEd25519);
  if (!opened.ok) {
    const words = `the checkpoint is not signed for ${market.origin} by ${market.logKey}: ${opened.reason}`;
    tallies.fail('checkpoint', null, words);
    return;
  }
  tallies.count('checkpoint');
  const { checkpoint } = opened;
  if (checkpoint.size !== size) {
    tallies.fail('tree', null, `the checkpoint is of ${checkpoint.size} entries, ${size} could be read`);
  } else if (!Buffer.from(checkpoint.rootHash).equals(root)) {
    const [said, found] = [checkpoint.rootHash, root].map((hash) => Buffer.from(hash).toString('hex'));
    tallies.fail('tree', null, `the checkpoint signs the root hash ${said}, the entries make ${found}`);
  }
}

/**
 * Checks that third parties have signed a checkpoint.
 * @param note - the newest checkpoint with cosignatures; null when there is none
 * @param vkeys - keys of the cosigners that must have signed
 */
export function checkCosignatures(tallies: AuditTallies, note: string | null, vkeys: readonly string[]): void {
  const keys = vkeys.map(parseCosignerKey).filter((one) => one !== undefined);
  const found = note === null ? [] : readCosignatures(note, keys, verifyEd25519);
  if (!found) {
    tallies.fail('cosignatures', null, 'a cosignature under a key that was asked for does not hold');
    return;
  }
  for (const wanted of keys) {
    if (found.some(({ key }) => key === wanted)) tallies.count('cosignatures');
    else tallies.fail('cosignatures', null, `the log shows no checkpoint that the cosigner ${wanted.name} has signed`);
  }
}
