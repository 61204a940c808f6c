import { bidFlaw } from '#market/commands/placeBid.js';
import { logAt } from '#market/logChain.js';
import { receiptBytes } from '#protocol/bidReceipt.js';
import type { Bid } from '#protocol/messages.js';
import type { Hex } from '#protocol/units.js';
import type { Accepted, BidReceipt } from '#protocol/views.js';
import type { ApiDeps } from '../apiDeps.js';
import type { Commands } from '../commands.js';
import type { Handlers } from '../handler.js';
import type { MarketReads } from '../marketReads.js';
import { Refused, refuse } from '../refused.js';
import { roundViewOf } from '../roundView.js';

/** Rounds and bids. */
export function roundHandlers(
  deps: ApiDeps,
  reads: MarketReads,
  commands: Commands,
): Handlers<'listOpenRounds' | 'getRound' | 'placeBid' | 'commitBid' | 'openBid'> {
  return {
    listOpenRounds: async () => {
      const rounds = await reads.openRounds(deps.nowMs());
      const counts = await reads.bidCounts(rounds.map(({ roundId }) => roundId));
      return { rounds: rounds.map((round) => roundViewOf(round, counts.get(round.roundId) ?? 0)) };
    },

    getRound: async ({ params: { roundId } }) => {
      const round = await reads.round(roundId);
      if (!round) return refuse('unknownRound', `${roundId} is not in the log`);
      const [commitments, cleared] = await Promise.all([reads.commitments(round), reads.clearedRound(round)]);
      const view = { ...roundViewOf(round, commitments.length), commitments };
      if (!cleared) return { ...view, cleared: null };
      const { bids, tieSeed, awards, unawarded, explanations } = cleared.entry;
      return { ...view, cleared: { entryIndex: cleared.entryIndex, bids, tieSeed, awards, unawarded, explanations } };
    },

    placeBid: async ({ body: { message, signature } }) => {
      const no = await cheapBidNo(deps, reads, message);
      const checked = await commands.check('Bid', { message, signature }, message.prover, no);
      if (checked instanceof Refused) return checked;
      const { digest } = checked;
      const accepted = await commands.execute({ kind: 'placeBid', message, signature, digest }, digest);
      return accepted instanceof Refused ? accepted : receiptOf(deps, accepted, message, digest, 'bidPlaced');
    },

    commitBid: async ({ body: { message, signature } }) => {
      const checked = await commands.check('BidCommitment', { message, signature }, message.prover, null);
      if (checked instanceof Refused) return checked;
      const { digest } = checked;
      const accepted = await commands.execute({ kind: 'commitBid', message, signature, digest }, digest);
      return accepted instanceof Refused
        ? accepted
        : receiptOf(deps, accepted, message, message.commitment, 'bidCommitted');
    },

    openBid: async ({ body: { message, signature } }) => {
      const checked = await commands.check('Bid', { message, signature }, message.prover, null);
      if (checked instanceof Refused) return checked;
      const { digest } = checked;
      const accepted = await commands.execute({ kind: 'openBid', message, signature, digest }, digest);
      return accepted instanceof Refused ? accepted : receiptOf(deps, accepted, message, digest, 'bidOpened');
    },
  };
}

/** The operator's signed word on where in the log a bid, its commitment or its opening stands. */
function receiptOf(
  { journal }: ApiDeps,
  accepted: Accepted,
  { roundId, prover }: Pick<Bid, 'roundId' | 'prover'>,
  commitment: Hex,
  type: BidReceipt['type'],
): BidReceipt {
  const { atMs, firstIndex: entryIndex } = accepted;
  const log = logAt(journal.state(), entryIndex);
  const { origin } = log;
  const signature = journal.sign(log, receiptBytes({ atMs, commitment, entryIndex, origin, prover, roundId, type }));
  if (!signature) throw new Error(`the key of the log ${origin} is not here`);
  const receiptSignature = `0x${Buffer.from(signature).toString('hex')}`;
  return { ...accepted, roundId, prover, commitment, type, origin, receiptSignature };
}

/**
 * What a look tells against a bid, before its signature costs a millisecond. The live state knows most; what it does
 * not know may be over, or come from another replica, so the tables are asked. The journal has the last word.
 */
async function cheapBidNo({ journal, nowMs }: ApiDeps, reads: MarketReads, bid: Bid): Promise<Refused | null> {
  const state = journal.state();
  const round = state.rounds.get(bid.roundId);
  if (!round) {
    const stored = await reads.round(bid.roundId);
    if (!stored) return refuse('unknownRound', `${bid.roundId} is not in the log`);
    return stored.clearedAtMs === null ? null : refuse('roundClosed', `it closed at ${stored.closesAtMs}`);
  }
  if (round.sealing !== 'receipt') return refuse('wrongSealing', 'its sealing is commitReveal');
  if (round.clearedAtMs !== null || nowMs() >= round.closesAtMs) {
    return refuse('roundClosed', `it closed at ${round.closesAtMs}`);
  }
  const flaw = bidFlaw(bid, round);
  if (flaw) return new Refused(flaw);
  if (!state.provers.has(bid.prover) && !(await reads.isProver(bid.prover))) return refuse('unknownProver');
  return null;
}
