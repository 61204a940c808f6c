/** The pool with real agents: what nobody bought, and what both sides handed back, over a coordinator that dies. */
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { BLOCK_8 } from '../fixtures/block8.js';
import { InstantAgent } from '../setup/liveAgents.js';
import { LiveMarket } from '../setup/liveMarket.js';

// Other work may share the machine; what is waited for has deadlines of its own.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

const MAX_WEI = 10n ** 15n;

let market: LiveMarket;
let cheap: InstantAgent;
let dear: InstantAgent;
let patient: InstantAgent;

beforeAll(async () => {
  market = await LiveMarket.open();
  cheap = await InstantAgent.start(market, { name: 'cheap', priceWei: 1_000_000_000_000n });
  dear = await InstantAgent.start(market, { name: 'dear', priceWei: 2_000_000_000_000n });
  // Too dear for the first round of any block here, and content with what the pool comes to pay.
  patient = await InstantAgent.start(market, { name: 'patient', priceWei: 50_000_000_000_000n });
});

afterAll(async () => {
  await market?.close();
});

/** What the winning commitments of a block earn, in wei. */
function earnedOf(blockId: string): bigint {
  const shown = new Set(market.log.all('proofAccepted', blockId).map(({ jobId, prover }) => `${jobId} ${prover}`));
  const winning = market.log.all('poolCommitted', blockId).filter(({ message: { jobId, prover } }) => {
    return shown.has(`${jobId} ${prover}`);
  });
  return winning.reduce((sum, { priceWei }) => sum + BigInt(priceWei), 0n);
}

it('brings a block that nobody bid for, at what the pool paid at each commitment', async () => {
  const before = await market.freeWei(market.requester.address);
  const terms = { bidWindowsMs: [500, 600_000], roundPricesWei: ['1', `${MAX_WEI}`], deadlineMs: Date.now() + 90_000 };
  const blockId = await market.submit(await market.order(BLOCK_8, terms));
  const step = await market.log.wait('jobsEscalated', blockId);
  expect(step).toMatchObject({ next: 'pool', reasons: [{ reason: 'noBids', jobs: 4 }], counts: { bids: 0 } });
  expect(await market.log.wait('blockCompleted', blockId, 1, 120_000)).toMatchObject({ proven: 4, expired: 0 });
  expect(market.log.all('proofAccepted', blockId).map(({ role }) => role)).toEqual(Array(4).fill('pool'));
  const after = await market.freeWei(market.requester.address, true);
  expect(before - after).toBe(earnedOf(blockId));
  await market.expectSound();
});

it('brings what both sides handed back, though the coordinator is killed while the pool is open', async () => {
  const before = await market.freeWei(market.requester.address);
  cheap.hold();
  dear.hold();
  const prices = [`${MAX_WEI / 100n}`, `${MAX_WEI}`];
  const terms = { bidWindowsMs: [2_000, 2_000], roundPricesWei: prices, deadlineMs: Date.now() + 90_000 };
  const blockId = await market.submit(await market.order(BLOCK_8, { ...terms, backup: 'required' }));
  const { awards } = await market.log.wait('roundCleared', blockId);
  const accounts = new Map([cheap, dear].map(({ account }) => [account.address as string, account]));
  for (const { jobId, primary, backup } of awards) {
    for (const side of [primary, backup!]) {
      const session = await market.session(accounts.get(side.prover)!);
      await session.giveUp(jobId, 'overloaded', '');
    }
  }
  const opened = await market.log.wait('poolOpened', blockId, awards.length);
  expect(opened).toMatchObject({ cause: 'sidesSpent' });
  await market.coordinator.kill();
  await market.coordinator.start();
  expect(await market.log.wait('blockCompleted', blockId, 1, 120_000)).toMatchObject({ proven: 4, expired: 0 });
  const accepted = market.log.all('proofAccepted', blockId);
  expect(accepted.map(({ role, prover }) => [role, prover])).toEqual(Array(4).fill(['pool', patient.account.address]));
  const agreed = awards.reduce(
    (sum, { priceWei, standbyFeeWei }) => sum + BigInt(priceWei) + BigInt(standbyFeeWei),
    0n,
  );
  const cost = before - (await market.freeWei(market.requester.address, true));
  expect(cost).toBeLessThanOrEqual(agreed);
  // Late damage of those at fault pays the requester more than the zkProofs cost.
  expect(cost).toBeLessThan(earnedOf(blockId));
  await market.expectSound();
});
