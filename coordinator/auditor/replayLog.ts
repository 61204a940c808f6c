/**
 * Replays a whole log from nothing, trusting nobody: the tree against the signed checkpoint, every entry against the
 * rules, every signature, every zkProof against its verification key.
 */
import { type JudgedProof, Replay } from '#market/replay.js';
import type { MarketState } from '#market/state.js';
import { openCheckpoint } from '#protocol/log/checkpoint.js';
import { verifyEd25519 } from '#protocol/log/ed25519.js';
import { appendLeaf, emptyFrontier, leafHash, rootOf } from '#protocol/log/merkleTree.js';
import { parseVerifierKey } from '#protocol/log/verifierKey.js';
import type { VerifierPool } from '#verifier/verifierPool.js';

/** Where a log is read from. */
export interface LogSource {
  /** The newest checkpoint, a signed note. Read before the entries. */
  checkpoint(): Promise<string>;
  /** Canonical JSON of entries from an index on, in order, at most `limit`. */
  entries(from: number, limit: number): Promise<string[]>;
}

export interface ReplayReport {
  ok: boolean;
  treeSize: number;
  /** Root hash in hexadecimal, as recomputed. */
  rootHash: string;
  /** The first thing that is wrong, in a sentence; null when nothing is. */
  divergence: string | null;
  zkProofsChecked: number;
  state: MarketState;
}

const PAGE = 500;

/** Replays a log. `onProgress` is told the number of entries done and in all. */
export async function replayLog(
  source: LogSource,
  verifier: Pick<VerifierPool, 'verify'>,
  onProgress?: (done: number, size: number) => void,
): Promise<ReplayReport> {
  const note = await source.checkpoint();
  const claimed = claimedSize(note);
  let verdicts: Promise<string | null>[] = [];
  let zkProofsChecked = 0;
  let falseVerdict: string | null = null;
  const replay = new Replay({
    checkSignatures: true,
    onJudgedProof: (judged) => verdicts.push(judgeAgain(verifier, judged)),
  });
  let frontier = emptyFrontier();
  let flaw: string | null = null;
  while (frontier.size < claimed && flaw === null) {
    const leaves = await source.entries(frontier.size, Math.min(PAGE, claimed - frontier.size));
    if (leaves.length === 0) flaw = `the log ends at ${frontier.size}, its checkpoint says ${claimed}`;
    for (const leaf of leaves) {
      frontier = appendLeaf(frontier, leafHash(new TextEncoder().encode(leaf))).frontier;
      flaw ??= replay.pushLeaf(leaf);
    }
    const rejudged = await Promise.all(verdicts);
    verdicts = [];
    zkProofsChecked += rejudged.length;
    falseVerdict ??= rejudged.find((one) => one !== null) ?? null;
    onProgress?.(frontier.size, claimed);
  }
  const divergence = replay.end();
  if (divergence) flaw ??= `entry ${divergence.index} (${divergence.type}): ${divergence.explanation}`;
  flaw ??= falseVerdict;
  const root = rootOf(frontier);
  flaw ??= checkpointFlaw(note, replay.state, frontier.size, root);
  return {
    ok: flaw === null,
    treeSize: frontier.size,
    rootHash: Buffer.from(root).toString('hex'),
    divergence: flaw,
    zkProofsChecked,
    state: replay.state,
  };
}

function claimedSize(note: string): number {
  const size = Number(note.split('\n')[1]);
  return Number.isSafeInteger(size) && size > 0 ? size : 0;
}

async function judgeAgain(verifier: Pick<VerifierPool, 'verify'>, judged: JudgedProof): Promise<string | null> {
  const verdict = await verifier.verify(judged as never);
  if (verdict.valid === judged.accepted) return null;
  return `entry ${judged.index}: the log says the zkProof is ${judged.accepted ? 'valid' : 'invalid'}, it is not`;
}

/** The checkpoint must be signed with the key that the log itself names, over the tree that was recomputed. */
function checkpointFlaw(note: string, state: MarketState, size: number, root: Uint8Array): string | null {
  const key = state.market && parseVerifierKey(state.market.logKey);
  if (!state.market || !key) return 'the log does not name its key';
  const opened = openCheckpoint(note, { origin: state.market.origin, logKeys: [key] }, verifyEd25519);
  if (!opened.ok) return `the checkpoint is not good: ${opened.reason}`;
  if (opened.checkpoint.size !== size) return `the checkpoint is of ${opened.checkpoint.size} entries, not ${size}`;
  return Buffer.from(opened.checkpoint.rootHash).equals(root) ? null : 'the root hash is not that of the checkpoint';
}
