/** The coordinator's transactions under way: each is written down before it is sent, so that none is forgotten. */
import type { Pool, PoolClient } from 'pg';
import type { Hex } from '#protocol/units.js';

/** Transactions that were sent for one purpose with one nonce: the last of them, and the hashes of all. */
export interface SentTransaction {
  purpose: string;
  nonce: number;
  /** The signed transaction that was sent last. */
  raw: Hex;
  hashes: Hex[];
  maxFeePerGasWei: bigint;
  priorityFeeWei: bigint;
  sentAtMs: number;
}

/** Names the lock under which one coordinator at a time sends: nonces are given out one after another. */
const SENDER_LOCK = 7_224_161_907;

/** Does something as the only sender of the market; nothing, and false, while another coordinator is at it. */
export async function asOnlySender(pool: Pool, work: () => Promise<void>): Promise<boolean> {
  const client = await pool.connect();
  let isBroken = false;
  try {
    const { rows } = await client.query<{ won: boolean }>('SELECT pg_try_advisory_lock($1) AS won', [SENDER_LOCK]);
    if (!rows[0]!.won) return false;
    try {
      await work();
    } finally {
      // A connection whose lock cannot be given back is closed, and the lock with it.
      await unlock(client).catch(() => {
        isBroken = true;
      });
    }
    return true;
  } finally {
    client.release(isBroken);
  }
}

async function unlock(client: PoolClient): Promise<void> {
  await client.query('SELECT pg_advisory_unlock($1)', [SENDER_LOCK]);
}

interface Row {
  purpose: string;
  nonce: string;
  raw: Hex;
  hashes: Hex[];
  max_fee: string;
  priority_fee: string;
  sent_at_ms: string;
}

/** All transactions that are not done with, by nonce. */
export async function readSent(pool: Pool): Promise<SentTransaction[]> {
  const { rows } = await pool.query<Row>(
    `SELECT purpose, nonce, raw, hashes, max_fee_per_gas_wei::text AS max_fee, priority_fee_wei::text AS priority_fee,
       sent_at_ms FROM chain_transactions ORDER BY nonce`,
  );
  return rows.map(({ purpose, nonce, raw, hashes, max_fee, priority_fee, sent_at_ms }) => ({
    purpose,
    nonce: Number(nonce),
    raw,
    hashes,
    maxFeePerGasWei: BigInt(max_fee),
    priorityFeeWei: BigInt(priority_fee),
    sentAtMs: Number(sent_at_ms),
  }));
}

/** Writes a transaction down, or what has taken its place. */
export async function writeSent(pool: Pool, sent: SentTransaction): Promise<void> {
  await pool.query(
    `INSERT INTO chain_transactions
       (purpose, nonce, raw, hashes, max_fee_per_gas_wei, priority_fee_wei, sent_at_ms)
     VALUES ($1, $2, $3, $4, $5::numeric, $6::numeric, $7)
     ON CONFLICT (purpose) DO UPDATE SET nonce = excluded.nonce, raw = excluded.raw, hashes = excluded.hashes,
       max_fee_per_gas_wei = excluded.max_fee_per_gas_wei, priority_fee_wei = excluded.priority_fee_wei,
       sent_at_ms = excluded.sent_at_ms`,
    [
      sent.purpose,
      sent.nonce,
      sent.raw,
      JSON.stringify(sent.hashes),
      sent.maxFeePerGasWei.toString(),
      sent.priorityFeeWei.toString(),
      sent.sentAtMs,
    ],
  );
}

/** Forgets a transaction that is done with. */
export async function forgetSent(pool: Pool, purpose: string): Promise<void> {
  await pool.query('DELETE FROM chain_transactions WHERE purpose = $1', [purpose]);
}
