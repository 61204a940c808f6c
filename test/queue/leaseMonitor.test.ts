/** What the watch over agents makes of heartbeats, on a real database. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type LeaseMonitor, startLeaseMonitor } from '#queue/leaseMonitor.js';
import { createTestDatabase, type TestDatabase } from '../setup/database.js';
import { invariantFlaws } from '../setup/invariants.js';
import { JournalExecutor } from '../setup/journalExecutor.js';
import { ETH, MarketDriver, type Party, party } from '../setup/marketDriver.js';

let database: TestDatabase;
let executor: JournalExecutor;
let market: MarketDriver;
let monitor: LeaseMonitor;
let cheap: Party;
let solid: Party;
let jobIds: string[];

beforeEach(async () => {
  database = await createTestDatabase();
  executor = await JournalExecutor.open(database.pool);
  market = await new MarketDriver(executor).open({ newcomerJobs: 0 });
  const requester = party(1);
  await market.fund(requester.address);
  [cheap, solid] = [await market.prover(10), await market.prover(11)];
  const block = await market.submitBlock(requester, 2);
  jobIds = block.jobIds;
  await market.bid(cheap, block.roundId, { priceWei: ETH / 100n, standbyWei: ETH / 10n });
  await market.bid(solid, block.roundId, { priceWei: ETH / 50n, standbyWei: 1_000n });
  await market.advance(1_000);
  const log = { error: () => {} };
  monitor = startLeaseMonitor({ pool: database.pool, journal: executor.journal, nowMs: () => market.nowMs, log });
});

afterEach(async () => {
  await monitor.stop();
  expect(await invariantFlaws(database.pool, executor.acknowledged)).toEqual([]);
  await executor.journal.close();
  await database.drop();
});

const beat = (jobId: string, { address }: Party, expectedEndMs: number | null) =>
  database.pool.query(
    `INSERT INTO heartbeats (job_id, prover, last_seen_ms, stage, progress_ppm, expected_end_ms)
     VALUES ($1, $2, $3, 'proving', 0, $4)
     ON CONFLICT (job_id, prover) DO UPDATE SET last_seen_ms = excluded.last_seen_ms,
       expected_end_ms = excluded.expected_end_ms`,
    [jobId, address, market.nowMs, expectedEndMs],
  );

it('calls the backup of a primary that expects to be late, and of no other', async () => {
  const [first, second] = jobIds as [string, string];
  const dueMs = market.job(first).primary!.dueMs;
  await beat(first, cheap, dueMs + 2_000);
  await beat(second, cheap, null);
  await beat(second, solid, dueMs + 60_000);
  await monitor.check();
  expect(jobIds.map((jobId) => market.job(jobId).activationCause)).toEqual([null, null]);
  await beat(first, cheap, dueMs + 2_001);
  await monitor.check();
  await monitor.check();
  expect(jobIds.map((jobId) => market.job(jobId).activationCause)).toEqual(['predictedMiss', null]);
});

it('takes no silence for a forecast: whoever never says a time is judged by its lease alone', async () => {
  for (const jobId of jobIds) await beat(jobId, cheap, null);
  market.nowMs += 9_000;
  await monitor.check();
  expect(jobIds.map((jobId) => market.job(jobId).activationCause)).toEqual([null, null]);
  market.nowMs += 2_000;
  executor.nowMs = market.nowMs;
  await monitor.check();
  expect(jobIds.map((jobId) => market.job(jobId).activationCause)).toEqual(['leaseMissed', 'leaseMissed']);
});
