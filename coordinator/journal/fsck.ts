/**
 * `fsck`: folds the whole log anew and compares the result with every table, the tree and the money. What differs is
 * said in a sentence each; an empty list means that the tables are the fold of the log (invariants I3, I4, I5, I7).
 */
import type { Pool, PoolClient } from 'pg';
import { LogTrees } from '#market/logTrees.js';
import { Replay } from '#market/replay.js';
import type { MarketState } from '#market/state.js';
import { wakeUpsByEntity } from '#market/wakeUps.js';
import { canonicalJson } from '#protocol/log/canonicalJson.js';
import { parseCheckpoint } from '#protocol/log/checkpoint.js';
import { leafOf, stubOf } from '#protocol/log/logLeaf.js';
import { type Frontier, rootOf, type TreeNode } from '#protocol/log/merkleTree.js';
import { parseSignedNote } from '#protocol/log/signedNote.js';
import type { Hex } from '#protocol/units.js';
import { type LogHead, readHead } from './loadState.js';
import { jobToView, marketFactsOf, roundToRow } from './projection.js';
import { SETTLEMENT_ROWS_SQL, settlementRows } from './settlementRows.js';

const PAGE = 1_000;

/** A tile holds this many hashes, of every so many levels of the tree. */
const TILE_HASHES = 256;
const TILE_LEVELS = 8;

/** Differences named before the check stops looking for more. */
const PROBLEMS_MAX = 100;

/** Rows that must stand in a table, by primary key, as canonical JSON. */
type Expected = Map<string, { table: string; key: string; state: string }>;

/**
 * Checks a market's database in one snapshot.
 * @returns sentences about what differs; empty when all is well
 */
export async function fsck(pool: Pool, options: { checkSignatures: boolean }): Promise<string[]> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    return (await check(client, options.checkSignatures)).slice(0, PROBLEMS_MAX);
  } finally {
    await client.query('ROLLBACK').catch(() => {});
    client.release();
  }
}

async function check(client: PoolClient, checkSignatures: boolean): Promise<string[]> {
  const problems: string[] = [];
  const head = await readHead(client, false);
  if (!head) return ['there is no log'];
  const expected: Expected = new Map();
  const replay = new Replay({
    checkSignatures,
    onBlockCompleted: (state, blockId) => expectBlock(expected, state, blockId),
  });
  const trees = new LogTrees();
  const tiles: TileHashes = new Map();
  const counts = new Map<string, number>();
  for (let from = 0; from < head.size; from += PAGE) {
    const { rows } = await client.query<{ index: string; type: string; leaf: string }>(
      'SELECT index, type, leaf FROM entries WHERE index >= $1 AND index < $2 ORDER BY index',
      [from, Math.min(head.size, from + PAGE)],
    );
    for (const { index, leaf } of rows) {
      if (Number(index) !== replay.state.size) problems.push(`the log has no entry ${replay.state.size}`);
      const flaw = trees.flawOf(leaf) ?? replay.pushLeaf(leaf);
      if (flaw) return [...problems, flaw];
      addToTiles(tiles, trees.append(leaf), trees.number);
    }
    problems.push(...(await compareLongEntries(client, rows)));
    problems.push(...(await comparePostings(client, rows)));
    problems.push(...(await compareRows(client, expected, counts)));
    expected.clear();
    problems.push(...(await compareTiles(client, tiles, ({ length }) => length === TILE_HASHES)));
  }
  const divergence = replay.end();
  if (divergence) return [...problems, `entry ${divergence.index} (${divergence.type}): ${divergence.explanation}`];
  problems.push(...checkHead(head, replay.state, trees.frontier), ...(await compareTiles(client, tiles, () => true)));
  for (const blockId of replay.state.blocks.keys()) expectBlock(expected, replay.state, blockId);
  expectParties(expected, replay.state);
  problems.push(...(await compareRows(client, expected, counts)), ...(await countRows(client, counts)));
  problems.push(...(await compareMoney(client, replay.state)), ...(await compareWakeUps(client, replay.state)));
  problems.push(...(await compareCommitments(client, replay.state)));
  return problems;
}

function checkHead(head: LogHead, state: MarketState, frontier: Frontier): string[] {
  const problems: string[] = [];
  const { size } = frontier;
  const rootHash = rootOf(frontier);
  if (head.size !== state.size) problems.push(`the head says ${head.size} entries, the log has ${state.size}`);
  if (head.firstIndex !== state.logFirstIndex || head.number !== state.earlierLogs.length) {
    const words = `log ${state.earlierLogs.length} from entry ${state.logFirstIndex} on`;
    problems.push(`the head says log ${head.number} from entry ${head.firstIndex} on, it is ${words}`);
  }
  if (!Buffer.concat(head.frontier.hashes).equals(Buffer.concat(frontier.hashes))) {
    problems.push('the head does not have the hashes that the tree grows from');
  }
  const note = parseSignedNote(head.checkpoint);
  const checkpoint = note && parseCheckpoint(note.text);
  if (size > 0 && !checkpoint) problems.push('the checkpoint is not a signed note');
  if (checkpoint && (checkpoint.size !== size || !Buffer.from(checkpoint.rootHash).equals(rootHash))) {
    problems.push('the checkpoint does not have the size and root hash of the log');
  }
  return problems;
}

