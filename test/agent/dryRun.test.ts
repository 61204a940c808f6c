import { describe, expect, it } from 'vitest';
import { PLAIN_COSTS } from '#agent/bidding/costModel.js';
import type { Pricing } from '#agent/bidding/decideBid.js';
import { ANY_WORK } from '#agent/bidding/priceOverride.js';
import { moneyMoved } from '#agent/status/moneyMoved.js';
import { DryRun, type DryRunOptions } from '#cli/agent/dryRun.js';
import type { BlockRequest } from '#protocol/messages.js';
import type { Address } from '#protocol/units.js';
import { ETH, MarketDriver, MemoryExecutor, type Party, party } from '../setup/marketDriver.js';

const PROVING_MS = 2_000;
const NOBODY: Address = `0x${'0'.repeat(39)}1`;
const PRICING: Pricing = {
  ...{ ...PLAIN_COSTS, ...ANY_WORK, strategy: 'cost-plus', maxBondWei: null },
  ...{ priceWei: ETH / 5n, standbyWei: ETH / 50n },
};

interface Market {
  memory: MemoryExecutor;
  driver: MarketDriver;
  requester: Party;
  provers: Party[];
}

/** A market with a requester and provers that are established. */
async function open(proverCount: number): Promise<Market> {
  const memory = new MemoryExecutor();
  const driver = await new MarketDriver(memory).open({ newcomerJobs: 0 });
  const requester = party(1);
  await driver.fund(requester.address);
  const provers: Party[] = [];
  for (let i = 0; i < proverCount; i += 1) provers.push(await driver.prover(10 + i));
  return { memory, driver, requester, provers };
}

/** A block of one job that goes through the market: the bidders' prices are given, the primary delivers in time. */
async function round(market: Market, prices: readonly bigint[], terms: Partial<BlockRequest> = {}): Promise<void> {
  const { driver, requester, provers } = market;
  const { roundId, jobIds } = await driver.submitBlock(requester, 1, terms);
  for (const [at, priceWei] of prices.entries()) {
    await driver.bid(provers[at]!, roundId, { priceWei, standbyWei: priceWei / 10n, provingMsP95: PROVING_MS });
  }
  await driver.advance(1_000);
  const primary = driver.job(jobIds[0]!).primary?.prover;
  const winner = provers.find(({ address }) => address === primary);
  if (winner) await driver.prove(winner, jobIds[0]!);
  await driver.advance(1_000);
}

function dryRun({ memory }: Market, more: Partial<DryRunOptions> = {}): DryRun {
  const run = new DryRun({
    ...{ prover: NOBODY, pricing: PRICING, slots: 1, promisedMs: () => PROVING_MS, stakeWei: 1_000n * ETH },
    ...{ odds: { calledPpm: 50_000, missedPpm: 50_000 }, roundsMax: 100 },
    ...more,
  });
  for (const entry of memory.entries) run.push(entry);
  return run;
}

describe('the dry run', () => {
  it('says of a prover’s own past bids just what they earned', async () => {
    const market = await open(3);
    const [me] = market.provers;
    for (const other of [ETH / 4n, ETH / 10n, ETH / 3n]) await round(market, [ETH / 5n, other, ETH / 2n]);
    const earnedWei = market.memory.entries.reduce(
      (sum, entry) => sum + ('postings' in entry ? moneyMoved(entry.postings, me!.address) : 0n),
      0n,
    );
    const { rounds } = dryRun(market, { prover: me!.address, pricing: { ...PRICING, standbyWei: ETH / 50n } });
    expect(rounds.map(({ primaryJobs }) => primaryJobs)).toEqual([1, 0, 1]);
    expect(rounds.reduce((sum, one) => sum + one.earnedWei, 0n)).toBe(earnedWei);
    expect(earnedWei).toBeGreaterThan(0n);
  });

  it('puts a new bid among those that were there, and says why it would have lost', async () => {
    const market = await open(2);
    await round(market, [ETH / 4n, ETH / 3n]);
    const cheap = dryRun(market).rounds[0]!;
    expect(cheap).toMatchObject({ primaryJobs: 1, jobs: 1, explanation: { code: 'wonPrimary' } });
    // Paid what its absence would have cost: more than it asked.
    expect(cheap.earnedWei).toBeGreaterThan(ETH / 5n);
    const dear = dryRun(market, { pricing: { ...PRICING, priceWei: ETH / 2n, standbyWei: ETH / 2n } }).rounds[0]!;
    expect(dear).toMatchObject({ primaryJobs: 0, earnedWei: 0n, explanation: { code: 'outbid' } });
  });

  it('holds what it has won: a slow prover has no time for the next round', async () => {
    const market = await open(1);
    await round(market, [ETH / 2n]);
    await round(market, [ETH / 2n]);
    const slow = { promisedMs: () => 50_000 };
    expect(dryRun(market, slow).rounds.map(({ primaryJobs }) => primaryJobs)).toEqual([1, 0]);
    expect(dryRun(market, { ...slow, slots: 2 }).rounds.map(({ primaryJobs }) => primaryJobs)).toEqual([1, 1]);
  });

  it('is paid for being called where the log shows that its primary failed', async () => {
    const market = await open(2);
    const { driver, requester, provers } = market;
    const { roundId, jobIds } = await driver.submitBlock(requester, 1, { missCostWei: (50n * ETH).toString() });
    await driver.bid(provers[0]!, roundId, { priceWei: ETH / 10n, standbyWei: ETH / 10n, provingMsP95: PROVING_MS });
    await driver.bid(provers[1]!, roundId, { priceWei: ETH / 2n, standbyWei: ETH / 20n, provingMsP95: PROVING_MS });
    await driver.advance(1_000);
    await driver.giveUp(provers[0]!, jobIds[0]!);
    const [only] = dryRun(market).rounds;
    expect(only).toMatchObject({ backupJobs: 1, calledJobs: 1 });
    expect(only!.earnedWei).toBeGreaterThanOrEqual(ETH / 50n + ETH / 5n);
  });

  it('earns more with the adaptive strategy where each is paid its own bid, and never asks below cost', async () => {
    const market = await open(2);
    const first = { pricing: 'first' as const };
    for (let i = 0; i < 12; i += 1) await round(market, [ETH / 2n, (6n * ETH) / 10n], first);
    const sum = (run: DryRun) => run.rounds.reduce((total, one) => total + one.earnedWei, 0n);
    const plain = dryRun(market);
    const adaptive = dryRun(market, { pricing: { ...PRICING, strategy: 'adaptive' } });
    expect(sum(adaptive)).toBeGreaterThan(sum(plain));
    for (const { decision } of adaptive.rounds) {
      if (decision.ok) expect(BigInt(decision.bid.priceWei)).toBeGreaterThanOrEqual(decision.costWei);
    }
  });

  it('passes rounds by that the settings do not want, and keeps the newest', async () => {
    const market = await open(1);
    for (let i = 0; i < 3; i += 1) await round(market, [ETH / 2n]);
    const { rounds } = dryRun(market, { pricing: { ...PRICING, denyRequesters: [party(1).address] }, roundsMax: 2 });
    expect(rounds.map(({ decision }) => (decision.ok ? 'bid' : decision.code))).toEqual(['notWanted', 'notWanted']);
  });
});
