/**
 * The coordinator is killed, as by a power cut, at the worst moments of a block, and started again on its database. The
 * block must be proven all the same, nobody may lose anything by it, and nothing may happen twice.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { BLOCK_8 } from '../fixtures/block8.js';
import { expectedPayout } from '../setup/expectedPayout.js';
import { InstantAgent } from '../setup/liveAgents.js';
import { type BlockOrder, LiveMarket } from '../setup/liveMarket.js';
import { until } from '../setup/liveProcess.js';

// Other work may share the machine; what is waited for has deadlines of its own.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

const MAX_PRICE_WEI = 10n ** 15n;

let market: LiveMarket;
let agents: InstantAgent[];
/** What the next zkProofs are replaced by, one after another: for moments that need a cheat. */
let spoiled: Record<string, unknown>[] = [];

beforeAll(async () => {
  market = await LiveMarket.open();
  const bend = (made: { zkProof: Record<string, unknown> }) => ({ ...made, zkProof: spoiled.shift() ?? made.zkProof });
  agents = [
    await InstantAgent.start(market, { name: 'cheap', priceWei: 1_000_000_000_000n, bend: bend as never }),
    await InstantAgent.start(market, { name: 'middle', priceWei: 2_000_000_000_000n }),
    await InstantAgent.start(market, { name: 'dear', priceWei: 3_000_000_000_000n }),
  ];
});

afterAll(async () => {
  await market?.close();
});

beforeEach(() => {
  spoiled = [];
  for (const agent of agents) agent.release();
});

const hold = () => agents.forEach((agent) => void agent.hold());
const release = (count?: number) => agents.forEach((agent) => void agent.release(count));

/** Kills the coordinator now, says when that was, and starts it again. */
async function crash(moment: string): Promise<void> {
  await market.coordinator.kill();
  console.log(`coordinator killed: ${moment}, with ${market.log.seen.length} entries seen`);
  await market.coordinator.start();
}

/** Waits until every job of the block is being proven, as its agents say. */
async function everythingIsBeingProven(blockId: string): Promise<void> {
  await market.log.wait('roundCleared', blockId);
  await until(async () => {
    const { progress } = await market.client().call('listJobs', { params: { blockId } });
    return progress.filter(({ stage }) => stage === 'proving').length === 4;
  }, 'all four jobs to be proven');
}

/** A moment: brings the block there and says when it is reached. Runs beside the submission. */
type Moment = (order: BlockOrder, submitted: Promise<unknown>) => Promise<void>;

/** Moments in which nobody does anything wrong, so nobody may lose anything. */
const HARMLESS: Record<string, Moment> = {
  'the block is logged and its requester has no answer yet': async ({ blockId }) => {
    await market.log.wait('blockSubmitted', blockId);
  },
  'the block was acknowledged': async (_order, submitted) => {
    await submitted;
  },
  'the first of three bids is in': async ({ blockId }) => {
    await market.log.wait('bidPlaced', blockId);
  },
  'the window closes': async ({ blockId }) => {
    const { closesAtMs } = await market.log.wait('roundOpened', blockId);
    await until(() => Date.now() >= closesAtMs, 'the end of the window');
  },
  'the round is cleared': async ({ blockId }) => {
    await market.log.wait('roundCleared', blockId);
  },
  'all jobs are being proven': async ({ blockId }) => {
    hold();
    await everythingIsBeingProven(blockId);
  },
  'a zkProof was received and is being checked': async ({ blockId }) => {
    await market.log.wait('proofReceived', blockId);
  },
  'a zkProof was acknowledged to its prover': async ({ blockId }) => {
    const since = new Set(market.acknowledged);
    const { awards } = await market.log.wait('roundCleared', blockId);
    const primary = agents.find(({ account }) => account.address === awards[0]!.primary.prover)!;
    await primary.event('proofDelivered', ({ jobId }) => String(jobId).startsWith(blockId));
    expect(market.acknowledged.size).toBeGreaterThan(since.size);
  },
  'one job of four is accepted': async ({ blockId }) => {
    hold();
    await everythingIsBeingProven(blockId);
    agents
      .find(
        (agent) => agent.account.address === market.log.all('roundCleared', blockId).at(-1)!.awards[0]!.primary.prover,
      )!
      .release(1);
    await market.log.wait('proofAccepted', blockId);
  },
  'the last job is accepted': async ({ blockId }) => {
    await market.log.wait('blockCompleted', blockId);
  },
};

