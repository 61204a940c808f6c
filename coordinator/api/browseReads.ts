/**
 * Reads of the tables for whoever looks at a market. Each answers a bounded page by an index, whatever the length of
 * the log; what a list does not show stays in the database.
 */
import type { Pool } from 'pg';
import type { JobBrief, PostingGroup, RegisteredProver } from '#protocol/browseViews.js';
import type { Posting } from '#protocol/ledger.js';
import type { Address, Hex } from '#protocol/units.js';
import { PAGE_MAX, type RoundView } from '#protocol/views.js';
import type { MarketReads, StoredRound } from './marketReads.js';
import { roundViewOf } from './roundView.js';
import { wholeGroups } from './wholeGroups.js';

/** Which page of a list. */
export interface Page {
  before: number;
  limit: number;
}

/** Clearings that are looked through for one page of a prover's jobs: each may have many awards. */
const CLEARINGS_MAX = 200;

/** A job's stored state without what makes it long, and of the zkProof that ended it whose it was and what it earned. */
const BRIEF = `
  jobs.state - '{publicSignals,inputHash,submissions,pool}'::text[] AS state,
  blocks.requester, blocks.submitted_at_ms, counted.received_at_ms, counted.deliverer,
  (SELECT one->>'priceWei' FROM jsonb_array_elements(jobs.state->'pool'->'commitments') AS one
    WHERE one->>'submissionId' = counted.submission_id LIMIT 1) AS pool_price`;

/** The zkProof that ended a job: of those that are valid, the one with the earliest claim. */
const COUNTED = `
  LEFT JOIN LATERAL (
    SELECT (one->>'receivedAtMs')::bigint AS received_at_ms, one->>'prover' AS deliverer,
      one->>'submissionId' AS submission_id
    FROM jsonb_array_elements(jobs.state->'submissions') AS one
    WHERE one->>'verdict' = 'valid' ORDER BY (one->>'claimIndex')::bigint LIMIT 1
  ) AS counted ON true`;

type FromOutside = 'requester' | 'submittedAtMs' | 'receivedAtMs' | 'awardEntryIndex' | 'deliverer' | 'poolPriceWei';

interface BriefRow {
  state: Omit<JobBrief, FromOutside>;
  received_at_ms: string | null;
  deliverer: string | null;
  pool_price: string | null;
  requester: string;
  submitted_at_ms: string;
  award_index: string | null;
}

export class BrowseReads {
  readonly #pool: Pool;
  readonly #market: Pick<MarketReads, 'bidCounts'>;

  constructor(pool: Pool, market: Pick<MarketReads, 'bidCounts'>) {
    this.#pool = pool;
    this.#market = market;
  }

