import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ClearingInput, clear } from '#market/clear.js';
import { isLarge } from '#market/preparedClearing.js';
import type { EntryOf } from '#protocol/entries.js';
import { clearInThread, createRoundCloser, PREPARED_ATTEMPTS_MAX } from '#queue/roundCloser.js';
import { createTestDatabase, type TestDatabase } from '../setup/database.js';
import { invariantFlaws } from '../setup/invariants.js';
import { JournalExecutor } from '../setup/journalExecutor.js';
import { MarketDriver, party } from '../setup/marketDriver.js';

const BIDDERS = 90;
const JOBS = 100;

let database: TestDatabase;
let executor: JournalExecutor;
let market: MarketDriver;

beforeEach(async () => {
  database = await createTestDatabase();
  executor = await JournalExecutor.open(database.pool);
  market = await new MarketDriver(executor).open();
  await market.fund(party(1).address, 1_000n * 10n ** 18n);
});

afterEach(async () => {
  await market.advance(300_000);
  expect(await invariantFlaws(database.pool, executor.acknowledged)).toEqual([]);
  await database.drop();
});

/** A round whose window has closed, with so many jobs and bids that it is large. */
async function largeRound() {
  const bidders = await Promise.all(Array.from({ length: BIDDERS }, (_, at) => market.prover(100 + at)));
  const { roundId } = await market.submitBlock(party(1), JOBS);
  await Promise.all(
    bidders.map((one, at) =>
      market.bid(one, roundId, {
        priceWei: BigInt(1_000 + ((at * 37) % 90)),
        standbyWei: BigInt(at),
        provingMsP95: 900,
      }),
    ),
  );
  market.nowMs += 1_000;
  executor.nowMs = market.nowMs;
  return { roundId, bidders };
}

async function clearedEntry(roundId: string): Promise<EntryOf<'roundCleared'>> {
  const { rows } = await database.pool.query<{ leaf: string }>(`SELECT leaf FROM entries WHERE type = 'roundCleared'`);
  return rows.map(({ leaf }) => JSON.parse(leaf)).find((entry) => entry.roundId === roundId);
}

describe('a large round', () => {
  it('is cleared beside the writer, reckoned from when the clearing began', async () => {
    const { roundId } = await largeRound();
    const asked: ClearingInput[] = [];
    const computeClearing = async (input: ClearingInput) => {
      asked.push(input);
      const result = await clearInThread(input);
      executor.nowMs += 250;
      return result;
    };
    const closer = createRoundCloser({ journal: executor.journal, nowMs: () => executor.nowMs, computeClearing });
    await Promise.all([closer.close(roundId), closer.close(roundId)]);
    expect(asked.map(isLarge)).toEqual([true]);
    const entry = await clearedEntry(roundId);
    expect(entry.asOfMs).toBe(asked[0]!.nowMs);
    expect(entry.atMs - entry.asOfMs).toBe(250);
    expect(entry.awards).toEqual(clear(asked[0]!).awards);
    expect(entry.awards.length).toBe(JOBS);
    market.nowMs = executor.nowMs;
  });

  it('is cleared anew when what was read has changed, and by the writer in the end', async () => {
    const { roundId, bidders } = await largeRound();
    let attempts = 0;
    const computeClearing = async (input: ClearingInput) => {
      attempts += 1;
      await market.fund(bidders[0]!.address, 1n);
      return clear(input);
    };
    const closer = createRoundCloser({ journal: executor.journal, nowMs: () => executor.nowMs, computeClearing });
    await closer.close(roundId);
    expect(attempts).toBe(PREPARED_ATTEMPTS_MAX);
    const entry = await clearedEntry(roundId);
    expect(entry.asOfMs).toBe(entry.atMs);
    expect(entry.awards.length).toBe(JOBS);
  });

  it('does not count when it is too old', async () => {
    const { roundId } = await largeRound();
    const computeClearing = async (input: ClearingInput) => {
      executor.nowMs += 10_001;
      return clear(input);
    };
    const closer = createRoundCloser({ journal: executor.journal, nowMs: () => executor.nowMs, computeClearing });
    await closer.close(roundId);
    const entry = await clearedEntry(roundId);
    expect(entry.asOfMs).toBe(entry.atMs);
    market.nowMs = executor.nowMs;
  });
});
