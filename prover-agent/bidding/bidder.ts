import { RejectedError } from '#protocol/client.js';
import type { BidReceipt } from '#protocol/views.js';
import { repeatUntilDone } from '../backoff.js';
import { randomBytes32 } from '../client/account.js';
import { isUnreachable, type Session } from '../client/session.js';
import { type AgentLog, messageOf } from '../log.js';
import { decideBid, type OpenRound, type Pricing } from './decideBid.js';

/** How many receipts are kept in memory. */
const RECEIPTS_MAX = 1_000;

export interface BidderOptions {
  session: Session;
  pricing: Pricing;
  slots: number;
  log: AgentLog;
  /** Promised p95 for a circuit in milliseconds; null when it cannot be proven here. */
  promisedMs(circuitId: string): number | null;
  /** Sum of the promised times of all jobs held, in milliseconds. */
  committedMs(): number;
  signal: AbortSignal;
}

/** Bids for rounds: at most one bid for each, repeated until it is answered or the window closes. */
export class Bidder {
  readonly #options: BidderOptions;
  readonly #seen = new Set<string>();
  /** The coordinator's signed word for each bid, by round: what proves that a bid was dropped. */
  readonly receipts = new Map<string, BidReceipt>();

  constructor(options: BidderOptions) {
    this.#options = options;
  }

  /** Considers a round once, however often it is told of. Never throws. */
  async consider(round: OpenRound): Promise<void> {
    if (this.#seen.has(round.roundId) || this.#options.signal.aborted) return;
    this.#seen.add(round.roundId);
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
    const free = await this.#untilClosed(round, () =>
      session.client.call('getAccount', { params: { address: session.address } }),
    );
    const decision = decideBid({
      round,
      prover: session.address,
      pricing: this.#options.pricing,
      promisedMs: this.#options.promisedMs(round.circuitId),
      slots: this.#options.slots,
      committedMs: this.#options.committedMs(),
      freeWei: BigInt(free.freeWei),
      parameters: session.market.parameters,
      nowMs: session.clock.nowMs(),
      salt: randomBytes32(),
    });
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

  #untilClosed<Result>(round: OpenRound, action: () => Promise<Result>): Promise<Result> {
    const { session, signal } = this.#options;
    return repeatUntilDone(action, {
      isWorthRepeating: (error) => isUnreachable(error) && session.clock.nowMs() < round.closesAtMs,
      signal,
    });
  }
}

/** Keeps the newest of a set or map. */
function trim(kept: Set<string> | Map<string, unknown>): void {
  for (const key of kept.keys()) {
    if (kept.size <= RECEIPTS_MAX) return;
    kept.delete(key);
  }
}
