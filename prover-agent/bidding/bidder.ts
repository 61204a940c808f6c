import { bondMaxWei } from '#protocol/bonds.js';
import { RejectedError } from '#protocol/client.js';
import type { Bid } from '#protocol/messages.js';
import type { Parameters } from '#protocol/parameters.js';
import type { BidReceipt } from '#protocol/views.js';
import { repeatUntilDone } from '../backoff.js';
import { randomBytes32 } from '../client/account.js';
import { isUnreachable, type Session } from '../client/session.js';
import { type AgentLog, messageOf } from '../log.js';
import { type BidDecision, decideBid, EXPIRY_MS, type OpenRound, type Pricing } from './decideBid.js';
import type { UnopenedBids } from './unopenedBids.js';

/** How many rounds are remembered as considered. */
const SEEN_MAX = 1_000;

export interface BidderOptions {
  session: Session;
  /** The prices that count now. */
  pricing(): Pricing;
  slots: number;
  log: AgentLog;
  /** Promised p95 for a circuit in milliseconds; null when it cannot be proven here. */
  promisedMs(circuitId: string): number | null;
  /** Whether zkProofs of a circuit keep failing here. */
  proofsFail(circuitId: string): boolean;
  /** Whether the market wants a challenge job of the circuit first, which is under way. */
  isChallenged(circuitId: string): boolean;
  /** Sum of the promised times of all jobs held, in milliseconds. */
  committedMs(): number;
  /** Bids that were committed to and not opened yet. */
  unopened: UnopenedBids;
  /** Called when a round is being committed to: its bid must be opened. */
  onCommitted(roundId: string): void;
  onReceipt(receipt: BidReceipt): void;
  signal: AbortSignal;
}

/** Bids for rounds: at most one bid for each, repeated until it is answered or the window closes. */
export class Bidder {
  readonly #options: BidderOptions;
  /** How late a round that was considered may close without being considered again, by round. */
  readonly #seen = new Map<string, number>();

  constructor(options: BidderOptions) {
    this.#options = options;
  }

  /**
   * Considers a round once, however often it is told of; once more when its window has been put off so far that the bid
   * would expire before it closes. Never throws.
   */
  async consider(round: OpenRound): Promise<void> {
    const seenUntilMs = this.#seen.get(round.roundId);
    if ((seenUntilMs !== undefined && round.closesAtMs <= seenUntilMs) || this.#options.signal.aborted) return;
    // The open rounds are looked at again when the challenge has passed.
    if (this.#options.isChallenged(round.circuitId)) return;
    this.#seen.set(round.roundId, round.closesAtMs + EXPIRY_MS);
    trim(this.#seen);
    try {
      await this.#bid(round);
    } catch (error) {
      if (error instanceof RejectedError) {
        this.#options.log('bidRejected', { roundId: round.roundId, code: error.code, reason: messageOf(error) });
      } else {
        this.#options.log('bidFailed', { roundId: round.roundId, reason: messageOf(error) });
        this.#seen.delete(round.roundId);
      }
    }
  }

  async #bid(round: OpenRound): Promise<void> {
    const { session, log, unopened } = this.#options;
    const committed = unopened.ofRound(round.roundId).at(-1);
    if (committed && committed.expiresAtMs >= round.closesAtMs) {
      // Committed to before a restart: what may not have arrived is sent again as it was.
      this.#options.onReceipt(await this.#untilClosed(round, () => session.commitBid(committed)));
      return;
    }
    // Whatever stands against a bid beside money is found without asking: a feed may bring many old rounds at once.
    let decision = this.#decide(round, session.market.parameters, null);
    if (decision.ok) {
      const parameters = await this.#untilClosed(round, () => session.parametersOf(round.parametersVersion));
      const account = await this.#untilClosed(round, () =>
        session.client.call('getAccount', { params: { address: session.address } }),
      );
      decision = this.#decide(round, parameters, BigInt(account.freeWei));
    }
    if (!decision.ok) {
      log('skipped', { roundId: round.roundId, code: decision.code, detail: decision.detail });
      return;
    }
    const { bid } = decision;
    const { priceWei, standbyWei, maxJobs, provingMsP95 } = bid;
    const terms = { roundId: round.roundId, priceWei, standbyWei, maxJobs, provingMsP95 };
    if (round.sealing === 'commitReveal') {
      await this.#commit(round, bid);
      log('bidCommitted', terms);
    } else {
      this.#options.onReceipt(await this.#untilClosed(round, () => session.placeBid(bid)));
      log('bidPlaced', terms);
    }
  }

  /** Writes the bid down before anybody hears of it, so that it can be opened whatever happens to this process. */
  async #commit(round: OpenRound, bid: Bid): Promise<void> {
    const { session, unopened, onCommitted } = this.#options;
    unopened.keep(bid);
    // Whether the commitment arrives or not is seen when the round is sealed.
    onCommitted(round.roundId);
    this.#options.onReceipt(await this.#untilClosed(round, () => session.commitBid(bid)));
  }

  #decide(round: OpenRound, parameters: Parameters, freeWei: bigint | null): BidDecision {
    const { session, slots } = this.#options;
    return decideBid({
      round,
      prover: session.address,
      pricing: this.#options.pricing(),
      promisedMs: this.#options.promisedMs(round.circuitId),
      proofsFail: this.#options.proofsFail(round.circuitId),
      slots,
      committedMs: this.#options.committedMs(),
      freeWei: freeWei ?? bondMaxWei(BigInt(round.maxPriceWei), parameters),
      parameters,
      nowMs: session.clock.nowMs(),
      salt: randomBytes32(),
    });
  }

  #untilClosed<Result>(round: OpenRound, action: () => Promise<Result>): Promise<Result> {
    const { session, signal } = this.#options;
    return repeatUntilDone(action, {
      isWorthRepeating: (error) => isUnreachable(error) && session.clock.nowMs() < round.closesAtMs,
      signal,
    });
  }
}

/** Keeps the newest of a map. */
function trim(kept: Map<string, unknown>): void {
  for (const key of kept.keys()) {
    if (kept.size <= SEEN_MAX) return;
    kept.delete(key);
  }
}
