/** The coordinator is away for ten minutes, by the clocks of both: what an agent holds is delivered and paid afterwards. */
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { BLOCK_8 } from '../fixtures/block8.js';
import { expectedPayout } from '../setup/expectedPayout.js';
import { LeapingClock } from '../setup/leapingClock.js';
import { InstantAgent } from '../setup/liveAgents.js';
import { LiveMarket } from '../setup/liveMarket.js';
import { until } from '../setup/liveProcess.js';

// Other work may share the machine; what is waited for has deadlines of its own.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

const AWAY_MS = 600_000;

let market: LiveMarket;
let agent: InstantAgent;
let clock: LeapingClock;
let inFlight = 0;
let isAway = false;
/** When the agent asked while nobody was there, by path. */
const asked = new Map<string, number[]>();

beforeAll(async () => {
  clock = LeapingClock.install();
  market = await LiveMarket.open();
  agent = await InstantAgent.start(market, {
    ...{ name: 'patient', priceWei: 1_000_000_000_000n, slots: 4, measuredMs: 6_000 },
    fetch: async (input, init) => {
      if (isAway) {
        const path = new URL(String(input)).pathname;
        asked.set(path, [...(asked.get(path) ?? []), Date.now()]);
      }
      inFlight += 1;
      try {
        return await market.fetch(input, init);
      } finally {
        inFlight -= 1;
      }
    },
  });
});

afterAll(async () => {
  await market?.close();
  clock.uninstall();
});

it('no assignment is lost, nothing is asked in a hurry, and the work of before is paid', async () => {
  const parties = [market.requester.address, agent.account.address];
  const before = await Promise.all(parties.map((address) => market.freeWei(address, true)));
  agent.hold();
  const bidWindowsMs = [8_000, 8_000, 8_000];
  const order = await market.order(BLOCK_8, { deadlineMs: Date.now() + 3 * AWAY_MS, bidWindowsMs });
  await market.submit(order);
  const { awards } = await market.log.wait('roundCleared', order.blockId);
  expect(awards.map(({ primary }) => primary.prover)).toEqual(Array(4).fill(agent.account.address));
  await until(() => agent.events.filter(({ event }) => event === 'proofStarted').length === 4, 'four proofs');

  await market.coordinator.kill();
  isAway = true;
  agent.release();
  await until(() => agent.events.filter(({ event }) => event === 'proofMade').length === 4, 'four zkProofs');
  await clock.leap(AWAY_MS, () => inFlight === 0);
  for (const [path, times] of asked) {
    // Heartbeats at every quarter of a lease; the rest after pauses of 2.5 to 5 s, for each of up to four jobs.
    expect(times.length, path).toBeLessThanOrEqual(path === '/v1/submissions' ? 4 * 270 : 270);
  }
  expect(asked.get('/v1/heartbeats')?.length).toBeGreaterThan(100);
  isAway = false;
  market.coordinator.clockAheadMs = AWAY_MS;
  await market.coordinator.start();

  expect(await market.log.wait('blockCompleted', order.blockId)).toMatchObject({ proven: 4, expired: 0 });
  const returns = market.log.seen.flatMap(({ entry }) => (entry.type === 'coordinatorStarted' ? [entry.gapMs] : []));
  expect(Math.max(...returns)).toBeGreaterThan(AWAY_MS - 10_000);
  const entries = market.log.of(order.blockId);
  expect(entries.filter(({ type }) => ['leaseMissed', 'gaveUp', 'backupActivated'].includes(type))).toEqual([]);
  const payout = expectedPayout(entries, parties[0]!, 10n ** 15n, market.view.parameters);
  const after = await Promise.all(parties.map((address) => market.freeWei(address, true)));
  expect(after.map((wei, index) => wei - before[index]!)).toEqual(parties.map((one) => payout.get(one) ?? 0n));
  expect(payout.get(parties[1]!)).toBeGreaterThan(0n);
  await market.expectSound();
});
