/** Writes what a batch has led to: entries, tree, postings, projections, wake-ups, answers. One transaction's worth. */
import type { PoolClient } from 'pg';
import { type MarketState, type OpenedBid, recordKey } from '#market/state.js';
import type { WakeUp } from '#market/wakeUps.js';
import { ENTRY_BYTES_MAX } from '#protocol/log/entryBundle.js';
import { leafOf, stubOf } from '#protocol/log/logLeaf.js';
import type { Bid, BidCommitment } from '#protocol/messages.js';
import { blockIdOf, type Hex } from '#protocol/units.js';
import type { CommittedEntry } from './journalPort.js';
import type { LogNode } from './presentTree.js';
import { jobToView, marketFactsOf, roundToRow, type Touched, wakeUpsOfTouched } from './projection.js';
import { writeSettlement } from './settlementRows.js';

/** Bytes that one UTF-16 unit can take in UTF-8. */
const BYTES_PER_UNIT_MAX = 3;

/** Everything that one batch adds. */
export interface BatchWrites {
  entries: CommittedEntry[];
  touched: Touched;
  treeNodes: LogNode[];
  answers: { digest: Hex; kind: string; atMs: number; answer: unknown }[];
  sealedBids: { digest: Hex; entryIndex: number; message: Bid; signature: Hex }[];
  bidCommitments: ({ digest: Hex; entryIndex: number } & BidCommitment)[];
  openedBids: ({ commitment: Hex } & OpenedBid)[];
  jobInputs: { jobId: string; input: unknown }[];
  challengeProofs: { submissionId: Hex; content: unknown }[];
}

/** No writes yet. */
export function noWrites(touched: Touched): BatchWrites {
  const bids = { sealedBids: [], bidCommitments: [], openedBids: [] };
  const beside = { ...bids, jobInputs: [], challengeProofs: [] };
  return { entries: [], touched, treeNodes: [], answers: [], ...beside };
}

/**
 * Writes a batch within the caller's transaction.
 * @param wakeUps - the wake-ups on record by entity (round or job id); brought up to date here
 * @returns the wake-ups that are new, for the bells
 */
export async function writeBatch(
  client: PoolClient,
  state: MarketState,
  writes: BatchWrites,
  wakeUps: Map<string, WakeUp[]>,
): Promise<WakeUp[]> {
  await writeEntries(client, writes.entries);
  await writeTiles(client, writes.treeNodes);
  await writePostings(client, writes.entries);
  await writePrivateRows(client, writes);
  await writeChallengeProofs(client, writes);
  await writeParties(client, state, writes.touched);
  await writeBlocks(client, state, writes.touched);
  await writeSettlement(client, state, writes.touched.chain);
  const fresh = await writeWakeUps(client, state, writes.touched, wakeUps);
  await dropWhatIsOver(client, state, writes.entries);
  return fresh;
}

async function writeEntries(client: PoolClient, entries: CommittedEntry[]): Promise<void> {
  if (entries.length === 0) return;
  await client.query(
    `INSERT INTO entries (index, type, at_ms, leaf)
     SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::text[])`,
    [
      entries.map(({ index }) => index),
      entries.map(({ entry }) => entry.type),
      entries.map(({ entry }) => entry.atMs),
      entries.map(({ leaf }) => leaf),
    ],
  );
  // Nearly all entries are short by far, in any spelling: only what may be long is looked at.
  const long = entries.flatMap(({ index, leaf }) => {
    const stub =
      leaf.length * BYTES_PER_UNIT_MAX > ENTRY_BYTES_MAX ? stubOf(Buffer.from(leafOf(leaf)).toString()) : null;
    return stub ? [{ index, sha256: stub.sha256 }] : [];
  });
  await upsert(
    client,
    `INSERT INTO long_entries (sha256, index)
     SELECT sha256, index FROM jsonb_to_recordset($1::jsonb) AS x(sha256 text, index bigint)`,
    long,
  );
}

