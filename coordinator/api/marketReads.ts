/**
 * Reads of the tables for the API. The database is the truth here: the live state of this process may be a moment
 * behind what another replica has written, and does not have completed blocks any more.
 */
import type { Pool } from 'pg';
import type { ProverRecord } from '#market/state.js';
import type { Prisma, PrismaClient } from '#prisma/generated/client.js';
import type { EntryOf } from '#protocol/entries.js';
import type { Posting } from '#protocol/ledger.js';
import type { BlockRequest } from '#protocol/messages.js';
import { type Address, type Hex, roundIdOf } from '#protocol/units.js';
import {
  type AccountView,
  type BlockView,
  type ChallengeView,
  type CircuitView,
  type JobView,
  PAGE_MAX,
  type ProgressView,
  type RoundView,
  SCORES_MAX,
} from '#protocol/views.js';
import { wholeGroups } from './wholeGroups.js';

/** `blocks.state`. */
interface StoredBlock {
  blockId: Hex;
  request: BlockRequest;
  jobIds: string[];
  submittedAtMs: number;
  withdrawnAtMs: number | null;
  roundCount: number;
  provenCount: number;
  expiredCount: number;
  completedAtMs: number | null;
}

/** `rounds.state`: a round without its bids, and where in the log it was cleared. */
export type StoredRound = Omit<RoundView, 'bidCount'> & { clearedEntryIndex: number | null };

/** Which bid of a prover counts in a round. */
export interface Commitment {
  prover: Address;
  commitment: Hex;
}

/** A cleared round's entry with its place in the log. */
export interface ClearedRound {
  entryIndex: number;
  entry: EntryOf<'roundCleared'>;
}

/** Bids looked at in one page when a cleared round's commitments are gathered from the log. */
const BIDS_PAGE = 2_000;

export class MarketReads {
  readonly #prisma: PrismaClient;
  readonly #pool: Pool;

  constructor(prisma: PrismaClient, pool: Pool) {
    this.#prisma = prisma;
    this.#pool = pool;
  }

  /** Throws when the database does not answer. */
  async ping(): Promise<void> {
    await this.#pool.query('SELECT 1');
  }

  /** True when a message with this digest has its first answer: whoever sends it again must get that one. */
  async isAnswered(digest: Hex): Promise<boolean> {
    return (await this.#prisma.command.count({ where: { digest } })) > 0;
  }

  async account(address: Address): Promise<AccountView> {
    const [balances, requester, prover, challenges] = await Promise.all([
      this.#prisma.balance.findMany({ where: { account: { in: [`account:${address}`, `bond:${address}`] } } }),
      this.#prisma.requester.findUnique({ where: { address } }),
      this.#prisma.prover.findUnique({ where: { address } }),
      this.challenges(address),
    ]);
    const challengesPassed = challenges.flatMap(({ status, circuitId }) => (status === 'passed' ? circuitId : []));
    const balanceOf = (account: string) =>
      balances.find((one) => one.account === account)?.balanceWei.toFixed(0) ?? '0';
    return {
      address,
      freeWei: balanceOf(`account:${address}`),
      bondedWei: balanceOf(`bond:${address}`),
      lastNonce: Number(requester?.nonce ?? 0),
      prover: prover && { owner: prover.owner as Address, name: prover.name, challengesPassed },
    };
  }

  /** The newest challenge of a prover for each circuit. */
  async challenges(prover: Address): Promise<ChallengeView[]> {
    const found = await this.#prisma.challenge.findMany({ where: { prover }, take: PAGE_MAX });
    return found.map(({ state }) => read<ChallengeView>(state));
  }

  async isProver(address: Address): Promise<boolean> {
    return (await this.#prisma.prover.count({ where: { address } })) > 0;
  }

  /** Postings of an account's free and bonded money, newest first. */
  async postings(address: Address, before: number, limit: number) {
    const accounts = [`account:${address}`, `bond:${address}`];
    const found = await this.#prisma.posting.findMany({
      where: { entryIndex: { lt: before }, OR: [{ from: { in: accounts } }, { to: { in: accounts } }] },
      orderBy: [{ entryIndex: 'desc' }, { sequence: 'desc' }],
      take: limit + 1,
    });
    return wholeGroups(found, limit, (one) => one.entryIndex).map((one) => ({
      from: one.from,
      to: one.to,
      amountWei: one.amountWei.toFixed(0),
      why: one.why as Posting['why'],
      entryIndex: Number(one.entryIndex),
      sequence: one.sequence,
      atMs: Number(one.atMs),
    }));
  }

  /** The market's own circuits first: anybody may register others, and must not crowd those out of the page. */
  async circuits(): Promise<CircuitView[]> {
    const isGeneric: Prisma.CircuitWhereInput = { state: { path: ['kind'], equals: 'generic' } };
    const orderBy = { circuitId: 'asc' as const };
    const own = await this.#prisma.circuit.findMany({ where: { NOT: isGeneric }, take: PAGE_MAX, orderBy });
    const others = await this.#prisma.circuit.findMany({ where: isGeneric, take: PAGE_MAX - own.length, orderBy });
    return [...own, ...others].map(({ state }) => read<CircuitView>(state));
  }

