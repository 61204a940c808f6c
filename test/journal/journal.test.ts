import type { Pool } from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { canonicalJson } from '#protocol/log/canonicalJson.js';
import { parseCheckpoint } from '#protocol/log/checkpoint.js';
import { verifyConsistency } from '#protocol/log/consistencyProof.js';
import { verifyInclusion } from '#protocol/log/inclusionProof.js';
import { parseSignedNote } from '#protocol/log/signedNote.js';
import { createTestDatabase, type TestDatabase } from '../setup/database.js';
import { invariantFlaws } from '../setup/invariants.js';
import { JournalExecutor } from '../setup/journalExecutor.js';
import { ETH, MarketDriver, type Party, party } from '../setup/marketDriver.js';

let database: TestDatabase;
let first: JournalExecutor;
let market: MarketDriver;
let requester: Party;
let provers: Party[];

beforeEach(async () => {
  database = await createTestDatabase();
  first = await JournalExecutor.open(database.pool);
  market = await new MarketDriver(first).open();
  requester = party(1);
  await market.fund(requester.address);
  provers = [await market.prover(10), await market.prover(11), await market.prover(12)];
});

afterEach(async () => {
  expect(await invariantFlaws(database.pool, first.acknowledged)).toEqual([]);
  await database.drop();
});

async function award(driver: MarketDriver, jobCount: number) {
  const block = await driver.submitBlock(requester, jobCount);
  await Promise.all(
    provers.map((one, at) => driver.bid(one, block.roundId, { priceWei: BigInt(1_000 + at * 500), provingMsP95: 500 })),
  );
  await driver.advance(1_000);
  return block;
}

function deliverer(driver: MarketDriver, jobId: string): Party {
  return provers.find(({ address }) => address === driver.job(jobId).primary?.prover)!;
}

const hexes = (path: string[]) => path.map((hash) => new Uint8Array(Buffer.from(hash, 'hex')));

async function checkpointOf(pool: Pool) {
  const { rows } = await pool.query('SELECT checkpoint FROM log_head');
  return parseCheckpoint(parseSignedNote(rows[0].checkpoint)!.text)!;
}

describe('the writer', () => {
  it('carries blocks to their end, with the tables as the fold of the log', async () => {
    const { jobIds } = await award(market, 6);
    for (const jobId of jobIds.slice(0, 4)) await market.prove(deliverer(market, jobId), jobId);
    await market.giveUp(deliverer(market, jobIds[4]!), jobIds[4]!);
    expect(await invariantFlaws(database.pool, first.acknowledged)).toEqual([]);
    await market.advance(200_000);
    expect(market.state.blocks.size).toBe(0);
    const inputs = await database.pool.query('SELECT count(*)::int AS n FROM job_inputs');
    expect(inputs.rows[0].n).toBe(0);
  });

  it('gives the same message the same answer, five times at once and later', async () => {
    const message = await market.request(requester);
    const { digest, signature } = await requester.sign('BlockRequest', message);
    const jobs = [{ publicSignals: ['1', '2', '3'], inputHash: digest }];
    const send = () => first.journal.execute({ kind: 'submitBlock', message, signature, digest, jobs }, digest);
    const answers = await Promise.all([send(), send(), send(), send(), send()]);
    answers.push(await send());
    expect(new Set(answers.map((answer) => canonicalJson(answer))).size).toBe(1);
    expect(market.state.blocks.size).toBe(1);
    await market.advance(300_000);
  });

  it('answers many at once from a few transactions, each exactly once', async () => {
    const block = await market.submitBlock(requester, 2);
    const before = first.journal.size();
    const bids = Array.from({ length: 60 }, (_, at) =>
      market.bid(provers[at % 3]!, block.roundId, { priceWei: BigInt(1_000 + at) }),
    );
    const executed = await Promise.all(bids);
    expect(executed.every(({ ok }) => ok)).toBe(true);
    expect(first.journal.size() - before).toBe(60);
    await market.advance(300_000);
  });

  it('starts again from its tables as it was', async () => {
    const { jobIds, blockId } = await award(market, 3);
    await market.prove(deliverer(market, jobIds[0]!), jobIds[0]!);
    const reopened = await JournalExecutor.open(database.pool);
    expect(reopened.state()).toEqual(first.state());
    const next = await market.submitBlock(requester, 2);
    await market.bid(provers[0]!, next.roundId, { priceWei: 900n });
    await market.bid(provers[0]!, next.roundId, { priceWei: 800n });
    await market.bid(provers[1]!, next.roundId, { priceWei: 850n });
    const again = await JournalExecutor.open(database.pool);
    expect(again.state()).toEqual(first.state());
    expect([...again.state().rounds.get(next.roundId)!.bids]).toEqual([
      ...first.state().rounds.get(next.roundId)!.bids,
    ]);
    expect(again.state().blocks.has(blockId)).toBe(true);
    await market.advance(300_000);
  });

  it('starts again as it was while bids are being opened, and keeps to the parameters of open rounds', async () => {
    const { roundId } = await market.submitBlock(requester, 1, { sealing: 'commitReveal' });
    await market.commit(provers[0]!, roundId, { priceWei: 900n });
    const [one, two] = [
      await market.commit(provers[1]!, roundId, { priceWei: 1_000n }),
      await market.commit(provers[0]!, roundId, { priceWei: 800n }),
    ];
    // Commitments are bytes: another prover may send the same, and can never open them.
    const commitment = market.state.rounds.get(roundId)!.bids.get(provers[0]!.address)!;
    const message = { roundId, prover: provers[2]!.address, commitment };
    const signed = await provers[2]!.sign('BidCommitment', message);
    await market.run({ kind: 'commitBid', message, ...signed }, signed.digest);
    await market.advance(1_000);
    await market.openBid(provers[0]!, two.bid);
    const parameters = { ...market.state.parameters.get(1)!, bidForfeitBps: 10_000, lateDamageBps: 1 };
    await market.run({ kind: 'setParameters', version: 2, parameters, reason: 'a test' });
    expect(await invariantFlaws(database.pool, first.acknowledged)).toEqual([]);
    const again = await JournalExecutor.open(database.pool);
    expect(again.state()).toEqual(first.state());
    expect([...again.state().rounds.get(roundId)!.bids]).toEqual([...first.state().rounds.get(roundId)!.bids]);
    await market.openBid(provers[1]!, one.bid);
    await market.advance(3_000);
    const forfeited = await database.pool.query(
      `SELECT amount_wei::text AS wei FROM postings WHERE why = 'bidForfeited'`,
    );
    expect(forfeited.rows).toEqual([{ wei: (ETH / 20n).toString() }]);
    expect((await database.pool.query('SELECT digest FROM bid_commitments')).rows).toEqual([]);
    await market.advance(300_000);
  });

  it('survives a transaction that the database breaks off, losing and doubling nothing', async () => {
    const { jobIds } = await award(market, 2);
    await database.pool.query('ALTER TABLE jobs ADD CONSTRAINT broken CHECK (outcome IS NULL)');
    await expect(market.prove(deliverer(market, jobIds[0]!), jobIds[0]!)).rejects.toThrow(/could not write/);
    await database.pool.query('ALTER TABLE jobs DROP CONSTRAINT broken');
    const [submission] = market.job(jobIds[0]!).submissions;
    await market.judge(jobIds[0]!, submission!.submissionId, true);
    await market.prove(deliverer(market, jobIds[1]!), jobIds[1]!);
    expect(market.state.blocks.size).toBe(0);
    expect(first.errors.length).toBeGreaterThan(0);
  });
});

