/**
 * A chain behind several providers. A piece of work is done with one of them from its beginning to its end, so that what
 * it reads belongs together; when that one fails, the whole piece is begun again with the next. Those that failed rest
 * for a while, about twice as long each time, or as long as they ask for: they are not asked before, even when there is no
 * other one.
 */
import { createPublicClient, http, type PublicClient } from 'viem';
import { ChainUnavailableError, isProviderFault, isRateLimit, messageOf, WrongChainError } from './chainErrors.js';

/** Most providers of one market. */
export const PROVIDERS_MAX = 8;

/** Longest wait for a whole answer, in milliseconds. */
const TIMEOUT_MS = 20_000;

/** Longest time that a provider can ask to be left alone (Retry-After), in milliseconds. */
export const RETRY_AFTER_MS_MAX = 300_000;

const REST_MS_FIRST = 500;

/** The longest rest of a provider that failed again and again, in milliseconds. */
export const REST_MS_MAX = 30_000;

export interface ChainClientOptions {
  /** JSON-RPC addresses, the preferred one first. */
  urls: readonly string[];
  /** The chain that all of them must be of; unknown before the first question otherwise. */
  chainId?: number;
  /** Longest wait for an answer, in milliseconds. */
  timeoutMs?: number;
  nowMs: () => number;
  /** From 0 to below 1: rests are between half and whole, so that coordinators do not all come back at once. */
  random?: () => number;
  log: { warn(fields: object, message: string): void };
}

interface Provider {
  /** For people: the place in the list and the host, without the path, which may hold an access key. */
  name: string;
  client: PublicClient;
  isChecked: boolean;
  failures: number;
  restsUntilMs: number;
  /** Why it rests. */
  reason: string;
  /** It is not asked before: it said so itself. */
  refusesUntilMs: number;
}

export class ChainClient {
  readonly #options: ChainClientOptions;
  readonly #providers: Provider[];
  #chainId: number | undefined;

  constructor(options: ChainClientOptions) {
    this.#options = options;
    this.#chainId = options.chainId;
    this.#providers = options.urls.map((url, at) => ({
      name: `provider ${at + 1} (${new URL(url).host})`,
      client: createPublicClient({ transport: this.#transport(url, at) }),
      isChecked: false,
      failures: 0,
      restsUntilMs: 0,
      reason: '',
      refusesUntilMs: 0,
    }));
  }

  #transport(url: string, at: number) {
    const timeout = this.#options.timeoutMs ?? TIMEOUT_MS;
    return http(url, {
      retryCount: 0,
      timeout,
      // The signal also ends an answer that stops in the middle, for which viem would wait.
      fetchFn: (input, init) => fetch(input, { ...init, signal: AbortSignal.timeout(timeout) }),
      onFetchResponse: (response) => {
        const askedMs = response.ok ? 0 : retryAfterMs(response.headers.get('retry-after'), this.#options.nowMs());
        if (askedMs > 0) this.#providers[at]!.refusesUntilMs = this.#options.nowMs() + askedMs;
      },
    });
  }

  /** From now on only providers of this chain are used. */
  expectChain(chainId: number): void {
    this.#chainId = chainId;
    for (const provider of this.#providers) provider.isChecked = false;
  }

  /** The chain's id, asked of the first provider that answers. */
  async chainId(): Promise<number> {
    return this.use((client) => client.getChainId());
  }

  /**
   * Does a piece of work with one provider after another until one of them can do it.
   * @throws ChainUnavailableError when none can, and whatever the work throws that is no provider's fault
   */
  async use<Result>(work: (client: PublicClient) => Promise<Result>): Promise<Result> {
    const reasons: string[] = [];
    for (const provider of this.#providers) {
      if (provider.refusesUntilMs > this.#options.nowMs()) {
        const until = new Date(provider.refusesUntilMs).toISOString();
        reasons.push(`${provider.name} asks to be left alone until ${until}`);
        continue;
      }
      if (provider.restsUntilMs > this.#options.nowMs()) {
        reasons.push(provider.reason);
        continue;
      }
      try {
        if (!provider.isChecked) await this.#check(provider);
        const result = await work(provider.client);
        provider.failures = 0;
        provider.restsUntilMs = 0;
        return result;
      } catch (error) {
        if (!isProviderFault(error)) throw error;
        reasons.push(this.#rest(provider, error));
      }
    }
    const advice = 'give a further one with another --chain; it is tried again meanwhile';
    throw new ChainUnavailableError(
      `no provider of the chain could be asked: ${reasons.join('; ')}. If it lasts, ${advice}`,
    );
  }

  /** A provider of another chain is never used. */
  async #check(provider: Provider): Promise<void> {
    const found = await provider.client.getChainId();
    this.#chainId ??= found;
    if (found !== this.#chainId) {
      const words = `${provider.name} is of chain ${found}, this market is on chain ${this.#chainId}: give another address`;
      throw new WrongChainError(words);
    }
    provider.isChecked = true;
  }

  #rest(provider: Provider, error: unknown): string {
    provider.failures += 1;
    const { random = Math.random } = this.#options;
    const fullMs = Math.min(REST_MS_MAX, REST_MS_FIRST * 2 ** (provider.failures - 1));
    const restMs = Math.ceil((fullMs * (1 + random())) / 2);
    provider.restsUntilMs = this.#options.nowMs() + restMs;
    const limited = isRateLimit(error) ? ' (its rate limit: ask less often with --chain-poll-ms)' : '';
    const reason = `${messageOf(error)}${limited}`;
    this.#options.log.warn({ provider: provider.name, reason, restMs }, 'a provider of the chain failed');
    provider.reason = `${provider.name}: ${reason}`;
    return provider.reason;
  }
}

/** What Retry-After asks for, in milliseconds and within bounds; 0 when it asks for nothing. Source: RFC 9110, 10.2.3 */
function retryAfterMs(header: string | null, nowMs: number): number {
  if (header === null) return 0;
  const ms = /^[0-9]{1,9}$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - nowMs;
  return Number.isNaN(ms) ? 0 : Math.min(RETRY_AFTER_MS_MAX, Math.max(0, ms));
}
