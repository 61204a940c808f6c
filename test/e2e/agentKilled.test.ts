/** Agents that are killed in the middle of a real proof. */
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { readLedger } from '#agent/client/ledger.js';
import { buildExampleBlock } from '#circuits/exampleBlock.js';
import type { JobView } from '#protocol/views.js';
import { expectedPayout } from '../setup/expectedPayout.js';
import { LiveAgent } from '../setup/liveAgents.js';
import { LiveMarket } from '../setup/liveMarket.js';
import { until } from '../setup/liveProcess.js';

// Other work may share the machine; what is waited for has deadlines of its own.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

const MAX_PRICE_WEI = 10n ** 15n;

let market: LiveMarket;
let agents: LiveAgent[];

beforeAll(async () => {
  market = await LiveMarket.open();
  agents = await Promise.all([
    LiveAgent.start(market, { name: 'cheap', priceWei: 1_000_000_000_000n }),
    LiveAgent.start(market, { name: 'dear', priceWei: 1_500_000_000_000n }),
  ]);
});

afterAll(async () => {
  await market?.close();
});

/** Submits a block of one job and waits until its primary says that it is in the middle of its proof. */
async function submitAndWaitForProof(seed: number): Promise<{ blockId: string; jobId: string; primary: LiveAgent }> {
  const order = await market.order(buildExampleBlock({ transfers: 2, seed }), { bidWindowsMs: [1_500, 1_500, 1_500] });
  const blockId = await market.submit(order);
  const { awards } = await market.log.wait('roundCleared', blockId);
  const primary = agents.find(({ account }) => account.address === awards[0]!.primary.prover)!;
  expect(awards[0]!.backup).not.toBeNull();
  await until(async () => {
    const { progress } = await market.client().call('listJobs', { params: { blockId } });
    return progress.some(({ prover, stage }) => prover === primary.account.address && stage === 'proving');
  }, 'the primary to say that it is proving');
  return { blockId, jobId: `${blockId}.0`, primary };
}

async function jobOf(jobId: string): Promise<JobView> {
  return market.client().call('getJob', { params: { jobId } });
}

it('an agent that is killed while proving and comes back finds its assignment again and delivers', async () => {
  const { blockId, jobId, primary } = await submitAndWaitForProof(11);
  await primary.process.kill();
  primary.launch();
  expect((await primary.event('jobTaken')).jobId).toBe(jobId);
  await market.log.wait('blockCompleted', blockId);
  expect(await jobOf(jobId)).toMatchObject({ outcome: 'proven', deliveredBy: 'primary', activatedAtMs: null });
  expect(market.log.all('leaseMissed', blockId)).toEqual([]);
  await primary.event('feedConnected');
  await market.expectSound();
});

it('a primary that is killed while proving and stays away is slashed, its backup delivers and is paid', async () => {
  const parties = [market.requester, ...agents.map(({ account }) => account)].map(({ address }) => address);
  const before = await Promise.all(parties.map((address) => market.freeWei(address, true)));
  const { blockId, jobId, primary } = await submitAndWaitForProof(12);
  await primary.process.kill();
  await market.log.wait('blockCompleted', blockId);
  const job = await jobOf(jobId);
  expect(job).toMatchObject({ outcome: 'proven', deliveredBy: 'backup', activationCause: 'leaseMissed' });

  const after = await Promise.all(parties.map((address) => market.freeWei(address, true)));
  const gained = new Map(parties.map((address, index) => [address, after[index]! - before[index]!]));
  const [cleared] = market.log.all('roundCleared', blockId);
  const { primary: lost, backup, priceWei, standbyFeeWei } = cleared!.awards[0]!;
  // The requester's cost is fixed at the award: it pays no more, whoever delivers.
  expect(-gained.get(parties[0]!)!).toBeLessThanOrEqual(BigInt(priceWei) + BigInt(standbyFeeWei));
  expect(gained.get(lost.prover)).toBeLessThan(-BigInt(standbyFeeWei));
  expect(gained.get(backup!.prover)).toBeGreaterThan(BigInt(standbyFeeWei) + BigInt(backup!.priceBidWei));
  const payout = expectedPayout(market.log.of(blockId), parties[0]!, MAX_PRICE_WEI, market.view.parameters);
  expect(Object.fromEntries(gained)).toEqual(Object.fromEntries(payout));
  // What each agent is shown as earned is what the ledger has brought it, slash included.
  for (const { account } of agents) {
    const { sums, missingWei } = await readLedger(market.client(), account.address);
    expect([missingWei, sums.earnedWei]).toEqual([0n, sums.freeWei + sums.bondedWei - sums.byKind.deposit.wei]);
    if (account.address === primary.account.address) expect(sums.byKind.slashed.wei).toBeLessThan(0n);
    else expect(sums.byKind.rescue.wei).toBeGreaterThan(0n);
  }
  await market.expectSound();
});
