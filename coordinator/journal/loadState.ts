/** Reads the market's live state back from its tables: what a coordinator starts from. */
import type { PoolClient } from 'pg';
import {
  type Block,
  type Challenge,
  type Circuit,
  emptyState,
  type Job,
  type MarketState,
  type OpenedBid,
  type ProverRecord,
  type Round,
  recordKey,
} from '#market/state.js';
import type { Frontier } from '#protocol/log/merkleTree.js';
import type { Address, Hex } from '#protocol/units.js';
import type { JobView } from '#protocol/views.js';
import { jobFromView, type marketFactsOf, type RoundRow, roundFromRow } from './projection.js';
import { loadSettlement, type SettlementFacts } from './settlementRows.js';

/** Where the newest log ends. */
export interface LogHead {
  /** Entries of the market. */
  size: number;
  /** Which log it is, from 0, and the index of its first entry. */
  number: number;
  firstIndex: number;
  lastAtMs: number;
  frontier: Frontier;
  checkpoint: string;
}

/** Reads the log's head; with `lock`, as its writer until the transaction ends. */
export async function readHead(client: Pick<PoolClient, 'query'>, lock: boolean): Promise<LogHead | null> {
  const { rows } = await client.query(
    `SELECT size, log_number, first_index, last_at_ms, frontier, checkpoint FROM log_head WHERE id = 1 ${lock ? 'FOR UPDATE' : ''}`,
  );
  const row = rows[0];
  if (!row) return null;
  const bytes = new Uint8Array(row.frontier as Buffer);
  const hashes: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += 32) hashes.push(bytes.slice(at, at + 32));
  const [size, number, firstIndex] = [row.size, row.log_number, row.first_index].map(Number) as [
    number,
    number,
    number,
  ];
  const frontier = { size: size - firstIndex, hashes };
  return { size, number, firstIndex, lastAtMs: Number(row.last_at_ms), frontier, checkpoint: row.checkpoint };
}

/** Loads everything that is live: all accounts, provers and circuits, and the blocks that are not completed. */
export async function loadState(client: PoolClient, head: LogHead): Promise<MarketState> {
  const state = emptyState();
  state.size = head.size;
  state.lastAtMs = head.lastAtMs;
  await loadParties(client, state);
  await loadOpenBlocks(client, state);
  for (const job of state.jobs.values()) restoreCommitments(state, job);
  return state;
}

async function loadParties(client: PoolClient, state: MarketState): Promise<void> {
  const facts = await client.query<{ state: ReturnType<typeof marketFactsOf> & { settlement?: SettlementFacts } }>(
    'SELECT state FROM market_facts',
  );
  if (facts.rows[0]) {
    const { parameters, settlement, ...rest } = facts.rows[0].state;
    Object.assign(state, rest, { parameters: new Map(parameters) });
    state.settlement = await loadSettlement(client, settlement);
  }
  const balances = await client.query(
    `SELECT account, balance_wei::text AS wei FROM balances
     WHERE balance_wei <> 0 OR NOT (account LIKE 'escrow:%' OR account LIKE 'set:%')`,
  );
  for (const { account, wei } of balances.rows) state.balances.set(account, BigInt(wei));
  const requesters = await client.query('SELECT address, nonce FROM requesters');
  for (const { address, nonce } of requesters.rows) state.requesters.set(address, { address, nonce: Number(nonce) });
  const provers = await client.query('SELECT address, owner, name, registered_at_ms FROM provers');
  for (const { address, owner, name, registered_at_ms } of provers.rows) {
    state.provers.set(address, { prover: address, owner, name, registeredAtMs: Number(registered_at_ms) });
  }
  const records = await client.query<{ state: ProverRecord }>('SELECT state FROM prover_records');
  for (const { state: record } of records.rows) state.records.set(recordKey(record.prover, record.circuitId), record);
  const challenges = await client.query<{ state: Challenge }>('SELECT state FROM challenges');
  for (const { state: one } of challenges.rows) state.challenges.set(recordKey(one.prover, one.circuitId), one);
  const circuits = await client.query<{ state: Circuit }>('SELECT state FROM circuits');
  for (const { state: circuit } of circuits.rows) state.circuits.set(circuit.circuitId, circuit);
}

async function loadOpenBlocks(client: PoolClient, state: MarketState): Promise<void> {
  const blocks = await client.query<{ state: Block }>('SELECT state FROM blocks WHERE completed_at_ms IS NULL');
  for (const { state: block } of blocks.rows) state.blocks.set(block.blockId, block);
  const ids = [...state.blocks.keys()];
  const bidsOfRound = await loadBids(client, ids);
  const rounds = await client.query<{ state: RoundRow }>('SELECT state FROM rounds WHERE block_id = ANY($1)', [ids]);
  for (const { state: row } of rounds.rows) {
    state.rounds.set(row.roundId, roundFromRow(row, bidsOfRound.get(row.roundId) ?? noBids()));
  }
  const jobs = await client.query<{ state: JobView }>(
    'SELECT state FROM jobs WHERE block_id = ANY($1) ORDER BY block_id, job_index',
    [ids],
  );
  for (const { state: view } of jobs.rows) state.jobs.set(view.jobId, jobFromView(view));
}

type RoundBids = Pick<Round, 'bids' | 'opened'>;

const noBids = (): RoundBids => ({ bids: new Map(), opened: new Map() });

/** The commitments of open rounds in the order of the log, sealed or to be opened, with the bids that were opened. */
async function loadBids(client: PoolClient, blockIds: Hex[]): Promise<Map<string, RoundBids>> {
  const { rows } = await client.query<{
    commitment: Hex;
    round_id: string;
    prover: Address;
    opened: OpenedBid | null;
  }>(
    `SELECT commitment, b.round_id, prover, opened FROM (
       SELECT digest AS commitment, round_id, prover, entry_index, NULL::jsonb AS opened FROM sealed_bids
       UNION ALL SELECT commitment, round_id, prover, entry_index, opened FROM bid_commitments
     ) AS b JOIN rounds r USING (round_id)
     WHERE r.block_id = ANY($1) AND r.cleared_at_ms IS NULL ORDER BY entry_index`,
    [blockIds],
  );
  const found = new Map<string, RoundBids>();
  for (const { commitment, round_id, prover, opened } of rows) {
    const counting = found.get(round_id) ?? noBids();
    found.set(round_id, counting);
    counting.bids.delete(prover);
    counting.bids.set(prover, commitment);
    if (opened) counting.opened.set(prover, opened);
  }
  return found;
}

/** Commitments follow from the jobs: every side of an awarded job that has not given up. */
function restoreCommitments(state: MarketState, job: Job): void {
  if (job.status !== 'awarded') return;
  for (const side of [job.primary, job.backup]) {
    if (!side || side.status === 'gaveUp') continue;
    const held = state.commitments.get(side.prover) ?? new Map();
    held.set(job.jobId, { jobId: job.jobId, standby: side.status === 'standby', provingMs: side.provingMsP95 });
    state.commitments.set(side.prover, held);
  }
}
