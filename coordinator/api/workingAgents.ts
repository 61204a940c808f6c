import type { Pool, PoolClient } from 'pg';
import type { AgentSign } from '#protocol/agentRoutes.js';
import type { Address } from '#protocol/units.js';
import { type AgentPhase, type AgentTimes, agentAfter, type WorkingAgent } from './agentRule.js';
import type { ApiLog } from './apiDeps.js';
import { SoonWriter } from './soonWriter.js';

/** Longest time that a sign of life stands in memory only: a fraction of any lease. */
const FLUSH_MS = 500;

/** Rows of one statement. */
const FLUSH_ROWS_MAX = 5_000;

const READ = `
  SELECT agent_id, run_id, host, since_ms, last_seen_ms, former_run_id FROM agents WHERE prover = $1`;

const WRITE = `
  INSERT INTO agents (prover, agent_id, run_id, host, since_ms, last_seen_ms, former_run_id)
  VALUES ($1, $2, $3, $4, $5, $6, $7)
  ON CONFLICT (prover) DO UPDATE SET
    agent_id = excluded.agent_id, run_id = excluded.run_id, host = excluded.host, since_ms = excluded.since_ms,
    last_seen_ms = excluded.last_seen_ms, former_run_id = excluded.former_run_id`;

const REFRESH = `
  UPDATE agents SET last_seen_ms = greatest(agents.last_seen_ms, s.last_seen_ms)
  FROM unnest($1::text[], $2::text[], $3::bigint[]) AS s(prover, run_id, last_seen_ms)
  WHERE agents.prover = s.prover AND agents.run_id = s.run_id AND agents.last_seen_ms > 0
  RETURNING agents.prover`;

/** What an agent's sign came to; `other` is the agent that has the prover's key instead. */
export type SignResult = { ok: true } | { ok: false; other: WorkingAgent };

/**
 * Which agent works for each prover, so that a second one on the same key is told, on whatever machine and by whichever
 * replica: rows of the database, no entries of the log. A sign of the agent that is known costs a look into memory, and is
 * written with many others; the database is asked when an agent starts, and when another speaks than the one that is known.
 */
export class WorkingAgents {
  readonly #pool: Pool;
  /** As far as this process knows; the database may know of another. */
  readonly #known = new Map<Address, WorkingAgent>();
  readonly #unwritten = new Set<Address>();
  readonly #writer: SoonWriter;

  constructor(options: { pool: Pool; log: ApiLog; flushMs?: number }) {
    this.#pool = options.pool;
    this.#writer = new SoonWriter({
      write: () => this.#refresh(),
      withinMs: options.flushMs ?? FLUSH_MS,
      onFailure: (error) => options.log.error('signs of agents could not be written', { err: error }),
    });
  }

  /** Takes an agent's sign. Throws when the database is needed and fails. */
  async sign(prover: Address, sign: AgentSign, phase: AgentPhase, times: AgentTimes): Promise<SignResult> {
    const known = this.#known.get(prover);
    const isKnown = known?.runId === sign.runId && known.lastSeenMs > 0;
    if (!known || !isKnown || phase !== 'run') return this.#settle(prover, sign, phase, times);
    known.lastSeenMs = Math.max(known.lastSeenMs, times.nowMs);
    this.#unwritten.add(prover);
    this.#writer.schedule();
    return { ok: true };
  }

  /** Writes now what is only in memory. Throws when the database fails; what was not written is kept. */
  flush(): Promise<void> {
    return this.#writer.flush();
  }

  /** Decides on the row itself, one agent of a prover after another, whichever replica it speaks to. */
  async #settle(prover: Address, sign: AgentSign, phase: AgentPhase, times: AgentTimes): Promise<SignResult> {
    const client = await this.#pool.connect();
    try {
      await client.query('BEGIN');
      await client.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`agent of ${prover}`]);
      const stored = await this.#read(client, prover);
      const after = agentAfter(stored, sign, phase, times);
      if (after) await client.query(WRITE, [prover, ...rowOf(after)]);
      await client.query('COMMIT');
      const current = after ?? stored;
      if (current) this.#known.set(prover, current);
      const isRefused = phase !== 'stop' && current !== null && current.runId !== sign.runId;
      return isRefused ? { ok: false, other: current } : { ok: true };
    } catch (error) {
      await client.query('ROLLBACK').catch(() => undefined);
      throw error;
    } finally {
      client.release();
    }
  }

  /** The row, with what this process has heard since. */
  async #read(client: PoolClient, prover: Address): Promise<WorkingAgent | null> {
    const { rows } = await client.query(READ, [prover]);
    if (rows.length === 0) return null;
    const [row] = rows;
    const known = this.#known.get(prover);
    const lastSeenMs = Number(row.last_seen_ms);
    const heardMs = known?.runId === row.run_id && lastSeenMs > 0 ? known!.lastSeenMs : 0;
    return {
      agentId: row.agent_id,
      runId: row.run_id,
      host: row.host,
      sinceMs: Number(row.since_ms),
      lastSeenMs: Math.max(lastSeenMs, heardMs),
      formerRunId: row.former_run_id,
    };
  }

  async #refresh(): Promise<void> {
    while (this.#unwritten.size > 0) {
      // One order for all replicas, or two statements could wait for each other.
      const provers = [...this.#unwritten].sort().slice(0, FLUSH_ROWS_MAX);
      const agents = provers.map((prover) => ({ ...this.#known.get(prover)! }));
      const { rows } = await this.#pool.query<{ prover: Address }>(REFRESH, [
        provers,
        agents.map(({ runId }) => runId),
        agents.map(({ lastSeenMs }) => lastSeenMs),
      ]);
      const isTheirs = new Set(rows.map(({ prover }) => prover));
      for (const [index, prover] of provers.entries()) {
        const { runId, lastSeenMs } = agents[index]!;
        const now = this.#known.get(prover)!;
        if (now.runId === runId && now.lastSeenMs > lastSeenMs) continue;
        this.#unwritten.delete(prover);
        // Another replica has let another agent in: the next sign is held against the row.
        if (now.runId === runId && !isTheirs.has(prover)) this.#known.delete(prover);
      }
    }
  }
}

function rowOf({ agentId, runId, host, sinceMs, lastSeenMs, formerRunId }: WorkingAgent): unknown[] {
  return [agentId, runId, host, sinceMs, lastSeenMs, formerRunId];
}
