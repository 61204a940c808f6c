import { pause } from '../backoff.js';
import type { AgentLog } from '../log.js';
import type { Session } from './session.js';

/** News that comes in a burst is looked into once, this long after the first, in milliseconds. */
const SETTLE_MS = 500;
/** Readings are at least this far apart, in milliseconds: a busy prover's money moves with every job. */
const EVERY_MS = 10_000;

/**
 * Where the prover stands with the market: its money and its scores, read when something has moved and logged when they
 * have changed. A reading that fails is made up for by the next.
 */
export class Standing {
  readonly #session: Session;
  readonly #log: AgentLog;
  readonly #signal: AbortSignal;
  readonly #told = new Map<string, string>();
  #isDue = false;
  #readMs = Number.NEGATIVE_INFINITY;

  constructor(session: Session, log: AgentLog, signal: AbortSignal) {
    this.#session = session;
    this.#log = log;
    this.#signal = signal;
  }

  /** Looks soon. Never throws. */
  look(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    const waitMs = Math.max(SETTLE_MS, this.#readMs + EVERY_MS - performance.now());
    void pause(waitMs, this.#signal).then(() => {
      this.#isDue = false;
      this.#readMs = performance.now();
      if (!this.#signal.aborted) void this.#read().catch(() => undefined);
    });
  }

  async #read(): Promise<void> {
    const { client, address } = this.#session;
    const params = { address };
    const { freeWei, bondedWei } = await client.call('getAccount', { params });
    if (this.#isNews('account', { freeWei, bondedWei })) this.#log('account', { freeWei, bondedWei });
    const { scores } = await client.call('getScores', { params });
    for (const { circuitId, isEligible, flaws, onTimePpm, latencyPct, reachablePpm } of scores) {
      const score = { circuitId, isEligible, flaws, onTimePpm, latencyPct, reachablePpm };
      if (this.#isNews(circuitId, score)) this.#log('score', score);
    }
  }

  #isNews(key: string, fields: object): boolean {
    const text = JSON.stringify(fields);
    if (this.#told.get(key) === text) return false;
    this.#told.set(key, text);
    return true;
  }
}