/** Appends the hashes of complete subtrees at tile levels (every eighth level of the tree) to their tiles. */
async function writeTiles(client: PoolClient, nodes: LogNode[]): Promise<void> {
  const tiles = new Map<string, { log: number; level: number; index: number; hashes: Uint8Array[] }>();
  for (const { log, level, index, hash } of nodes) {
    if (level % 8 !== 0) continue;
    const tile = { log, level: level / 8, index: Math.floor(index / 256) };
    const key = `${log}/${tile.level}/${tile.index}`;
    const found = tiles.get(key) ?? { ...tile, hashes: [] };
    found.hashes.push(hash);
    tiles.set(key, found);
  }
  if (tiles.size === 0) return;
  const list = [...tiles.values()];
  await client.query(
    `INSERT INTO log_tiles (log_number, level, index, hashes)
     SELECT * FROM unnest($1::int[], $2::int[], $3::bigint[], $4::bytea[])
     ON CONFLICT (log_number, level, index) DO UPDATE SET hashes = log_tiles.hashes || excluded.hashes`,
    [
      list.map(({ log }) => log),
      list.map(({ level }) => level),
      list.map(({ index }) => index),
      list.map(({ hashes }) => Buffer.concat(hashes)),
    ],
  );
}

async function writePostings(client: PoolClient, entries: CommittedEntry[]): Promise<void> {
  const rows = entries.flatMap(({ index, entry }) =>
    'postings' in entry
      ? entry.postings.map((one, sequence) => ({ entry_index: index, sequence, at_ms: entry.atMs, ...one }))
      : [],
  );
  if (rows.length === 0) return;
  await client.query(
    `INSERT INTO postings (entry_index, sequence, from_account, to_account, amount_wei, why, at_ms)
     SELECT entry_index, sequence, "from", "to", "amountWei"::numeric, why, at_ms
     FROM jsonb_to_recordset($1::jsonb) AS x(entry_index bigint, sequence int, "from" text, "to" text,
       "amountWei" text, why text, at_ms bigint)`,
    [JSON.stringify(rows)],
  );
}

async function writePrivateRows(client: PoolClient, writes: BatchWrites): Promise<void> {
  if (writes.answers.length > 0) {
    await client.query(
      `INSERT INTO commands (digest, kind, at_ms, answer)
       SELECT digest, kind, "atMs", answer
       FROM jsonb_to_recordset($1::jsonb) AS x(digest text, kind text, "atMs" bigint, answer jsonb)`,
      [JSON.stringify(writes.answers)],
    );
  }
  if (writes.sealedBids.length > 0) {
    const rows = writes.sealedBids.map((bid) => ({
      ...bid,
      roundId: bid.message.roundId,
      prover: bid.message.prover,
    }));
    await client.query(
      `INSERT INTO sealed_bids (digest, round_id, prover, entry_index, message, signature)
       SELECT digest, "roundId", prover, "entryIndex", message, signature FROM jsonb_to_recordset($1::jsonb)
       AS x(digest text, "roundId" text, prover text, "entryIndex" bigint, message jsonb, signature text)`,
      [JSON.stringify(rows)],
    );
  }
  await writeCommitments(client, writes);
  if (writes.jobInputs.length > 0) {
    await client.query(
      `INSERT INTO job_inputs (job_id, input)
       SELECT "jobId", input FROM jsonb_to_recordset($1::jsonb) AS x("jobId" text, input jsonb)`,
      [JSON.stringify(writes.jobInputs)],
    );
  }
}

/** Commitments first: one and its opening may come in one batch. */
async function writeCommitments(client: PoolClient, { bidCommitments, openedBids }: BatchWrites): Promise<void> {
  await upsert(
    client,
    `INSERT INTO bid_commitments (digest, round_id, prover, commitment, entry_index)
     SELECT digest, "roundId", prover, commitment, "entryIndex" FROM jsonb_to_recordset($1::jsonb)
       AS x(digest text, "roundId" text, prover text, commitment text, "entryIndex" bigint)`,
    bidCommitments,
  );
  await upsert(
    client,
    `UPDATE bid_commitments b SET opened = x.opened FROM jsonb_to_recordset($1::jsonb)
       AS x("roundId" text, prover text, commitment text, opened jsonb)
     WHERE b.round_id = x."roundId" AND b.prover = x.prover AND b.commitment = x.commitment`,
    openedBids.map(({ commitment, message, signature }) => {
      const { roundId, prover } = message;
      return { roundId, prover, commitment, opened: { message, signature } };
    }),
  );
}

/** Keeps the zkProofs of challenges until their verdicts: in the log anybody could copy them. */
async function writeChallengeProofs(client: PoolClient, writes: BatchWrites): Promise<void> {
  await upsert(
    client,
    `INSERT INTO challenge_proofs (submission_id, content)
     SELECT "submissionId", content FROM jsonb_to_recordset($1::jsonb) AS x("submissionId" text, content jsonb)`,
    writes.challengeProofs,
  );
}

