/** Up to where a market has followed its chain, and why it follows no further: one row beside the log. */
import type { Pool } from 'pg';
import type { Hex } from '#protocol/units.js';

export interface ChainCursor {
  blockNumber: number;
  blockHash: Hex;
  /** The chain contradicts what the ledger was told; null while it does not. */
  haltedReason: string | null;
}

/** Reads it; null before the first look. */
export async function readCursor(pool: Pool): Promise<ChainCursor | null> {
  const { rows } = await pool.query<{ block_number: string; block_hash: Hex; halted_reason: string | null }>(
    'SELECT block_number, block_hash, halted_reason FROM chain_cursor',
  );
  const row = rows[0];
  return row
    ? { blockNumber: Number(row.block_number), blockHash: row.block_hash, haltedReason: row.halted_reason }
    : null;
}

/** Keeps it. */
export async function writeCursor(pool: Pool, { blockNumber, blockHash, haltedReason }: ChainCursor): Promise<void> {
  await pool.query(
    `INSERT INTO chain_cursor (id, block_number, block_hash, halted_reason) VALUES (1, $1, $2, $3)
     ON CONFLICT (id) DO UPDATE SET block_number = excluded.block_number, block_hash = excluded.block_hash,
       halted_reason = excluded.halted_reason`,
    [blockNumber, blockHash, haltedReason],
  );
}
