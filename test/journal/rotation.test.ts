import type { Pool } from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fsck } from '#journal/fsck.js';
import { openJournal } from '#journal/journal.js';
import type { CommittedEntry } from '#journal/journalPort.js';
import type { EntryOf } from '#protocol/entries.js';
import { openCheckpoint } from '#protocol/log/checkpoint.js';
import { verifyConsistency } from '#protocol/log/consistencyProof.js';
import { verifyEd25519 } from '#protocol/log/ed25519.js';
import { verifyInclusion } from '#protocol/log/inclusionProof.js';
import { parseVerifierKey } from '#protocol/log/verifierKey.js';
import { createTestDatabase, type TestDatabase } from '../setup/database.js';
import { invariantFlaws } from '../setup/invariants.js';
import { JournalExecutor } from '../setup/journalExecutor.js';
import { MarketDriver, type Party, party } from '../setup/marketDriver.js';
import { operatorOf } from '../setup/nextLogs.js';
import { OPERATOR } from '../setup/testOperator.js';

const NEXT = OPERATOR.under('test.example/second');
const THIRD = OPERATOR.under('test.example/third');
const nameOf = ({ origin, logKey }: typeof NEXT) => ({ origin, logKey });

let database: TestDatabase;
let first: JournalExecutor;
let market: MarketDriver;
let requester: Party;
let prover: Party;

beforeEach(async () => {
  database = await createTestDatabase();
  first = await JournalExecutor.open(database.pool);
  market = await new MarketDriver(first).open({ newcomerJobs: 0 });
  requester = party(1);
  await market.fund(requester.address);
  prover = await market.prover(10);
});

afterEach(async () => {
  expect(await invariantFlaws(database.pool, first.acknowledged)).toEqual([]);
  await database.drop();
});

const hexes = (path: string[]) => path.map((hash) => new Uint8Array(Buffer.from(hash, 'hex')));
const rotate = (next = NEXT) => first.journal.rotate(nameOf(next), 'it is long');

async function prove(jobCount: number): Promise<void> {
  const { roundId, jobIds } = await market.submitBlock(requester, jobCount);
  await market.bid(prover, roundId, { priceWei: 1_000n, provingMsP95: 500 });
  await market.advance(1_000);
  for (const jobId of jobIds) await market.prove(prover, jobId);
}

describe('a rotation', () => {
  it('goes on in a tree of its own, and proves entries of every log in their own trees', async () => {
    await prove(3);
    await rotate();
    await Promise.all(Array.from({ length: 300 }, () => market.fund(prover.address, 1n)));
    await prove(2);
    await rotate(THIRD);
    await prove(1);
    const logs = await first.journal.logs();
    expect(logs.map(({ view }) => [view.number, view.origin, view.isAnnounced])).toEqual([
      [0, OPERATOR.origin, true],
      [1, NEXT.origin, true],
      [2, THIRD.origin, false],
    ]);
    for (const { view, checkpoint: note } of logs) {
      const key = parseVerifierKey(view.logKey)!;
      const opened = openCheckpoint(note, { origin: view.origin, logKeys: [key] }, verifyEd25519);
      if (!opened.ok) throw new Error(opened.reason);
      const { size, rootHash } = opened.checkpoint;
      expect(view.size ?? first.journal.size() - view.firstIndex).toBe(size);
      for (const index of [0, 1, size - 1]) {
        const found = (await first.journal.inclusionProof(view.number, index, size))!;
        const leafHash = new Uint8Array(Buffer.from(found.leafHash, 'hex'));
        expect(verifyInclusion({ leafHash, index, size, path: hexes(found.path), root: rootHash })).toBe(true);
      }
      expect(await first.journal.inclusionProof(view.number, size, size + 1)).toBeNull();
      const path = hexes((await first.journal.consistencyProof(view.number, 1, size))!);
      const head = (await first.journal.inclusionProof(view.number, 0, 1))!;
      const fromRoot = new Uint8Array(Buffer.from(head.leafHash, 'hex'));
      expect(verifyConsistency({ fromSize: 1, fromRoot, toSize: size, toRoot: rootHash, path })).toBe(true);
    }
  });

  it('tells listeners of closing and opening without a gap, and other replicas follow', async () => {
    const second = await JournalExecutor.open(database.pool);
    const heard: CommittedEntry[] = [];
    for (const { journal } of [first, second]) journal.onCommitted((entries) => heard.push(...entries));
    const { size } = market.state;
    await rotate();
    await second.journal.catchUp();
    const said = heard.map(({ index, entry }) => [index, entry.type]);
    const both = [
      [size, 'logClosed'],
      [size + 1, 'logOpened'],
    ];
    expect(said).toEqual([...both, ...both]);
    second.nowMs = market.nowMs;
    const deposit = { kind: 'deposit' as const, account: prover.address, amountWei: 1n, source: 'faucet' as const };
    expect((await second.journal.execute({ ...deposit, reference: 'by the second' }, null)).ok).toBe(true);
    expect((await first.journal.logs()).at(-1)!.checkpoint).toBe(await second.journal.checkpoint());
  });

  it('is found again by a coordinator that starts', async () => {
    await rotate();
    await prove(3);
    const again = await JournalExecutor.open(database.pool);
    expect(again.state()).toEqual(market.state);
    again.nowMs = market.nowMs;
    await again.execute({ kind: 'startCoordinator', lastSignMs: market.nowMs, cause: 'start' }, null, market.nowMs);
    expect((await again.journal.logs()).length).toBe(2);
  });

  it('names in its opening what the log before came to', async () => {
    await prove(2);
    const outcome = await rotate();
    const { rows } = await database.pool.query('SELECT leaf FROM entries ORDER BY index DESC LIMIT 1');
    const opened = JSON.parse(rows[0].leaf) as EntryOf<'logOpened'>;
    expect(outcome.ok && outcome.accepted.firstIndex).toBe(first.journal.size() - 2);
    expect(opened.previous).toMatchObject({ origin: OPERATOR.origin, size: first.journal.size() - 1 });
    expect(opened.previous.checkpoint).toBe((await first.journal.logs())[0]!.checkpoint);
  });

  it('is refused under a key that is not here, and changes nothing', async () => {
    const { size } = market.state;
    const stranger = operatorOf(9, 'other.example/market');
    await expect(first.journal.rotate(nameOf(stranger), 'why')).rejects.toThrow('could not be closed');
    expect((await first.journal.rotate(nameOf(OPERATOR), 'why')).ok).toBe(false);
    await market.fund(prover.address, 1n);
    expect(first.journal.size()).toBe(size + 1);
  });
});

