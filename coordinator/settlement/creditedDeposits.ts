import type { Pool } from 'pg';
import type { EntryOf } from '#protocol/entries.js';
import type { Address } from '#protocol/units.js';

const PAGE = 1_000;

/** Every deposit of the chain that the ledger has credited, in the order of the log. */
export async function* creditedDeposits(
  pool: Pool,
): AsyncGenerator<{ account: Address; amountWei: bigint; startWei: bigint }> {
  for (let after = -1; ; ) {
    const { rows } = await pool.query<{ index: string; leaf: string }>(
      `SELECT index, leaf FROM entries WHERE type = 'deposited' AND index > $1 ORDER BY index LIMIT ${PAGE}`,
      [after],
    );
    for (const { index, leaf } of rows) {
      const { account, amountWei, chain } = JSON.parse(leaf) as EntryOf<'deposited'>;
      if (chain) yield { account, amountWei: BigInt(amountWei), startWei: BigInt(chain.startWei) };
      after = Number(index);
    }
    if (rows.length < PAGE) return;
  }
}
