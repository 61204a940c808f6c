import type { BlockRequest } from '#protocol/messages.js';
import { type Address, blockIdOf, type Hex } from '#protocol/units.js';
import type { Session } from '../client/session.js';

/** Requests that are remembered. */
const REQUESTS_MAX = 500;

/** What a requester has signed, as far as a bidder has to know it; amounts in wei. */
export interface RequestTerms {
  requester: Address;
  pricing: BlockRequest['pricing'];
  /** The most that it pays in any of its rounds: what bonds are reckoned from. */
  maxPriceWei: bigint;
}

/** The terms of requests, each asked for once. */
export class RequestTermsReader {
  readonly #session: Session;
  readonly #known = new Map<Hex, Promise<RequestTerms>>();

  constructor(session: Session) {
    this.#session = session;
  }

  /**
   * The terms behind a round or a job.
   * @param id - of either
   * @throws what the coordinator's client throws; then they are asked for again the next time
   */
  of(id: string): Promise<RequestTerms> {
    const blockId = blockIdOf(id);
    const known = this.#known.get(blockId);
    if (known) return known;
    const asked = this.#ask(blockId);
    this.#known.set(blockId, asked);
    asked.catch(() => this.#known.delete(blockId));
    if (this.#known.size > REQUESTS_MAX) this.#known.delete(this.#known.keys().next().value as Hex);
    return asked;
  }

  async #ask(blockId: Hex): Promise<RequestTerms> {
    const { request } = await this.#session.client.call('getBlock', { params: { blockId } });
    const { requester, pricing, maxPriceWei } = request;
    return { requester, pricing, maxPriceWei: BigInt(maxPriceWei) };
  }
}
