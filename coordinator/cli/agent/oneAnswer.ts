/** Dealings with a coordinator that must answer now: a person waits, unlike an agent. */
import type { Account } from '#agent/client/account.js';
import { CoordinatorClock, Session } from '#agent/client/session.js';
import { type Client, createClient } from '#protocol/client.js';
import type { MarketView } from '#protocol/views.js';

/** Longest wait for an answer, in milliseconds. */
const ANSWER_TIMEOUT_MS = 15_000;
/** Largest answer that is read, in bytes. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;

/** A coordinator that has answered, and how its clock stands against this machine's. */
export interface Reached {
  client: Client;
  market: MarketView;
  clock: CoordinatorClock;
  /** How far this machine's clock is ahead of the coordinator's, in milliseconds; negative when it is behind. */
  skewMs: number;
  /** How long the answer took, in milliseconds: the skew is known to half of it. */
  tookMs: number;
}

/** Asks a coordinator for its market, once. Throws UnreachableError or RejectedError. */
export async function reachMarket(baseUrl: string, timeoutMs = ANSWER_TIMEOUT_MS): Promise<Reached> {
  const client = createClient({ baseUrl, fetch, timeoutMs, answerBytesMax: ANSWER_BYTES_MAX });
  const clock = new CoordinatorClock();
  const sentMs = clock.localMs();
  const market = await client.call('getMarket', {});
  const receivedMs = clock.localMs();
  clock.set(market.nowMs, sentMs);
  return { client, market, clock, skewMs: receivedMs - clock.nowMs(), tookMs: receivedMs - sentMs };
}

/** A prover's dealings with a coordinator that has answered. */
export function sessionOf({ client, market, clock }: Reached, account: Account): Session {
  return new Session({ client, account, market, clock });
}
