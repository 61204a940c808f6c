/**
 * Replays a whole log from nothing, trusting nobody: the tree against the signed checkpoint, every entry against the
 * rules, every signature, every zkProof against its verification key.
 */
import { type JudgedProof, Replay } from '#market/replay.js';
import type { MarketState } from '#market/state.js';
import { entryLeafHash } from '#protocol/log/logLeaf.js';
import { appendLeaf, emptyFrontier, rootOf } from '#protocol/log/merkleTree.js';
import type { VerifierPool } from '#verifier/verifierPool.js';
import { checkpointFlaw, claimedSize, LOG_PAGE, type LogSource } from './walkLog.js';

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
    const leaves = await source.entries(frontier.size, Math.min(LOG_PAGE, claimed - frontier.size));
    if (leaves.length === 0) flaw = `the log ends at ${frontier.size}, its checkpoint says ${claimed}`;
    for (const leaf of leaves) {
      frontier = appendLeaf(frontier, entryLeafHash(leaf)).frontier;
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
  flaw ??= checkpointFlaw(note, replay.state.market, frontier.size, root);
  return {
    ok: flaw === null,
    treeSize: frontier.size,
    rootHash: Buffer.from(root).toString('hex'),
    divergence: flaw,
    zkProofsChecked,
    state: replay.state,
  };
}

async function judgeAgain(verifier: Pick<VerifierPool, 'verify'>, judged: JudgedProof): Promise<string | null> {
  const verdict = await verifier.verify(judged as never);
  if (verdict.valid === judged.accepted) return null;
  return `entry ${judged.index}: the log says the zkProof is ${judged.accepted ? 'valid' : 'invalid'}, it is not`;
}