async function upsert(client: PoolClient, sql: string, rows: unknown[]): Promise<void> {
  if (rows.length > 0) await client.query(sql, [JSON.stringify(rows)]);
}

async function writeParties(client: PoolClient, state: MarketState, touched: Touched): Promise<void> {
  if (touched.market) {
    await client.query(
      'INSERT INTO market_facts (id, state) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET state = excluded.state',
      [JSON.stringify(marketFactsOf(state))],
    );
  }
  await upsert(
    client,
    `INSERT INTO balances (account, balance_wei)
     SELECT account, wei::numeric FROM jsonb_to_recordset($1::jsonb) AS x(account text, wei text)
     ON CONFLICT (account) DO UPDATE SET balance_wei = excluded.balance_wei`,
    [...touched.balances].map((account) => ({ account, wei: (state.balances.get(account) ?? 0n).toString() })),
  );
  await upsert(
    client,
    `INSERT INTO requesters (address, nonce)
     SELECT address, nonce FROM jsonb_to_recordset($1::jsonb) AS x(address text, nonce bigint)
     ON CONFLICT (address) DO UPDATE SET nonce = excluded.nonce`,
    [...touched.requesters].map((address) => state.requesters.get(address)),
  );
  await upsert(
    client,
    `INSERT INTO provers (address, owner, name, registered_at_ms)
     SELECT prover, owner, name, "registeredAtMs" FROM jsonb_to_recordset($1::jsonb)
       AS x(prover text, owner text, name text, "registeredAtMs" bigint)
     ON CONFLICT (address) DO UPDATE SET name = excluded.name`,
    [...touched.provers].map((address) => state.provers.get(address)),
  );
  await upsert(
    client,
    `INSERT INTO prover_records (prover, circuit_id, state)
     SELECT prover, "circuitId", state FROM jsonb_to_recordset($1::jsonb)
       AS x(prover text, "circuitId" text, state jsonb)
     ON CONFLICT (prover, circuit_id) DO UPDATE SET state = excluded.state`,
    [...touched.records].flatMap((key) => {
      const record = state.records.get(key);
      return record ? [{ prover: record.prover, circuitId: record.circuitId, state: record }] : [];
    }),
  );
  await upsert(
    client,
    `INSERT INTO challenges (prover, circuit_id, state)
     SELECT prover, "circuitId", state FROM jsonb_to_recordset($1::jsonb)
       AS x(prover text, "circuitId" text, state jsonb)
     ON CONFLICT (prover, circuit_id) DO UPDATE SET state = excluded.state`,
    [...touched.challenges].map((key) => {
      const challenge = state.challenges.get(key)!;
      return { prover: challenge.prover, circuitId: challenge.circuitId, state: challenge };
    }),
  );
  await upsert(
    client,
    `INSERT INTO circuits (circuit_id, state)
     SELECT "circuitId", state FROM jsonb_to_recordset($1::jsonb) AS x("circuitId" text, state jsonb)
     ON CONFLICT (circuit_id) DO NOTHING`,
    [...touched.circuits].map((circuitId) => ({ circuitId, state: state.circuits.get(circuitId) })),
  );
}

async function writeBlocks(client: PoolClient, state: MarketState, touched: Touched): Promise<void> {
  await upsert(
    client,
    `INSERT INTO blocks (block_id, requester, submitted_at_ms, completed_at_ms, state)
     SELECT "blockId", requester, "submittedAtMs", "completedAtMs", state FROM jsonb_to_recordset($1::jsonb)
       AS x("blockId" text, requester text, "submittedAtMs" bigint, "completedAtMs" bigint, state jsonb)
     ON CONFLICT (block_id) DO UPDATE SET completed_at_ms = excluded.completed_at_ms, state = excluded.state`,
    [...touched.blocks].map((blockId) => {
      const block = state.blocks.get(blockId)!;
      const { submittedAtMs, completedAtMs } = block;
      return { blockId, requester: block.request.requester, submittedAtMs, completedAtMs, state: block };
    }),
  );
  await upsert(
    client,
    `INSERT INTO rounds (round_id, block_id, closes_at_ms, cleared_at_ms, cleared_entry_index, state)
     SELECT "roundId", "blockId", "closesAtMs", "clearedAtMs", "clearedEntryIndex", state
     FROM jsonb_to_recordset($1::jsonb) AS x("roundId" text, "blockId" text, "closesAtMs" bigint,
       "clearedAtMs" bigint, "clearedEntryIndex" bigint, state jsonb)
     ON CONFLICT (round_id) DO UPDATE SET closes_at_ms = excluded.closes_at_ms,
       cleared_at_ms = excluded.cleared_at_ms, cleared_entry_index = excluded.cleared_entry_index,
       state = excluded.state`,
    [...touched.rounds].map((roundId) => {
      const row = roundToRow(state.rounds.get(roundId)!);
      return { ...row, state: row };
    }),
  );
  await upsert(
    client,
    `INSERT INTO jobs (job_id, block_id, job_index, status, outcome, deadline_ms, state)
     SELECT "jobId", "blockId", "jobIndex", status, outcome, "deadlineMs", state FROM jsonb_to_recordset($1::jsonb)
       AS x("jobId" text, "blockId" text, "jobIndex" int, status text, outcome text, "deadlineMs" bigint, state jsonb)
     ON CONFLICT (job_id) DO UPDATE SET status = excluded.status, outcome = excluded.outcome, state = excluded.state`,
    [...touched.jobs].map((jobId) => {
      const view = jobToView(state.jobs.get(jobId)!);
      const { blockId, status, outcome, deadlineMs } = view;
      return { jobId, blockId, jobIndex: Number(jobId.slice(67)), status, outcome, deadlineMs, state: view };
    }),
  );
}