describe('listeners', () => {
  it('are told of every committed entry once, also when the answer to a commit was lost', async () => {
    const told: number[] = [];
    let loseAnswer = false;
    const pool = Object.create(database.pool) as Pool;
    pool.connect = (async () => {
      const client = await database.pool.connect();
      const query = client.query.bind(client) as (...args: unknown[]) => Promise<unknown>;
      const losing = async (...args: unknown[]) => {
        const result = await query(...args);
        if (args[0] !== 'COMMIT' || !loseAnswer) return result;
        loseAnswer = false;
        throw Object.assign(new Error('the connection was lost'), { code: '08006' });
      };
      return Object.assign(Object.create(client), { query: losing, release: () => client.release() });
    }) as never;
    const second = await JournalExecutor.open(pool);
    second.nowMs = market.nowMs;
    second.journal.onCommitted((entries) => told.push(...entries.map(({ index }) => index)));
    const before = second.journal.size();
    const deposit = (reference: string) =>
      second.journal.execute(
        { kind: 'deposit', account: requester.address, amountWei: 1n, source: 'faucet', reference },
        null,
      );
    loseAnswer = true;
    await expect(deposit('lost answer')).rejects.toThrow(/could not write/);
    await deposit('after it');
    expect(told).toEqual([before, before + 1]);
    expect(second.journal.size()).toBe(before + 2);
  });
});

