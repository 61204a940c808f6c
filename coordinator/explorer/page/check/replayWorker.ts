/**
 * Replays the log in a thread of its own, from its first entry to the clearing of one round, with the very rules that
 * the coordinator runs. Entries come page by page and are dropped once folded, so memory follows open work.
 */
import '../data/zodWithoutEval.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { clearingInput } from '#market/commands/closeRound.js';
import { Replay } from '#market/replay.js';
import type { EntryOf } from '#protocol/entries.js';
import { entryLeafHash } from '#protocol/log/logLeaf.js';
import { appendLeaf, emptyFrontier, rootOf } from '#protocol/log/merkleTree.js';
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
  let frontier = emptyFrontier();
  let divergence: string | null = null;
  while (frontier.size <= clearedIndex && divergence === null) {
    const limit = Math.min(PAGE_ENTRIES, clearedIndex + 1 - frontier.size);
    const { entries } = await client.call('listEntries', { query: { from: frontier.size, limit } });
    if (entries.length === 0) throw new Error(`the coordinator serves no entry ${frontier.size}`);
    for (const { leaf } of entries) {
      if (frontier.size === clearedIndex) Object.assign(seen, lookAt(replay, roundId, leaf));
      divergence ??= replay.pushLeaf(leaf);
      frontier = appendLeaf(frontier, entryLeafHash(leaf)).frontier;
    }
    say({ kind: 'progress', done: frontier.size, total: clearedIndex + 1 });
  }
  return {
    ...seen,
    agrees: divergence === null,
    divergence,
    entries: frontier.size,
    rootHash: bytesToHex(rootOf(frontier)),
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
