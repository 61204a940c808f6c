/** What is read of the log from its tables, whatever the writer does meanwhile: the reading half of the journal. */
import type { Pool } from 'pg';
import type { EntryType } from '#protocol/entries.js';
import type { Hex } from '#protocol/units.js';
import { readConsistencyProof, readInclusionProof } from './logProofs.js';
import { readSealedBids } from './privateRows.js';

export class JournalReads {
  protected readonly pool: Pool;

  constructor(pool: Pool) {
    this.pool = pool;
  }

  async readEntries(from: number, limit: number, type?: EntryType): Promise<{ index: number; leaf: string }[]> {
    const { rows } = type
      ? await this.pool.query(
          'SELECT index, leaf FROM entries WHERE type = $3 AND index >= $1 ORDER BY index LIMIT $2',
          [from, limit, type],
        )
      : await this.pool.query(
          'SELECT index, leaf FROM entries WHERE index >= $1 AND index < $1::bigint + $2::int ORDER BY index',
          [from, limit],
        );
    return rows.map(({ index, leaf }) => ({ index: Number(index), leaf }));
  }

  async sealedBids(digests: Hex[]) {
    return readSealedBids(this.pool, digests);
  }

  async inclusionProof(log: number, index: number, treeSize: number) {
    return readInclusionProof(this.pool, log, index, treeSize);
  }

  async consistencyProof(log: number, fromSize: number, toSize: number) {
    return readConsistencyProof(this.pool, log, fromSize, toSize);
  }
}
