/**
 * Replays the log in a thread of its own, from its first entry to the clearing of one round, with the very rules that
 * the coordinator runs. Entries come page by page and are dropped once folded, so memory follows open work.
 */
import '../data/zodWithoutEval.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { clearingInput } from '#market/commands/closeRound.js';
import { LogTrees } from '#market/logTrees.js';
import { Replay } from '#market/replay.js';
import type { EntryOf } from '#protocol/entries.js';
import { rootOf } from '#protocol/log/merkleTree.js';
import { checkSigner } from '#protocol/signature.js';
import { digestOf } from '#protocol/typedData.js';
import { client } from '../data/client.js';
import type { ReplayMessage, ReplayOrder, ReplayOutcome, SeenCandidate } from './replayMessages.js';

/** Entries of one page: a large clearing is some hundred kilobytes. */
const PAGE_ENTRIES = 500;

const say = (message: ReplayMessage) => postMessage(message);

addEventListener('message', ({ data }: MessageEvent<ReplayOrder>) => {
  replayTo(data).then(
    (outcome) => say({ kind: 'done', outcome }),
    (error: unknown) => say({ kind: 'failed', reason: error instanceof Error ? error.message : String(error) }),
  );
});

async function replayTo({ roundId, clearedIndex }: ReplayOrder): Promise<ReplayOutcome> {
  const startedMs = performance.now();
  const replay = new Replay({ checkSignatures: false });
  const seen: { candidates: SeenCandidate[]; bidsChecked: number } = { candidates: [], bidsChecked: 0 };
  const trees = new LogTrees();
  let entriesDone = 0;
  let divergence: string | null = null;
  while (entriesDone <= clearedIndex && divergence === null) {
    const limit = Math.min(PAGE_ENTRIES, clearedIndex + 1 - entriesDone);
    const { entries } = await client.call('listEntries', { query: { from: entriesDone, limit } });
    if (entries.length === 0) throw new Error(`the coordinator serves no entry ${entriesDone}`);
    for (const { leaf } of entries) {
      if (entriesDone === clearedIndex) Object.assign(seen, lookAt(replay, roundId, leaf));
      divergence ??= trees.flawOf(leaf) ?? replay.pushLeaf(leaf);
      trees.append(leaf);
      entriesDone += 1;
    }
    say({ kind: 'progress', done: entriesDone, total: clearedIndex + 1 });
  }
  return {
    ...seen,
    agrees: divergence === null,
    divergence,
    entries: entriesDone,
    log: trees.number,
    treeSize: trees.frontier.size,
    rootHash: bytesToHex(rootOf(trees.frontier)),
    elapsedMs: Math.round(performance.now() - startedMs),
  };
}

/** What the clearing read of the state just before it, and whether its bids are really their provers'. */
function lookAt({ state }: Replay, roundId: string, leaf: string) {
  const entry = JSON.parse(leaf) as EntryOf<'roundCleared'>;
  const round = state.rounds.get(roundId);
  if (entry.type !== 'roundCleared' || entry.roundId !== roundId || !round) return {};
  const domain = { chainId: state.market!.chainId, coordinatorId: state.market!.coordinatorId };
  const bids = entry.bids.map((one) => ({ ...one, digest: digestOf(domain, 'Bid', one.message) }));
  const bidsChecked = bids.filter(
    ({ message, signature, digest }) =>
      round.bids.get(message.prover) === digest && checkSigner(digest, signature, message.prover) === null,
  ).length;
  const { candidates } = clearingInput(state, round, bids, entry.asOfMs);
  return {
    bidsChecked,
    candidates: candidates.map(({ bid, owner, freeWei, load, provingMsP95 }) => ({
      prover: bid.prover,
      owner,
      freeWei: freeWei.toString(),
      runningMs: load.runningMs,
      standbyMs: load.standbyMs,
      provingMsP95,
    })),
  };
}