  async circuit(circuitId: Hex): Promise<CircuitView | null> {
    const found = await this.#prisma.circuit.findUnique({ where: { circuitId } });
    return found && read<CircuitView>(found.state);
  }

  async blocks(filter: { requester?: Address; before: number; limit: number }): Promise<BlockView[]> {
    const { requester, before, limit } = filter;
    const found = await this.#prisma.block.findMany({
      where: { submittedAtMs: { lt: before }, ...(requester && { requester }) },
      orderBy: [{ submittedAtMs: 'desc' }, { blockId: 'asc' }],
      take: limit + 1,
    });
    return wholeGroups(found, limit, (one) => one.submittedAtMs).map(({ state }) => blockView(read(state)));
  }

  async block(blockId: Hex): Promise<BlockView | null> {
    const found = await this.#prisma.block.findUnique({ where: { blockId } });
    return found && blockView(read(found.state));
  }

  async jobsOf(blockId: Hex): Promise<JobView[]> {
    const found = await this.#prisma.job.findMany({ where: { blockId }, orderBy: { jobIndex: 'asc' } });
    return found.map(({ state }) => read<JobView>(state));
  }

  async job(jobId: string): Promise<JobView | null> {
    const found = await this.#prisma.job.findUnique({ where: { jobId } });
    return found && read<JobView>(found.state);
  }

  /** Those of the named jobs that there are. */
  async jobs(jobIds: readonly string[]): Promise<JobView[]> {
    if (jobIds.length === 0) return [];
    const found = await this.#prisma.job.findMany({ where: { jobId: { in: [...jobIds] } } });
    return found.map(({ state }) => read<JobView>(state));
  }

  /** The running jobs that a prover holds an assignment of. */
  async dues(prover: Address): Promise<JobView[]> {
    const holds = (side: string): Prisma.JobWhereInput => ({ state: { path: [side, 'prover'], equals: prover } });
    const found = await this.#prisma.job.findMany({
      where: { status: 'awarded', OR: [holds('primary'), holds('backup')] },
      orderBy: [{ deadlineMs: 'asc' }, { jobId: 'asc' }],
      take: 10_000,
    });
    return found.map(({ state }) => read<JobView>(state)).filter((job) => holdsAssignment(job, prover));
  }

  /** The jobs that are in the pool, the nearest deadline first. */
  async pooled(): Promise<JobView[]> {
    const { rows } = await this.#pool.query<{ state: JobView }>(
      `SELECT state FROM jobs WHERE status IN ('awarded', 'pooled') AND state->'pool' <> 'null'
       ORDER BY deadline_ms, job_id LIMIT $1`,
      [PAGE_MAX],
    );
    return rows.map(({ state }) => state);
  }

  /** A prover's records, one for each circuit that it has worked on. */
  async records(prover: Address): Promise<ProverRecord[]> {
    const orderBy = { circuitId: 'asc' as const };
    const found = await this.#prisma.proverRecord.findMany({ where: { prover }, orderBy, take: SCORES_MAX });
    return found.map(({ state }) => read<ProverRecord>(state));
  }

  /** Size of the log that is durable, whoever wrote it. */
  async logSize(): Promise<number> {
    const head = await this.#prisma.logHead.findUnique({ where: { id: 1 }, select: { size: true } });
    return Number(head?.size ?? 0);
  }

  async jobInput(jobId: string): Promise<unknown> {
    return (await this.#prisma.jobInput.findUnique({ where: { jobId } }))?.input ?? null;
  }

  /** What the agents of a block's jobs reported last. */
  async progressOf(jobIds: readonly string[]): Promise<ProgressView[]> {
    const found = await this.#prisma.heartbeat.findMany({
      where: { jobId: { in: [...jobIds] } },
      orderBy: [{ jobId: 'asc' }, { prover: 'asc' }],
    });
    return found.map((one) => ({
      jobId: one.jobId,
      prover: one.prover as Address,
      lastSeenMs: Number(one.lastSeenMs),
      stage: one.stage as ProgressView['stage'],
      progressPpm: one.progressPpm,
      expectedEndMs: one.expectedEndMs === null ? null : Number(one.expectedEndMs),
    }));
  }

  async round(roundId: string): Promise<StoredRound | null> {
    const found = await this.#prisma.round.findUnique({ where: { roundId } });
    return found && read<StoredRound>(found.state);
  }

  /** The rounds whose window is open at `nowMs`, the first to close first. */
  async openRounds(nowMs: number): Promise<StoredRound[]> {
    const found = await this.#prisma.round.findMany({
      where: { clearedAtMs: null, closesAtMs: { gt: nowMs } },
      orderBy: [{ closesAtMs: 'asc' }, { roundId: 'asc' }],
      take: PAGE_MAX,
    });
    return found.map(({ state }) => read<StoredRound>(state));
  }

  /** How many bids count in each of the rounds. */
  async bidCounts(roundIds: readonly string[]): Promise<Map<string, number>> {
    const { rows } = await this.#pool.query<{ round_id: string; bids: number }>(
      `SELECT round_id, count(DISTINCT prover)::int AS bids FROM (
         SELECT round_id, prover FROM sealed_bids UNION ALL SELECT round_id, prover FROM bid_commitments
       ) AS bids WHERE round_id = ANY($1) GROUP BY round_id`,
      [roundIds],
    );
    return new Map(rows.map((row) => [row.round_id, row.bids]));
  }

  /** The entry that cleared a round; null before. */
  async clearedRound(round: StoredRound): Promise<ClearedRound | null> {
    const entryIndex = round.clearedEntryIndex;
    if (entryIndex === null) return null;
    const leaf = (await this.leaves([entryIndex])).get(entryIndex);
    return leaf === undefined ? null : { entryIndex, entry: JSON.parse(leaf) as EntryOf<'roundCleared'> };
  }

  /** The commitments that count in a round, in the order of the log. */
  async commitments(round: StoredRound): Promise<Commitment[]> {
    if (round.clearedEntryIndex !== null) return await this.#loggedCommitments(round, round.clearedEntryIndex);
    const { rows } = await this.#pool.query<Commitment>(
      `SELECT prover, commitment FROM (
         SELECT DISTINCT ON (prover) prover, commitment, entry_index FROM (
           SELECT round_id, prover, digest AS commitment, entry_index FROM sealed_bids
           UNION ALL SELECT round_id, prover, commitment, entry_index FROM bid_commitments
         ) AS placed WHERE round_id = $1
         ORDER BY prover, entry_index DESC
       ) AS counting ORDER BY entry_index`,
      [round.roundId],
    );
    return rows;
  }

  /** The bids of a cleared round are sealed no more; their commitments stand in the log before the clearing. */
  async #loggedCommitments(round: StoredRound, clearedIndex: number): Promise<Commitment[]> {
    const newestFirst = new Map<Address, Hex>();
    let before = clearedIndex;
    for (;;) {
      const { rows } = await this.#pool.query<{ index: string; at_ms: string; leaf: string }>(
        `SELECT index, at_ms, leaf FROM entries WHERE type = $3 AND index < $1 ORDER BY index DESC LIMIT $2`,
        [before, BIDS_PAGE, round.sealing === 'receipt' ? 'bidPlaced' : 'bidCommitted'],
      );
      for (const { leaf } of rows) {
        const entry = JSON.parse(leaf) as EntryOf<'bidPlaced'> | EntryOf<'bidCommitted'>;
        const bid = entry.type === 'bidPlaced' ? entry : entry.message;
        if (bid.roundId === round.roundId && !newestFirst.has(bid.prover)) newestFirst.set(bid.prover, bid.commitment);
      }
      const last = rows.at(-1);
      if (!last || rows.length < BIDS_PAGE || Number(last.at_ms) < round.openedAtMs) break;
      before = Number(last.index);
    }
    return [...newestFirst].map(([prover, commitment]) => ({ prover, commitment })).reverse();
  }

  /** Leaves of entries by their index. */
  async leaves(indices: readonly number[]): Promise<Map<number, string>> {
    const { rows } = await this.#pool.query<{ index: string; leaf: string }>(
      'SELECT index, leaf FROM entries WHERE index = ANY($1::bigint[])',
      [indices],
    );
    return new Map(rows.map((row) => [Number(row.index), row.leaf]));
  }

  /** Free money of an account, in wei. */
  async freeWei(address: Address): Promise<bigint> {
    const found = await this.#prisma.balance.findUnique({ where: { account: `account:${address}` } });
    return BigInt(found?.balanceWei.toFixed(0) ?? '0');
  }
}

/** True when a prover holds an assignment of a job that it has not handed back. */
export function holdsAssignment(job: Pick<JobView, 'primary' | 'backup'>, prover: Address): boolean {
  return [job.primary, job.backup].some((side) => side?.prover === prover && side.status !== 'gaveUp');
}

/** A projection's `state` column, which the journal wrote from the type that it is read as. */
function read<T>(state: Prisma.JsonValue): T {
  return state as T;
}

function blockView(block: StoredBlock): BlockView {
  const {
    blockId,
    request,
    jobIds,
    submittedAtMs,
    withdrawnAtMs,
    completedAtMs,
    roundCount,
    provenCount,
    expiredCount,
  } = block;
  return {
    blockId,
    request,
    status: completedAtMs === null ? 'open' : 'completed',
    submittedAtMs,
    withdrawnAtMs,
    completedAtMs,
    jobIds,
    roundIds: Array.from({ length: roundCount }, (_, number) => roundIdOf(blockId, number)),
    provenCount,
    expiredCount,
  };
}
