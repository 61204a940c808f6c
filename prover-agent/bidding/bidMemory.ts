import type { EntryOf } from '#protocol/entries.js';
import { repeatUntilDone } from '../backoff.js';
import { isUnreachable, type Session } from '../client/session.js';
import { type AgentLog, messageOf } from '../log.js';
import { BondsAtRisk } from './bondsAtRisk.js';
import { ClearedPrices, type Clearing } from './clearedPrices.js';
import type { OpenRound, Pricing } from './decideBid.js';
import { type RequestTerms, RequestTermsReader } from './requestTerms.js';
import { StandbyRecord } from './standbyPrice.js';

/** Rounds that are remembered until they are cleared. */
const ROUNDS_MAX = 1_000;
/** The newest blocks that are looked through for cleared rounds at the start. */
const BLOCKS_MAX = 20;

/** What a bidder remembers of its market: who asks, what its bids may cost in bonds, and what rounds have shown. */
export class BidMemory {
  readonly terms: RequestTermsReader;
  readonly cleared = new ClearedPrices();
  readonly bonds = new BondsAtRisk();
  /** Of pooled jobs that are being proven. */
  readonly poolBonds = new BondsAtRisk();
  readonly standby = new StandbyRecord();
  readonly #session: Session;
  readonly #log: AgentLog;
  readonly #rounds = new Map<string, Pick<OpenRound, 'circuitId' | 'maxPriceWei'>>();
  readonly #said = new Set<string>();

  constructor(session: Session, log: AgentLog) {
    this.#session = session;
    this.#log = log;
    this.terms = new RequestTermsReader(session);
  }

  /** Takes note of a round that is open. */
  note({ roundId, circuitId, maxPriceWei }: OpenRound): void {
    this.#rounds.set(roundId, { circuitId, maxPriceWei });
    if (this.#rounds.size > ROUNDS_MAX) this.#rounds.delete(this.#rounds.keys().next().value as string);
  }

  /** Takes note of a round's end, and learns from it what an adaptive prover has a use for. Never throws. */
  async takeCleared(entry: EntryOf<'roundCleared'>, { strategy }: Pick<Pricing, 'strategy'>): Promise<void> {
    const { roundId } = entry;
    this.bonds.release(roundId);
    const round = this.#rounds.get(roundId);
    this.#rounds.delete(roundId);
    if (!round || strategy !== 'adaptive') return;
    const terms = await this.terms.of(roundId).catch(() => null);
    if (terms?.pricing === 'first') this.#learn(round.circuitId, entry, round.maxPriceWei);
  }

  /** Looks through the newest blocks for what an adaptive prover can learn. Never throws. */
  async learnHistory(signal: AbortSignal): Promise<void> {
    const { client } = this.#session;
    try {
      const ask = <Result>(action: () => Promise<Result>) =>
        repeatUntilDone(action, { isWorthRepeating: isUnreachable, signal });
      const { blocks } = await ask(() => client.call('listBlocks', { query: { limit: BLOCKS_MAX } }));
      for (const { roundIds } of blocks.filter(({ request }) => request.pricing === 'first').reverse()) {
        for (const roundId of roundIds) {
          const { cleared, circuitId, maxPriceWei } = await ask(() => client.call('getRound', { params: { roundId } }));
          if (cleared) this.#learn(circuitId, cleared, maxPriceWei);
        }
      }
    } catch (error) {
      if (!signal.aborted) this.#log('catchUpFailed', { reason: messageOf(error) });
    }
  }

  /** Says, once, what a strategy has no use for where the market sets the prices. */
  advise({ pricing }: RequestTerms, { strategy, marginPercent }: Pick<Pricing, 'strategy' | 'marginPercent'>): void {
    if (pricing !== 'vickrey') return;
    if (strategy === 'adaptive') this.#say('what others bid does not matter here: the bare cost is the best bid');
    else if (marginPercent > 0)
      this.#say('a margin loses work here and never raises the pay: the bare cost is the best bid');
  }

  #say(advice: string): void {
    if (this.#said.has(advice)) return;
    this.#said.add(advice);
    this.#log('strategyAdvice', { pricing: 'vickrey', advice });
  }

  #learn(circuitId: string, clearing: Clearing, maxPriceWei: string): void {
    this.cleared.learn(circuitId, clearing, this.#session.address, BigInt(maxPriceWei));
  }
}