/** Moments after a fault of the primary, which pays for its cover and for nothing else. */
const AFTER_A_FAULT: Record<string, Moment> = {
  'an invalid zkProof has called the backup': async ({ blockId }) => {
    hold();
    await everythingIsBeingProven(blockId);
    spoiled = [{ ...(await firstZkProof()), pi_c: (await firstZkProof()).pi_a }];
    agents[0]!.release(1);
    await market.log.wait('backupActivated', blockId);
  },
  'the primary has handed a job back': async ({ blockId }) => {
    hold();
    await everythingIsBeingProven(blockId);
    const { awards } = market.log.all('roundCleared', blockId).at(-1)!;
    const primary = agents.find(({ account }) => account.address === awards[2]!.primary.prover)!;
    await (await market.session(primary.account)).giveUp(awards[2]!.jobId, 'overloaded');
  },
};

async function firstZkProof(): Promise<Record<string, unknown>> {
  const { block8Samples } = await import('../fixtures/block8.js');
  return { ...(await block8Samples())[0]!.zkProof };
}

/** Takes a block through a crash, or several, and checks that it ends as if nothing had happened. */
async function proveThrough(crashes: (order: BlockOrder, submitted: Promise<unknown>) => Promise<void>) {
  const parties = [market.requester, ...agents.map(({ account }) => account)].map(({ address }) => address);
  const before = await Promise.all(parties.map((address) => market.freeWei(address, true)));
  const order = await market.order(BLOCK_8);
  const submitted = market.submit(order);
  await crashes(order, submitted);
  expect(await submitted).toBe(order.blockId);
  release();
  expect(await market.log.wait('blockCompleted', order.blockId)).toMatchObject({ proven: 4, expired: 0 });
  const after = await Promise.all(parties.map((address) => market.freeWei(address, true)));
  const entries = market.log.of(order.blockId);
  const payout = expectedPayout(entries, parties[0]!, MAX_PRICE_WEI, market.view.parameters);
  expect(parties.map((_, index) => after[index]! - before[index]!)).toEqual(
    parties.map((address) => payout.get(address) ?? 0n),
  );
  await market.expectSound();
  return entries;
}

/** True when anything was taken from anybody. */
function isAnybodySlashed(entries: Awaited<ReturnType<typeof proveThrough>>): boolean {
  const fines = ['cover', 'lateShare', 'slashToRescuer', 'slashToRequester'];
  return entries.some((entry) => 'postings' in entry && entry.postings.some(({ why }) => fines.includes(why)));
}

describe('a coordinator killed when', () => {
  it.each(Object.entries(HARMLESS))('%s', async (name, moment) => {
    const entries = await proveThrough(async (order, submitted) => {
      await moment(order, submitted);
      await crash(name);
    });
    expect(isAnybodySlashed(entries)).toBe(false);
    expect(entries.filter(({ type }) => type === 'proofAccepted')).toHaveLength(4);
    expect(entries.filter(({ type }) => type === 'backupActivated' || type === 'leaseMissed')).toEqual([]);
  });

  it.each(Object.entries(AFTER_A_FAULT))('%s', async (name, moment) => {
    const entries = await proveThrough(async (order, submitted) => {
      await moment(order, submitted);
      await crash(name);
    });
    expect(entries.filter(({ type }) => type === 'backupActivated')).toHaveLength(1);
    expect(entries.filter(({ type }) => type === 'proofAccepted')).toHaveLength(4);
  });

  it('it has only just come back, again and again', async () => {
    const entries = await proveThrough(async ({ blockId }) => {
      hold();
      await everythingIsBeingProven(blockId);
      const starts = () => market.pool.query("SELECT 1 FROM entries WHERE type = 'coordinatorStarted'");
      for (let time = 1; time <= 3; time += 1) {
        const { rowCount } = await starts();
        await market.coordinator.kill();
        market.coordinator.launch();
        await until(async () => ((await starts()).rowCount ?? 0) > (rowCount ?? 0), 'its return to the log');
      }
      await crash('it had logged its return for the third time');
    });
    expect(isAnybodySlashed(entries)).toBe(false);
  });
});