describe('a journal without the key of the present log', () => {
  it('writes nothing', async () => {
    const keys = { of: () => null };
    const stranger = await openJournal({
      pool: database.pool,
      keys,
      nowMs: () => market.nowMs,
      log: { error: () => {} },
    });
    const command = { kind: 'startCoordinator' as const, lastSignMs: market.nowMs, cause: 'start' as const };
    await expect(stranger.execute(command, null)).rejects.toThrow('could not write');
  });
});

describe('fsck over several logs', () => {
  const damaged = async (pool: Pool, sql: string): Promise<string> => {
    await pool.query('BEGIN');
    await pool.query(sql);
    await pool.query('COMMIT');
    return (await fsck(pool, { checkSignatures: false })).join('\n');
  };

  it.each([
    [
      'a tile of an earlier log',
      `hashes = overlay(hashes placing '\\x00ff'::bytea from 33) WHERE log_number = 0`,
      /tile 0\/0\/0/,
    ],
    [
      'a tile of the present log',
      `hashes = overlay(hashes placing '\\x00ff'::bytea from 1) WHERE log_number = 1`,
      /tile 1\/0\/0/,
    ],
  ])('names %s that was changed', async (_name, change, words) => {
    await prove(2);
    await rotate();
    await prove(1);
    expect(await fsck(database.pool, { checkSignatures: true })).toEqual([]);
    const { rows } = await database.pool.query('SELECT log_number, level, index, hashes FROM log_tiles');
    expect(await damaged(database.pool, `UPDATE log_tiles SET ${change}`)).toMatch(words);
    for (const { log_number, level, index, hashes } of rows) {
      const sql = 'UPDATE log_tiles SET hashes = $4 WHERE log_number = $1 AND level = $2 AND index = $3';
      await database.pool.query(sql, [log_number, level, index, hashes]);
    }
  });

  it('names a head that says another log, and an opening that names another root', async () => {
    await rotate();
    expect(await damaged(database.pool, 'UPDATE log_head SET log_number = 0')).toMatch(/the head says log 0/);
    await database.pool.query('UPDATE log_head SET log_number = 1');
    const { rows } = await database.pool.query(`SELECT leaf FROM entries WHERE type = 'logOpened'`);
    const { rootHash } = JSON.parse(rows[0].leaf).previous;
    const swap = (from: string, to: string) =>
      `UPDATE entries SET leaf = replace(leaf, '${from}', '${to}') WHERE type = 'logOpened'`;
    const other = `0x${'12'.repeat(32)}`;
    expect(await damaged(database.pool, swap(rootHash, other))).toMatch(/the root hash of the log before/);
    await database.pool.query(swap(other, rootHash));
  });
});
