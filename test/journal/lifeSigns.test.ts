/** What happens first after a gap must not judge anybody by a time plan that has not been shifted yet. */
import type { Pool } from 'pg';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { afterGaps, type LifeSigns, startLifeSigns } from '#journal/lifeSigns.js';
import { createTestDatabase, type TestDatabase } from '../setup/database.js';
import { invariantFlaws } from '../setup/invariants.js';
import { JournalExecutor } from '../setup/journalExecutor.js';
import { MarketDriver, party } from '../setup/marketDriver.js';

let database: TestDatabase;
let executor: JournalExecutor;
let market: MarketDriver;
let signs: LifeSigns;
let jobId: string;

/** Holds up the writing of signs until it is let go. */
let holdSigns: Promise<void> | null = null;

beforeEach(async () => {
  database = await createTestDatabase();
  executor = await JournalExecutor.open(database.pool);
  market = await new MarketDriver(executor).open();
  await market.fund(party(1).address);
  const block = await market.submitBlock(party(1), 1);
  for (const seed of [10, 11]) {
    await market.bid(await market.prover(seed), block.roundId, { priceWei: BigInt(seed * 100), provingMsP95: 500 });
  }
  await market.advance(1_000);
  jobId = block.jobIds[0]!;
  const query = async (sql: string, values: unknown[]) => {
    if (sql.includes('INSERT INTO replicas')) await holdSigns;
    return database.pool.query(sql, values);
  };
  signs = await startLifeSigns({
    pool: { query } as unknown as Pool,
    journal: executor.journal,
    replicaId: 'one',
    nowMs: () => executor.nowMs,
    log: { error: () => {} },
  });
});

afterEach(async () => {
  await signs.stop();
  expect(await invariantFlaws(database.pool, executor.acknowledged)).toEqual([]);
  await database.drop();
});

/** Lets the clock run on to behind the backup's start, with nobody at work. @returns that start */
function standStill(): number {
  const startMs = market.job(jobId).backupStartMs!;
  executor.nowMs = startMs + 10;
  return startMs;
}

it('a wake-up that comes before the next sign of life waits for the gap to be on record', async () => {
  const startMs = standStill();
  const journal = afterGaps(executor.journal, signs);
  await Promise.all([
    journal.execute({ kind: 'activateBackup', jobId }, null),
    journal.execute({ kind: 'activateBackup', jobId }, null),
  ]);
  expect(market.job(jobId).backup?.status).toBe('standby');
  expect(market.job(jobId).backupStartMs).toBeGreaterThan(startMs);
  const { rows } = await database.pool.query(`SELECT leaf::json->>'cause' AS cause FROM entries
    WHERE type = 'coordinatorStarted' ORDER BY index`);
  expect(rows.map(({ cause }) => cause)).toEqual(['start', 'stall']);
});

it('a sign that the database was slow to write does not hide the gap', async () => {
  let letGo = () => {};
  holdSigns = new Promise((resolve) => {
    letGo = resolve;
  });
  executor.nowMs += 2_500;
  const slow = signs.settled();
  await new Promise((resolve) => setTimeout(resolve, 100));
  const startMs = standStill();
  holdSigns = null;
  letGo();
  await slow;
  await afterGaps(executor.journal, signs).execute({ kind: 'activateBackup', jobId }, null);
  expect(market.job(jobId).backup?.status).toBe('standby');
  expect(market.job(jobId).backupStartMs).toBeGreaterThan(startMs);
});