async function writeWakeUps(
  client: PoolClient,
  state: MarketState,
  touched: Touched,
  known: Map<string, WakeUp[]>,
): Promise<WakeUp[]> {
  const gone: WakeUp[] = [];
  const fresh: WakeUp[] = [];
  const update = (entity: string, current: WakeUp[]) => {
    const before = known.get(entity) ?? [];
    gone.push(...before.filter(({ kind }) => !current.some((one) => one.kind === kind)));
    fresh.push(...current.filter(({ kind, dueMs }) => !before.some((one) => one.kind === kind && one.dueMs === dueMs)));
    if (current.length > 0) known.set(entity, current);
    else known.delete(entity);
  };
  for (const [entity, current] of wakeUpsOfTouched(touched, state)) update(entity, current);
  await upsert(
    client,
    `DELETE FROM wake_ups w USING jsonb_to_recordset($1::jsonb) AS x(kind text, key text)
     WHERE w.kind = x.kind AND w.key = x.key`,
    gone,
  );
  await upsert(
    client,
    `INSERT INTO wake_ups (kind, key, due_ms)
     SELECT kind, key, "dueMs" FROM jsonb_to_recordset($1::jsonb) AS x(kind text, key text, "dueMs" bigint)
     ON CONFLICT (kind, key) DO UPDATE SET due_ms = excluded.due_ms`,
    fresh,
  );
  return fresh;
}

/**
 * Sealed bids are public once cleared; private inputs and heartbeats are of no use once their job has ended, nor are
 * zkProofs of challenges after their verdict.
 */
async function dropWhatIsOver(client: PoolClient, state: MarketState, entries: CommittedEntry[]): Promise<void> {
  const cleared: string[] = [];
  const ended: string[] = [];
  const judged: Hex[] = [];
  for (const { entry } of entries) {
    if (entry.type === 'roundCleared') cleared.push(entry.roundId);
    if (entry.type === 'blockWithdrawn') cleared.push(...entry.roundIds);
    if (entry.type === 'proofAccepted' || entry.type === 'jobExpired') ended.push(entry.jobId);
    if (entry.type === 'challengePassed' || entry.type === 'challengeFailed') {
      judged.push(state.challenges.get(recordKey(entry.prover, entry.circuitId))!.submissionId as Hex);
    }
  }
  if (judged.length > 0) await client.query('DELETE FROM challenge_proofs WHERE submission_id = ANY($1)', [judged]);
  if (cleared.length > 0) {
    await client.query('DELETE FROM sealed_bids WHERE round_id = ANY($1)', [cleared]);
    await client.query('DELETE FROM bid_commitments WHERE round_id = ANY($1)', [cleared]);
  }
  if (ended.length > 0) {
    await client.query('DELETE FROM job_inputs WHERE job_id = ANY($1)', [ended]);
    await client.query('DELETE FROM heartbeats WHERE job_id = ANY($1)', [ended]);
  }
}

/** Blocks that a batch has completed: their rows are written, the live state may forget them. */
export function completedBlocks(entries: CommittedEntry[]): Hex[] {
  return entries.flatMap(({ entry }) => (entry.type === 'blockCompleted' ? [blockIdOf(entry.blockId)] : []));
}
