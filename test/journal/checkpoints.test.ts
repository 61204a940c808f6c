/**
 * No checkpoint is ever behind its log: each transaction that writes entries writes the signed checkpoint of the tree that they
 * make. Held against what the database itself says of its transactions, whatever batches the writers made.
 */
import type { Pool } from 'pg';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openCheckpoint } from '#protocol/log/checkpoint.js';
import { verifyEd25519 } from '#protocol/log/ed25519.js';
import { entryLeafHash } from '#protocol/log/logLeaf.js';
import { rootFromLeaves } from '#protocol/log/merkleTree.js';
import { createTestDatabase, type TestDatabase } from '../setup/database.js';
import { invariantFlaws } from '../setup/invariants.js';
import { JournalExecutor } from '../setup/journalExecutor.js';
import { MarketDriver, party } from '../setup/marketDriver.js';
import { OPERATOR } from '../setup/testOperator.js';

const NEXT = OPERATOR.under('test.example/second');

let database: TestDatabase;

beforeEach(async () => {
  database = await createTestDatabase();
  // Every version of the head of the log, with the transaction that wrote it.
  await database.pool.query(`
    CREATE TABLE heads (txid text, size bigint, first_index bigint, checkpoint text);
    CREATE FUNCTION keep_head() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      INSERT INTO heads VALUES (pg_current_xact_id()::xid::text, NEW.size, NEW.first_index, NEW.checkpoint);
      RETURN NULL;
    END $$;
    CREATE TRIGGER keep_head AFTER INSERT OR UPDATE ON log_head FOR EACH ROW EXECUTE FUNCTION keep_head();`);
});

afterEach(async () => {
  expect(await invariantFlaws(database.pool)).toEqual([]);
  await database.drop();
});

/** For each transaction that wrote entries: where it ended, and the last head that the same transaction wrote. */
async function batches(pool: Pool) {
  const { rows } = await pool.query<{ end: string; first_index: string; checkpoint: string }>(`
    SELECT max(e.index) + 1 AS end, (array_agg(h.first_index ORDER BY h.size DESC))[1] AS first_index,
      (array_agg(h.checkpoint ORDER BY h.size DESC))[1] AS checkpoint
    FROM entries e LEFT JOIN heads h ON h.txid = e.xmin::text GROUP BY e.xmin::text ORDER BY 1`);
  return rows.map(({ end, first_index, checkpoint }) => ({
    end: Number(end),
    firstIndex: Number(first_index),
    checkpoint,
  }));
}

it('signs a checkpoint in every transaction that writes entries, of exactly those, for any number of writers', async () => {
  const first = await JournalExecutor.open(database.pool);
  const market = await new MarketDriver(first).open();
  const second = await JournalExecutor.open(database.pool);
  second.nowMs = market.nowMs;
  let announced = 0;
  first.journal.onCommitted((entries) => {
    announced = entries.at(-1)!.index + 1;
  });
  const fund = ({ journal }: JournalExecutor, at: number, reference: string) =>
    journal.execute(
      { kind: 'deposit', account: party(at % 7).address, amountWei: 1n, source: 'faucet', reference },
      null,
    );
  for (let wave = 0; wave < 6; wave += 1) {
    const wanted = Array.from({ length: 40 }, (_, at) => fund(at % 2 ? first : second, at, `${wave} ${at}`));
    for (const { ok } of await Promise.all(wanted)) expect(ok).toBe(true);
    if (wave === 2) await first.journal.rotate({ origin: NEXT.origin, logKey: NEXT.logKey }, 'it is long');
    // Whoever is told of entries is shown a checkpoint that holds them.
    const view = (await first.journal.logs()).at(-1)!;
    const key = { origin: view.view.origin, logKeys: [OPERATOR.under(view.view.origin).verifierKey] };
    const opened = openCheckpoint(view.checkpoint, key, verifyEd25519);
    expect(opened.ok && view.view.firstIndex + opened.checkpoint.size).toBeGreaterThanOrEqual(announced);
  }
  const rows = await first.journal.readEntries(0, 10_000);
  const hashes = rows.map(({ leaf }) => entryLeafHash(leaf));
  const made = await batches(database.pool);
  expect(made.length).toBeGreaterThan(12);
  expect(made.some(({ end }, at) => at > 0 && end - made[at - 1]!.end > 1)).toBe(true);
  expect(made.at(-1)!.end).toBe(rows.length);
  for (const { end, firstIndex, checkpoint } of made) {
    const origin = firstIndex === 0 ? OPERATOR.origin : NEXT.origin;
    const trust = { origin, logKeys: [OPERATOR.under(origin).verifierKey] };
    const opened = openCheckpoint(checkpoint, trust, verifyEd25519);
    if (!opened.ok) throw new Error(`entries up to ${end} have no checkpoint of their transaction: ${opened.reason}`);
    expect(firstIndex + opened.checkpoint.size).toBe(end);
    expect(opened.checkpoint.rootHash).toEqual(rootFromLeaves(hashes.slice(firstIndex, end)));
  }
  expect(made.map(({ firstIndex }) => firstIndex).findIndex((at) => at > 0)).toBeGreaterThan(0);
});
