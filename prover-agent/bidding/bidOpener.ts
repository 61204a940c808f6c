import { RejectedError } from '#protocol/client.js';
import type { Bid } from '#protocol/messages.js';
import type { RouteAnswer } from '#protocol/routeCalls.js';
import { digestOf } from '#protocol/typedData.js';
import type { BidReceipt } from '#protocol/views.js';
import { pause, repeatUntilDone } from '../backoff.js';
import { isUnreachable, type Session } from '../client/session.js';
import { type AgentLog, messageOf } from '../log.js';
import { sealFlaw } from './sealCheck.js';
import type { UnopenedBids } from './unopenedBids.js';

/** How often a round is looked at once its window must have closed, in milliseconds. */
const LOOK_EVERY_MS = 400;

export interface BidOpenerOptions {
  session: Session;
  unopened: UnopenedBids;
  log: AgentLog;
  signal: AbortSignal;
  onReceipt(receipt: BidReceipt): void;
}

type Round = RouteAnswer<'getRound'>;

/**
 * Opens the bids of `commitReveal` rounds as soon as their commitments are sealed. It looks by itself, whether the feed
 * tells of it or not: an unopened bid costs its deposit.
 */
export class BidOpener {
  readonly #options: BidOpenerOptions;
  readonly #watched = new Map<string, AbortController>();

  constructor(options: BidOpenerOptions) {
    this.#options = options;
  }

  /** Takes up all bids that are not opened yet. Never throws. */
  resume(): void {
    for (const roundId of this.#options.unopened.roundIds()) this.watch(roundId);
  }

  /** Looks after a round that was committed to, at once if it is looked after already. Never throws. */
  watch(roundId: string): void {
    const known = this.#watched.get(roundId);
    if (known) {
      known.abort();
      return;
    }
    if (this.#options.unopened.ofRound(roundId).length === 0) return;
    this.#watched.set(roundId, new AbortController());
    void this.#follow(roundId)
      .catch((error) => this.#options.log('bidNotOpened', { roundId, reason: messageOf(error) }))
      .finally(() => this.#watched.delete(roundId));
  }

  /** Until the bid is open or the round is over. */
  async #follow(roundId: string): Promise<void> {
    const { session, signal, unopened } = this.#options;
    while (!signal.aborted) {
      const round = await this.#read(roundId);
      if (!round || round.clearedAtMs !== null || (round.sealedAtMs !== null && (await this.#open(round)))) {
        unopened.drop(roundId);
        return;
      }
      const wake = new AbortController();
      this.#watched.set(roundId, wake);
      const waitMs = round.sealedAtMs === null ? round.closesAtMs - session.clock.nowMs() : 0;
      await pause(Math.max(LOOK_EVERY_MS, waitMs), AbortSignal.any([wake.signal, signal]));
    }
  }

  /** The round; null when the market does not know it. */
  async #read(roundId: string): Promise<Round | null> {
    try {
      return await this.#untilReached(() => this.#options.session.client.call('getRound', { params: { roundId } }));
    } catch (error) {
      if (error instanceof RejectedError && error.code === 'unknownRound') return null;
      throw error;
    }
  }

  /** @returns true when there is nothing left to do for the round */
  async #open(round: Round): Promise<boolean> {
    const { session, log, unopened, onReceipt } = this.#options;
    const { roundId } = round;
    const commitment = round.commitments.find(({ prover }) => prover === session.address)?.commitment;
    if (!commitment) return true;
    const bid = unopened.ofRound(roundId).find((one) => digestOf(session.domain, 'Bid', one) === commitment);
    if (!bid) {
      log('bidNotOpened', { roundId, reason: 'the bid behind the commitment is not known here' });
      return true;
    }
    // The commitment sent again gets its receipt again, which says where it stands.
    const receipt = await this.#untilReached(() => session.commitBid(bid));
    onReceipt(receipt);
    const sealed = {
      roundId,
      commitment,
      entryIndex: receipt.firstIndex,
      sealedEntryIndex: round.sealedEntryIndex ?? 0,
    };
    const flaw = await this.#untilReached(() => sealFlaw(session, sealed));
    if (flaw) {
      log('sealUnproven', { roundId, reason: flaw });
      return false;
    }
    return this.#send(bid);
  }

  async #send(bid: Bid): Promise<boolean> {
    const { session, log, onReceipt } = this.#options;
    const { roundId } = bid;
    try {
      onReceipt(await this.#untilReached(() => session.openBid(bid)));
      log('bidOpened', { roundId, priceWei: bid.priceWei, standbyWei: bid.standbyWei });
      return true;
    } catch (error) {
      if (!(error instanceof RejectedError)) throw error;
      log('bidNotOpened', { roundId, code: error.code, reason: messageOf(error) });
      return error.code !== 'notSealed';
    }
  }

  #untilReached<Result>(action: () => Promise<Result>): Promise<Result> {
    return repeatUntilDone(action, { isWorthRepeating: isUnreachable, signal: this.#options.signal });
  }
}
