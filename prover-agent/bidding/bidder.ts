import { bondMaxWei } from '#protocol/bonds.js';
import { RejectedError } from '#protocol/client.js';
import type { EntryOf } from '#protocol/entries.js';
import type { Bid } from '#protocol/messages.js';
import type { Parameters } from '#protocol/parameters.js';
import type { BidReceipt } from '#protocol/views.js';
import { repeatUntilDone } from '../backoff.js';
import { randomBytes32 } from '../client/account.js';
import { isUnreachable, type Session } from '../client/session.js';
import { type AgentLog, messageOf } from '../log.js';
import type { BidMemory } from './bidMemory.js';
import { most } from './costModel.js';
import {
  type BidDecision,
  decideBid,
  EXPIRY_MS,
  type OpenRound,
  type Pricing,
  type RoundInput,
  whyNot,
} from './decideBid.js';
import type { UnopenedBids } from './unopenedBids.js';

/** How many rounds are remembered as considered. */
const SEEN_MAX = 1_000;

export interface BidderOptions {
  session: Session;
  /** The prices that count now. */
  pricing(): Pricing;
  /** What is remembered of the market. */
  memory: BidMemory;
  slots: number;
  log: AgentLog;
  /** The name of a circuit that is proven here. */
  circuitName(circuitId: string): string | null;
  /** Promised p95 for a circuit in milliseconds; null when it cannot be proven here. */
  promisedMs(circuitId: string): number | null;
  /** Whether zkProofs of a circuit keep failing here. */
  proofsFail(circuitId: string): boolean;
  /** Whether the market wants a challenge job of the circuit first, which is under way. */
  isChallenged(circuitId: string): boolean;
  /** Sum of the promised times of all jobs held, in milliseconds. */
  committedMs(): number;
  /** Rounds that an earlier life of this agent has bid for, by its newest receipts. */
  bidBefore: Set<string>;
  /** Bids that were committed to and not opened yet. */
  unopened: UnopenedBids;
  /** Called when a round is being committed to: its bid must be opened. */
  onCommitted(roundId: string): void;
  onReceipt(receipt: BidReceipt): void;
  /** Called when a bid is about to be sent: work on the circuit may come. */
  onBid(circuitId: string): void;
  signal: AbortSignal;
}