  async provers({ before, limit }: Page): Promise<RegisteredProver[]> {
    const { rows } = await this.#pool.query<{ prover: Address; owner: Address; name: string; registered: string }>(
      `SELECT address AS prover, owner, name, registered_at_ms AS registered FROM provers WHERE registered_at_ms < $1
       ORDER BY registered_at_ms DESC, address LIMIT $2`,
      [before, limit + 1],
    );
    return wholeGroups(rows, limit, ({ registered }) => BigInt(registered)).map(({ registered, ...one }) => ({
      ...one,
      registeredAtMs: Number(registered),
    }));
  }

  /** Jobs of the newest blocks, of one requester if one is named. */
  async jobs({ before, limit }: Page, requester: Address | null): Promise<JobBrief[]> {
    const { rows } = await this.#pool.query<BriefRow>(
      `SELECT ${BRIEF}, NULL AS award_index
       FROM (SELECT * FROM blocks WHERE submitted_at_ms < $1 AND ($3::text IS NULL OR requester = $3)
             ORDER BY submitted_at_ms DESC, block_id LIMIT $2) AS blocks
       JOIN jobs USING (block_id) ${COUNTED}
       ORDER BY submitted_at_ms DESC, block_id, job_index LIMIT $2`,
      [before, limit + 1, requester],
    );
    return wholeGroups(rows, limit, (row) => BigInt(row.submitted_at_ms)).map(briefOf);
  }

  /**
   * Jobs that a prover was awarded or has committed to in the pool: both lock a bond, and postings are found by their
   * account. A job that it has committed to again and again stands where it did so last.
   */
  async jobsOf(prover: Address, { before, limit }: Page): Promise<JobBrief[]> {
    const { rows } = await this.#pool.query<BriefRow>(
      `WITH cleared AS (
         SELECT DISTINCT entry_index FROM postings
         WHERE from_account = $1 AND entry_index < $3 AND why = 'bondLocked' ORDER BY entry_index DESC LIMIT $5
       ), leaves AS MATERIALIZED (
         SELECT entry_index, leaf::jsonb AS leaf FROM cleared JOIN entries ON entries.index = entry_index
       ), won AS (
         SELECT max(locked.entry_index) AS award_index, job_id FROM (
           SELECT entry_index, award->>'jobId' AS job_id
           FROM leaves CROSS JOIN LATERAL jsonb_array_elements(leaf->'awards') AS award
           WHERE $2 IN (award->'primary'->>'prover', award->'backup'->>'prover')
           UNION ALL
           SELECT entry_index, leaf->'message'->>'jobId' FROM leaves WHERE leaf->>'type' = 'poolCommitted'
         ) AS locked GROUP BY job_id
       )
       SELECT ${BRIEF}, won.award_index FROM won JOIN jobs USING (job_id) JOIN blocks USING (block_id) ${COUNTED}
       ORDER BY won.award_index DESC, jobs.job_index LIMIT $4`,
      [`account:${prover}`, prover, before, limit + 1, Math.min(limit + 1, CLEARINGS_MAX)],
    );
    return wholeGroups(rows, limit, (row) => BigInt(row.award_index!)).map(briefOf);
  }

  /** The rounds of a block with how many bids count in each; null when there is no such block. */
  async roundsOf(blockId: Hex): Promise<RoundView[] | null> {
    const { rows } = await this.#pool.query<{ state: StoredRound; bids: number | null }>(
      `SELECT rounds.state,
         (SELECT jsonb_array_length(leaf::jsonb->'bids') FROM entries WHERE index = rounds.cleared_entry_index) AS bids
       FROM rounds WHERE block_id = $1 ORDER BY (rounds.state->>'openedAtMs')::bigint, round_id LIMIT $2`,
      [blockId, PAGE_MAX],
    );
    if (rows.length === 0) return null;
    const sealed = await this.#market.bidCounts(
      rows.filter(({ bids }) => bids === null).map(({ state }) => state.roundId),
    );
    return rows.map(({ state, bids }) => roundViewOf(state, bids ?? sealed.get(state.roundId) ?? 0));
  }

  /** Sums of all postings of the entries that touch a block's escrow; null when there is no such block. */
  async postingsOf(blockId: Hex): Promise<PostingGroup[] | null> {
    const { rows } = await this.#pool.query<{
      from: string;
      to: string;
      why: Posting['why'];
      amount: string;
      count: number;
      first: string;
      last: string;
    }>(
      `SELECT from_account AS "from", to_account AS "to", why, sum(amount_wei)::text AS amount, count(*)::int AS count,
         min(entry_index) AS first, max(entry_index) AS last
       FROM postings WHERE entry_index IN (
         SELECT entry_index FROM postings WHERE from_account = $1
         UNION SELECT entry_index FROM postings WHERE to_account = $1)
       GROUP BY from_account, to_account, why ORDER BY sum(amount_wei) DESC, first LIMIT $2`,
      [`escrow:${blockId}`, PAGE_MAX],
    );
    if (rows.length === 0) return null;
    return rows.map(({ amount, first, last, ...one }) => ({
      ...one,
      amountWei: amount,
      firstIndex: Number(first),
      lastIndex: Number(last),
    }));
  }
}

function briefOf(row: BriefRow): JobBrief {
  return {
    ...row.state,
    requester: row.requester as Address,
    submittedAtMs: Number(row.submitted_at_ms),
    receivedAtMs: row.received_at_ms === null ? null : Number(row.received_at_ms),
    deliverer: row.deliverer as Address | null,
    poolPriceWei: row.pool_price,
    awardEntryIndex: row.award_index === null ? null : Number(row.award_index),
  };
}
