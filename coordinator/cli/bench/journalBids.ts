/** Bids over HTTP to a real coordinator process: parsed, signature checked, durable in PostgreSQL, then answered. */

import type { Account } from '#agent/client/account.js';
import { RequesterClient } from '#client/requesterClient.js';
import { blockTerms } from '#protocol/blockTerms.js';
import { type BenchMarket, openBenchMarket, readExampleBlock } from './benchMarket.js';
import { type LoadResult, postAll } from './httpLoad.js';
import { bidBody, newAccounts, registrationBody } from './signedBodies.js';
import type { AtEnd } from './temporary.js';

/** Clients, each with one bid under way. */
export const BID_CLIENTS = 64;

const PROVERS = 256;

/** Each prover bids once for each round. */
const ROUNDS_OF_A_RUN = 8;

const MAX_PRICE_WEI = 10n ** 12n;
const BID_WINDOW_MS = 600_000;
const PROVING_MS = 600_000;

/** What one run came to. */
export interface BidRun extends LoadResult {
  bids: number;
  bidsPerSecond: number;
}

/**
 * Measures runs of 2,048 bids from 64 clients, after one that only warms up. Accounts are registered, rounds opened
 * and bids signed beforehand, and the load is made by this process, not by the coordinator's.
 */
export async function measureBids(atEnd: AtEnd, runs: number): Promise<BidRun[]> {
  const market = await openBenchMarket(atEnd);
  const { chainId, coordinatorId, nowMs } = market.view;
  const provers = newAccounts(PROVERS);
  const registrations = provers.map((one) => registrationBody({ chainId, coordinatorId }, one, nowMs));
  await postAll({ url: `${market.url}/v1/provers`, clients: BID_CLIENTS }, registrations);
  const measured: BidRun[] = [];
  for (let run = 0; run <= runs; run += 1) {
    const bodies = await signBids(market, provers);
    const result = await postAll({ url: `${market.url}/v1/bids`, clients: BID_CLIENTS }, bodies);
    const bidsPerSecond = (1_000 * bodies.length) / result.elapsedMs;
    if (run > 0) measured.push({ ...result, bids: bodies.length, bidsPerSecond });
  }
  return measured;
}

/** Opens rounds and signs a bid of every prover for each. */
async function signBids(market: BenchMarket, provers: readonly Account[]): Promise<string[]> {
  const { client, view, requester } = market;
  const { chainId, coordinatorId } = view;
  const bodies: string[] = [];
  for (let round = 0; round < ROUNDS_OF_A_RUN; round += 1) {
    const { nowMs } = await client.call('getMarket', {});
    const deadlineMs = nowMs + BID_WINDOW_MS + PROVING_MS;
    const terms = blockTerms({ deadlineMs, bidWindowMs: BID_WINDOW_MS, maxPriceWei: MAX_PRICE_WEI, rounds: 1 });
    const blockId = await new RequesterClient({ client, account: requester }).submit({
      file: readExampleBlock(8),
      terms,
    });
    for (const [index, prover] of provers.entries()) {
      const terms = { roundId: `${blockId}.r0`, priceWei: String(1_000_000 + index), standbyWei: '1000', nowMs };
      bodies.push(bidBody({ chainId, coordinatorId }, prover, terms));
    }
  }
  return bodies;
}
