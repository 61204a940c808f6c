import { bondMaxWei } from '#protocol/bonds.js';
import { RejectedError } from '#protocol/client.js';
import type { BidReceipt } from '#protocol/views.js';
import { repeatUntilDone } from '../backoff.js';
import { randomBytes32 } from '../client/account.js';
import { isUnreachable, type Session } from '../client/session.js';
import { type AgentLog, messageOf } from '../log.js';
import { type BidDecision, decideBid, EXPIRY_MS, type OpenRound, type Pricing } from './decideBid.js';

/** How many receipts are kept in memory. */
const RECEIPTS_MAX = 1_000;

export interface BidderOptions {
  session: Session;
  pricing: Pricing;
  slots: number;
  log: AgentLog;
  /** Promised p95 for a circuit in milliseconds; null when it cannot be proven here. */
  promisedMs(circuitId: string): number | null;
  /** Whether zkProofs of a circuit keep failing here. */
  proofsFail(circuitId: string): boolean;
  /** Sum of the promised times of all jobs held, in milliseconds. */
  committedMs(): number;
  signal: AbortSignal;
}

/** Bids for rounds: at most one bid for each, repeated until it is answered or the window closes. */
export class Bidder {
  readonly #options: BidderOptions;
  /** How late a round that was considered may close without being considered again, by round. */
  readonly #seen = new Map<string, number>();
  /** The coordinator's signed word for each bid, by round: what proves that a bid was dropped. */
  readonly receipts = new Map<string, BidReceipt>();

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
    const { session, log } = this.#options;
    // Whatever stands against a bid beside money is found without asking: a feed may bring many old rounds at once.
    let decision = this.#decide(round, null);
    if (decision.ok) {
      const account = await this.#untilClosed(round, () =>
        session.client.call('getAccount', { params: { address: session.address } }),
      );
      decision = this.#decide(round, BigInt(account.freeWei));
    }
    if (!decision.ok) {
      log('skipped', { roundId: round.roundId, code: decision.code, detail: decision.detail });
      return;
    }
    const { bid } = decision;
    const signed = session.sign('Bid', bid);
    const receipt = await this.#untilClosed(round, () => session.placeBid(signed));
    this.receipts.set(round.roundId, receipt);
    trim(this.receipts);
    const { priceWei, standbyWei, maxJobs, provingMsP95 } = bid;
    log('bidPlaced', { roundId: round.roundId, priceWei, standbyWei, maxJobs, provingMsP95 });
  }

  #decide(round: OpenRound, freeWei: bigint | null): BidDecision {
    const { session, pricing, slots } = this.#options;
    const { parameters } = session.market;
    return decideBid({
      round,
      prover: session.address,
      pricing,
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
    if (kept.size <= RECEIPTS_MAX) return;
    kept.delete(key);
  }
}