function expectRow(expected: Expected, table: string, key: string, state: unknown): void {
  expected.set(`${table}|${key}`, { table, key, state: canonicalJson(JSON.parse(JSON.stringify(state))) });
}

function expectBlock(expected: Expected, state: MarketState, blockId: Hex): void {
  const block = state.blocks.get(blockId)!;
  expectRow(expected, 'blocks', blockId, block);
  for (const jobId of block.jobIds) expectRow(expected, 'jobs', jobId, jobToView(state.jobs.get(jobId)!));
  for (let number = 0; number < block.roundCount; number += 1) {
    const roundId = `${blockId}.r${number}`;
    expectRow(expected, 'rounds', roundId, roundToRow(state.rounds.get(roundId)!));
  }
}

function expectParties(expected: Expected, state: MarketState): void {
  expectRow(expected, 'market_facts', '1', marketFactsOf(state));
  for (const circuit of state.circuits.values()) expectRow(expected, 'circuits', circuit.circuitId, circuit);
  for (const [key, record] of state.records) expectRow(expected, 'prover_records', key, record);
  for (const [key, challenge] of state.challenges) expectRow(expected, 'challenges', key, challenge);
  for (const { address, nonce } of state.requesters.values()) {
    expectRow(expected, 'requesters', address, { address, nonce });
  }
  for (const { table, key, state: row } of settlementRows(state)) expectRow(expected, table, key, row);
  for (const prover of state.provers.values()) expectRow(expected, 'provers', prover.prover, prover);
}

/** How the state of a table's rows is selected, and their number, by primary key. */
const STATE_SQL: Record<string, { key: string; state: string }> = {
  market_facts: { key: 'id::text', state: 'state' },
  circuits: { key: 'circuit_id', state: 'state' },
  prover_records: { key: `prover || '|' || circuit_id`, state: 'state' },
  challenges: { key: `prover || '|' || circuit_id`, state: 'state' },
  requesters: { key: 'address', state: `json_build_object('address', address, 'nonce', nonce)` },
  provers: {
    key: 'address',
    state: `json_build_object('prover', address, 'owner', owner, 'name', name, 'registeredAtMs', registered_at_ms)`,
  },
  blocks: { key: 'block_id', state: 'state' },
  rounds: { key: 'round_id', state: 'state' },
  jobs: { key: 'job_id', state: 'state' },
  ...SETTLEMENT_ROWS_SQL,
};

/** @param counts - how many rows each table must have, added up here */
async function compareRows(client: PoolClient, expected: Expected, counts: Map<string, number>): Promise<string[]> {
  const problems: string[] = [];
  for (const [table, sql] of Object.entries(STATE_SQL)) {
    const wanted = [...expected.values()].filter((row) => row.table === table);
    counts.set(table, (counts.get(table) ?? 0) + wanted.length);
    if (wanted.length === 0) continue;
    const { rows } = await client.query<{ key: string; state: unknown }>(
      `SELECT ${sql.key} AS key, ${sql.state} AS state FROM ${table} WHERE ${sql.key} = ANY($1)`,
      [wanted.map(({ key }) => key)],
    );
    const found = new Map(rows.map(({ key, state }) => [key, canonicalJson(state)]));
    for (const { key, state } of wanted) {
      if (!found.has(key)) problems.push(`${table} has no row ${key}`);
      else if (found.get(key) !== state) problems.push(`${table} ${key} is ${found.get(key)}, the log says ${state}`);
    }
  }
  return problems;
}

/** Rows that nothing in the log asks for. */
async function countRows(client: PoolClient, counts: Map<string, number>): Promise<string[]> {
  const problems: string[] = [];
  for (const [table, wanted] of counts) {
    const { rows } = await client.query(`SELECT count(*) AS n FROM ${table}`);
    if (Number(rows[0].n) > wanted) problems.push(`${table} has ${rows[0].n} rows, the log asks for ${wanted}`);
  }
  return problems;
}

/** Hashes of tiles that were not compared yet, by `log/level/index`. */
type TileHashes = Map<string, Uint8Array[]>;

function addToTiles(tiles: TileHashes, nodes: TreeNode[], log: number): void {
  for (const { level, index, hash } of nodes) {
    if (level % TILE_LEVELS !== 0) continue;
    const key = `${log}/${level / TILE_LEVELS}/${Math.floor(index / TILE_HASHES)}`;
    tiles.set(key, [...(tiles.get(key) ?? []), hash]);
  }
}

/** Compares those that are `due` and lets go of them. */
async function compareTiles(
  client: PoolClient,
  tiles: TileHashes,
  due: (hashes: Uint8Array[]) => boolean,
): Promise<string[]> {
  const problems: string[] = [];
  for (const [key, hashes] of tiles) {
    if (!due(hashes)) continue;
    tiles.delete(key);
    const { rows } = await client.query<{ hashes: Buffer }>(
      'SELECT hashes FROM log_tiles WHERE log_number = $1 AND level = $2 AND index = $3',
      key.split('/'),
    );
    if (!rows[0]?.hashes.equals(Buffer.concat(hashes))) problems.push(`tile ${key} is not that of the log`);
  }
  return problems;
}

