import { afterEach, beforeEach, expect, it } from 'vitest';
import { voucherWei } from '#market/settlement.js';
import { ChainDriver } from '../setup/chainDriver.js';
import { createTestDatabase, type TestDatabase } from '../setup/database.js';
import { invariantFlaws } from '../setup/invariants.js';
import { JournalExecutor } from '../setup/journalExecutor.js';
import { ETH, type Party, party } from '../setup/marketDriver.js';

let database: TestDatabase;
let first: JournalExecutor;
let market: ChainDriver;
const requester = party(1);
let provers: Party[];

beforeEach(async () => {
  database = await createTestDatabase();
  first = await JournalExecutor.open(database.pool);
  market = await new ChainDriver(first).open();
  await market.fund(requester.address);
  provers = [await market.prover(10), await market.prover(11)];
});

afterEach(async () => {
  expect(await invariantFlaws(database.pool, first.acknowledged)).toEqual([]);
  await database.drop();
});

/** What another coordinator makes of the same tables. */
async function startedAgain() {
  return (await JournalExecutor.open(database.pool)).state().settlement;
}

it('keeps deposits, withdrawals, roots and sets in tables that a start reads back as they were', async () => {
  const block = await market.submitBlock(requester, 2, { settlement: 'chain' });
  for (const one of provers) await market.bid(one, block.roundId, { priceWei: 1_000n, provingMsP95: 500 });
  await market.advance(1_000);
  expect(await startedAgain()).toEqual(market.state.settlement);
  for (const jobId of block.jobIds) {
    await market.prove(provers.find(({ address }) => address === market.job(jobId).primary!.prover)!, jobId);
    expect(await startedAgain()).toEqual(market.state.settlement);
  }
  await market.takeOut(requester, ETH);
  await market.computeRoot();
  expect(await startedAgain()).toEqual(market.state.settlement);
  await market.postRoot();
  await market.run({ kind: 'commitJobSet', setId: block.blockId });
  expect(await invariantFlaws(database.pool, first.acknowledged)).toEqual([]);
  await market.computeRoot();
  expect(await startedAgain()).toEqual(market.state.settlement);
  const { rows } = await database.pool.query('SELECT DISTINCT epoch::int FROM entitlements ORDER BY epoch');
  expect(rows).toEqual([{ epoch: 1 }, { epoch: 2 }]);
  await market.postRoot();
  await market.run({
    kind: 'noteSettledSet',
    setId: block.blockId,
    transactionHash: `0x${'ab'.repeat(32)}`,
    blockNumber: 5,
  });
  const settlement = await startedAgain();
  expect(settlement).toEqual(market.state.settlement);
  expect(settlement!.sets.size).toBe(0);
  expect(voucherWei(settlement!, requester.address)).toBe(ETH);
});

it('holds a wake-up for the next root exactly while none waits to be posted', async () => {
  const waiting = async () => (await database.pool.query("SELECT kind FROM wake_ups WHERE key = 'chain'")).rows;
  expect(await waiting()).toEqual([{ kind: 'computeBalanceRoot' }]);
  await market.computeRoot();
  expect(await waiting()).toEqual([]);
  await market.postRoot();
  expect(await waiting()).toEqual([{ kind: 'computeBalanceRoot' }]);
});