/** Bids for rounds: at most one bid for each, repeated until it is answered or the window closes. */
export class Bidder {
  readonly #options: BidderOptions;
  /** How late a round that was considered may close without being considered again, by round. */
  readonly #seen = new Map<string, number>();
  /** Salts of the bids sent for a round: another one that counts is another agent's with the same key. */
  readonly #sent = new Map<string, readonly string[]>();

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
    this.#options.memory.note(round);
    try {
      await this.#bid(round);
    } catch (error) {
      // Whether it arrived is not known unless the market has said no.
      if (error instanceof RejectedError) {
        this.#options.memory.bonds.refuse(round.roundId);
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
      await this.#reserveOld(round, committed.maxJobs);
      this.#options.onReceipt(await this.#untilClosed(round, () => session.commitBid(committed)));
      return;
    }
    if (this.#options.bidBefore.delete(round.roundId)) await this.#reserveOld(round, round.jobIds.length);
    // What stands against a bid on the face of it is found without asking: a feed may bring many old rounds at once.
    const decision = whyNot(this.#known(round, session.market.parameters)) ?? (await this.#decide(round));
    if (!decision.ok) {
      const { code, figures, detail } = decision;
      log('skipped', { roundId: round.roundId, code, ...figures, detail });
      return;
    }
    const { bid, costWei } = decision;
    this.#sent.set(round.roundId, [...(this.#sent.get(round.roundId) ?? []), bid.salt]);
    trim(this.#sent);
    this.#options.onBid(round.circuitId);
    const { priceWei, standbyWei, maxJobs, provingMsP95 } = bid;
    const costs = { costWei: costWei.toString(), maxJobs, provingMsP95 };
    const terms = { roundId: round.roundId, priceWei, standbyWei, ...costs };
    if (round.sealing === 'commitReveal') {
      await this.#commit(round, bid);
      this.#options.memory.bonds.accept(round.roundId);
      log('bidCommitted', terms);
    } else {
      this.#options.onReceipt(await this.#untilClosed(round, () => session.placeBid(bid)));
      this.#options.memory.bonds.accept(round.roundId);
      log('bidPlaced', terms);
    }
  }

  /** An earlier life of this agent has bid for the round: what that may lock counts, whatever becomes of a new bid. */
  async #reserveOld(round: OpenRound, jobs: number): Promise<void> {
    const { session, memory } = this.#options;
    const roundMaxWei = BigInt(round.maxPriceWei);
    const request = await this.#untilClosed(round, () => memory.terms.of(round.roundId)).catch(() => null);
    const bondWei = bondMaxWei(most(request?.maxPriceWei ?? 0n, roundMaxWei), session.market.parameters);
    memory.bonds.reserve(round.roundId, BigInt(jobs) * bondWei);
    memory.bonds.accept(round.roundId);
  }

  /** Writes the bid down before anybody hears of it, so that it can be opened whatever happens to this process. */
  async #commit(round: OpenRound, bid: Bid): Promise<void> {
    const { session, unopened, onCommitted } = this.#options;
    unopened.keep(bid);
    // Whether the commitment arrives or not is seen when the round is sealed.
    onCommitted(round.roundId);
    this.#options.onReceipt(await this.#untilClosed(round, () => session.commitBid(bid)));
  }

  /** Decides with all that there is to know; a bid's bonds count as at risk from this moment on. */
  async #decide(round: OpenRound): Promise<BidDecision> {
    const { session, memory, pricing } = this.#options;
    const request = await this.#untilClosed(round, () => memory.terms.of(round.roundId));
    memory.advise(request, pricing());
    const parameters = await this.#untilClosed(round, () => session.parametersOf(round.parametersVersion));
    const [bids, pooled] = [memory.bonds.mark(), memory.poolBonds.mark()];
    const params = { address: session.address };
    const account = await this.#untilClosed(round, () => session.client.call('getAccount', { params }));
    const decision = decideBid({
      ...this.#known(round, parameters),
      prover: session.address,
      request,
      odds: memory.standby.odds,
      cleared: memory.cleared.of(round.circuitId),
      freeWei: BigInt(account.freeWei),
      atRiskWei:
        BigInt(account.bondedWei) + memory.bonds.openWei(bids, round.roundId) + memory.poolBonds.openWei(pooled),
      salt: randomBytes32(),
    });
    if (decision.ok) memory.bonds.reserve(round.roundId, decision.bondsWei);
    return decision;
  }

  #known(round: OpenRound, parameters: Parameters): RoundInput {
    const { session, slots } = this.#options;
    const { circuitId } = round;
    return {
      ...{ round, parameters, slots },
      pricing: this.#options.pricing(),
      circuitName: this.#options.circuitName(circuitId),
      promisedMs: this.#options.promisedMs(circuitId),
      proofsFail: this.#options.proofsFail(circuitId),
      committedMs: this.#options.committedMs(),
      nowMs: session.clock.nowMs(),
    };
  }

  /** Takes note of a cleared round. Never throws. */
  onCleared(entry: EntryOf<'roundCleared'>): void {
    const { session, log } = this.#options;
    const { roundId, bids } = entry;
    const counted = bids.find(({ message }) => message.prover === session.address)?.message.salt;
    const sent = this.#sent.get(roundId);
    if (counted && sent && !sent.includes(counted)) log('keyElsewhere', { roundId });
    void this.#options.memory.takeCleared(entry, this.#options.pricing());
  }

  /** Bids for a block that its requester withdrew have come to nothing. Never throws. */
  onWithdrawn({ roundIds }: EntryOf<'blockWithdrawn'>): void {
    const { memory, log } = this.#options;
    for (const roundId of roundIds) {
      if (memory.bonds.isOpen(roundId)) log('bidResult', { roundId, code: 'withdrawn' });
      memory.bonds.release(roundId);
    }
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