/** Each entry that stands in the tree as a stub can be found by its hash. */
async function compareLongEntries(client: PoolClient, entries: { index: string; leaf: string }[]): Promise<string[]> {
  const problems: string[] = [];
  for (const { index, leaf } of entries) {
    const stub = stubOf(Buffer.from(leafOf(leaf)).toString('utf8'));
    if (!stub) continue;
    const { rows } = await client.query<{ index: string }>('SELECT index FROM long_entries WHERE sha256 = $1', [
      stub.sha256,
    ]);
    if (rows[0]?.index !== index)
      problems.push(`entry ${index} is longer than a bundle holds and has no row by its hash`);
  }
  return problems;
}

async function comparePostings(client: PoolClient, entries: { index: string; leaf: string }[]): Promise<string[]> {
  const said = entries.flatMap(({ index, leaf }) => {
    const { postings = [] } = JSON.parse(leaf) as { postings?: { from: string; to: string; amountWei: string }[] };
    return postings.map(({ from, to, amountWei }, sequence) => `${index}/${sequence} ${from} ${to} ${amountWei}`);
  });
  if (entries.length === 0) return [];
  const { rows } = await client.query(
    `SELECT entry_index, sequence, from_account, to_account, amount_wei::text AS wei FROM postings
     WHERE entry_index BETWEEN $1 AND $2 ORDER BY entry_index, sequence`,
    [entries[0]!.index, entries.at(-1)!.index],
  );
  const kept = rows.map((row) => `${row.entry_index}/${row.sequence} ${row.from_account} ${row.to_account} ${row.wei}`);
  const wrong = said.find((line, at) => kept[at] !== line) ?? kept[said.length];
  return wrong ? [`the postings table differs from the log at ${wrong}`] : [];
}

async function compareMoney(client: PoolClient, state: MarketState): Promise<string[]> {
  const problems: string[] = [];
  const { rows } = await client.query<{ account: string; wei: string }>(
    'SELECT account, balance_wei::text AS wei FROM balances',
  );
  let sum = 0n;
  for (const { account, wei } of rows) {
    sum += BigInt(wei);
    const said = state.balances.get(account) ?? 0n;
    if (said !== BigInt(wei)) problems.push(`balance of ${account} is ${wei} wei, the log says ${said}`);
    if (account !== 'outside' && BigInt(wei) < 0n) problems.push(`balance of ${account} is below zero: ${wei} wei`);
  }
  if (sum !== 0n) problems.push(`the ledger does not balance: debits and credits differ by ${sum} wei`);
  const kept = new Set(rows.map(({ account }) => account));
  for (const [account, wei] of state.balances) {
    if (wei !== 0n && !kept.has(account)) problems.push(`balances has no row for ${account}`);
  }
  return problems;
}

async function compareWakeUps(client: PoolClient, state: MarketState): Promise<string[]> {
  const { rows } = await client.query('SELECT kind, key, due_ms FROM wake_ups');
  const kept = new Set(rows.map(({ kind, key, due_ms }) => `${kind} ${key} ${due_ms}`));
  const said = new Set<string>();
  for (const wakeUps of wakeUpsByEntity(state).values()) {
    for (const { kind, key, dueMs } of wakeUps) said.add(`${kind} ${key} ${dueMs}`);
  }
  return [
    ...[...said].filter((line) => !kept.has(line)).map((line) => `wake_ups lacks ${line}`),
    ...[...kept].filter((line) => !said.has(line)).map((line) => `wake_ups has ${line}, which nothing asks for`),
  ];
}

/** Commitments that count in open rounds, and the bids opened: of those that were replaced nothing is asked. */
async function compareCommitments(client: PoolClient, state: MarketState): Promise<string[]> {
  const { rows } = await client.query<{ round_id: string; prover: string; commitment: string; opened: unknown }>(
    `SELECT DISTINCT ON (round_id, prover) round_id, prover, commitment, opened FROM bid_commitments
     ORDER BY round_id, prover, entry_index DESC`,
  );
  const kept = new Set(
    rows.map((row) => `${row.round_id} ${row.prover} ${row.commitment} ${canonicalJson(row.opened)}`),
  );
  const said = new Set<string>();
  for (const { sealing, roundId, bids, opened } of state.rounds.values()) {
    if (sealing !== 'commitReveal') continue;
    for (const [prover, commitment] of bids) {
      said.add(`${roundId} ${prover} ${commitment} ${canonicalJson(opened.get(prover) ?? null)}`);
    }
  }
  return [
    ...[...said].filter((line) => !kept.has(line)).map((line) => `bid_commitments lacks ${line}`),
    ...[...kept].filter((line) => !said.has(line)).map((line) => `bid_commitments has ${line}, the log does not`),
  ];
}