describe('two coordinators on one database', () => {
  it('take turns at the head: every command of both stands once, and both end with the same state', async () => {
    const second = await JournalExecutor.open(database.pool);
    const other = new MarketDriver(second);
    other.nowMs = market.nowMs;
    const rival = party(2);
    await market.fund(rival.address);
    const [one, two] = await Promise.all([market.submitBlock(requester, 4), other.submitBlock(rival, 4)]);
    expect([one.executed.ok, two.executed.ok]).toEqual([true, true]);
    await Promise.all(
      provers.flatMap((prover, at) => [
        market.bid(prover, one.roundId, { priceWei: BigInt(1_000 + at) }),
        other.bid(prover, two.roundId, { priceWei: BigInt(1_000 + at) }),
      ]),
    );
    await first.journal.execute({ kind: 'activateBackup', jobId: 'none' }, null);
    await second.journal.execute({ kind: 'activateBackup', jobId: 'none' }, null);
    expect(second.state()).toEqual(first.state());
    first.nowMs = market.nowMs + 1_000;
    second.nowMs = first.nowMs;
    const closings = [first, second].flatMap(({ journal }) =>
      [one.roundId, two.roundId].map((roundId) => journal.execute({ kind: 'closeRound', roundId, bids: [] }, null)),
    );
    const entryCounts = (await Promise.all(closings)).map((answer) => (answer.ok ? answer.accepted.entryCount : -1));
    expect(entryCounts.filter((count) => count === 1)).toHaveLength(2);
    expect(entryCounts.filter((count) => count === 0)).toHaveLength(2);
    market.nowMs = first.nowMs;
    await second.journal.execute({ kind: 'activateBackup', jobId: 'none' }, null);
    for (const digest of second.acknowledged) first.acknowledged.add(digest);
    await market.advance(300_000);
    await second.journal.execute({ kind: 'activateBackup', jobId: 'none' }, null);
    expect(second.state()).toEqual(first.state());
  });
});

describe('the log', () => {
  it('proves inclusion of every entry and consistency of every earlier size', async () => {
    const { jobIds } = await award(market, 40);
    const early = await checkpointOf(database.pool);
    for (const jobId of jobIds) await market.prove(deliverer(market, jobId), jobId);
    const { size, rootHash } = await checkpointOf(database.pool);
    expect(size).toBe(first.journal.size());
    for (let index = 0; index < size; index += 7) {
      const found = (await first.journal.inclusionProof(0, index, size))!;
      const leafHash = new Uint8Array(Buffer.from(found.leafHash, 'hex'));
      expect(verifyInclusion({ leafHash, index, size, path: hexes(found.path), root: rootHash })).toBe(true);
      expect(verifyInclusion({ leafHash, index: index + 1, size, path: hexes(found.path), root: rootHash })).toBe(
        false,
      );
    }
    const path = hexes((await first.journal.consistencyProof(0, early.size, size))!);
    const roots = { fromSize: early.size, fromRoot: early.rootHash, toSize: size, toRoot: rootHash };
    expect(verifyConsistency({ ...roots, path })).toBe(true);
    expect(verifyConsistency({ ...roots, fromRoot: rootHash, path })).toBe(false);
    expect(await first.journal.inclusionProof(0, size, size)).toBeNull();
    expect(await first.journal.consistencyProof(0, 3, size + 1)).toBeNull();
  });
});

describe('fsck', () => {
  it.each([
    [
      'an entry',
      `UPDATE entries SET leaf = replace(leaf, '"priceWei":"', '"priceWei":"1') WHERE type = 'roundCleared'`,
    ],
    ['a balance', `UPDATE balances SET balance_wei = balance_wei + 1 WHERE account LIKE 'account:%'`],
    ['a posting', `UPDATE postings SET amount_wei = amount_wei + 1`],
    ['a job', `UPDATE jobs SET state = jsonb_set(state, '{outcome}', '"expired"')`],
    ['a record', `UPDATE prover_records SET state = jsonb_set(state, '{missed}', '9')`],
    ['a wake-up', `DELETE FROM wake_ups`],
    ['an entry that is no entry any more', `UPDATE entries SET leaf = '{' || leaf WHERE type = 'roundCleared'`],
    ['a tile', `UPDATE log_tiles SET hashes = overlay(hashes placing '\\x00ff'::bytea from 33)`],
    ['the seed of the tree', `UPDATE log_head SET frontier = overlay(frontier placing '\\x00ff'::bytea from 1)`],
    [
      'a job that nobody submitted',
      `INSERT INTO jobs SELECT job_id || '9', block_id, job_index + 9, status, outcome, deadline_ms, state FROM jobs LIMIT 1`,
    ],
    ['the head', `UPDATE log_head SET checkpoint = replace(checkpoint, E'\\n', 'x')`],
  ])('names %s that was changed behind its back', async (_, sql) => {
    const { jobIds } = await award(market, 2);
    await market.prove(deliverer(market, jobIds[0]!), jobIds[0]!);
    const client = await database.pool.connect();
    await client.query('BEGIN');
    await client.query(sql);
    const { fsck } = await import('#journal/fsck.js');
    const inside = { connect: async () => ({ query: readOnly(client), release() {} }) } as unknown as Pool;
    expect(await fsck(inside, { checkSignatures: false })).not.toEqual([]);
    await client.query('ROLLBACK');
    client.release();
    await market.prove(deliverer(market, jobIds[1]!), jobIds[1]!);
  });
});

/** Lets fsck read inside the test's own transaction, which is rolled back later. */
function readOnly(client: { query(...args: unknown[]): unknown }) {
  return async (sql: string, values?: unknown[]) => {
    if (/^(BEGIN|ROLLBACK)/.test(sql)) return { rows: [] };
    return client.query(sql, values);
  };
}
