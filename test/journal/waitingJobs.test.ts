/** Jobs that wait for others, and a withdrawal, over restarts on a real database. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../setup/database.js';
import { invariantFlaws } from '../setup/invariants.js';
import { JournalExecutor } from '../setup/journalExecutor.js';
import { ETH, entriesOf, MarketDriver, party } from '../setup/marketDriver.js';

let database: TestDatabase;
let executor: JournalExecutor;

beforeEach(async () => {
  database = await createTestDatabase();
  executor = await JournalExecutor.open(database.pool);
});

afterEach(async () => {
  await executor.journal.close();
  await database.drop();
});

/** Another process takes over: it knows nothing but the tables. */
async function restart(before: MarketDriver): Promise<MarketDriver> {
  expect(await invariantFlaws(database.pool, executor.acknowledged)).toEqual([]);
  await executor.journal.close();
  executor = await JournalExecutor.open(database.pool);
  const market = new MarketDriver(executor);
  market.nowMs = before.nowMs;
  return market;
}

it('are auctioned in turn, and withdrawn, by whichever process is there', async () => {
  let market = await new MarketDriver(executor).open();
  const requester = party(1);
  await market.fund(requester.address);
  const prover = await market.prover(10);
  await market.prover(11);
  const { blockId, roundId, jobIds } = await market.submitBlock(requester, 3, {}, [[], [0], [1]]);
  await market.bid(prover, roundId, { priceWei: ETH / 4n, provingMsP95: 500 });
  market = await restart(market);
  expect(jobIds.map((jobId) => market.job(jobId).status)).toEqual(['open', 'waiting', 'waiting']);
  await market.advance(1_000);
  const proven = await market.prove(prover, jobIds[0]!);
  expect(entriesOf(proven, 'roundOpened')).toMatchObject([{ jobIds: [jobIds[1]], roundId: `${blockId}.r1` }]);
  market = await restart(market);
  expect(market.job(jobIds[2]!)).toMatchObject({ status: 'waiting', after: [jobIds[1]], roundId: null });
  const withdrawn = await market.withdraw(requester, blockId);
  expect(entriesOf(withdrawn, 'blockCompleted')).toMatchObject([{ proven: 1, expired: 2 }]);
  market = await restart(market);
  expect(market.state.blocks.size).toBe(0);
  expect(market.state.rounds.size).toBe(0);
});
