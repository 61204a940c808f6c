/**
 * Folds an exported market into an empty database, through the projection of the writer, and opens the next log of it under
 * another operator's key. One transaction: there is the whole market afterwards, or nothing.
 */
import type { Pool, PoolClient } from 'pg';
import { decide } from '#market/decide.js';
import { evolve } from '#market/evolve.js';
import { opensLog } from '#market/logTrees.js';
import { emptyState, forgetCompleted } from '#market/state.js';
import type { WakeUp } from '#market/wakeUps.js';
import type { Entry } from '#protocol/entries.js';
import { readEntryText } from '#protocol/entryText.js';
import { canonicalJson } from '#protocol/log/canonicalJson.js';
import { formatSignedNote, parseSignedNote } from '#protocol/log/signedNote.js';
import { readHead } from './loadState.js';
import type { OperatorKey } from './operatorKey.js';
import { PresentTree } from './presentTree.js';
import { nothingTouched, touch } from './projection.js';
import { inTransaction } from './transaction.js';
import { type BatchWrites, completedBlocks, noWrites, writeBatch } from './writeBatch.js';

export interface ImportOptions {
  /** A migrated database without a market. */
  pool: Pool;
  /** Of the log that is opened. */
  key: OperatorKey;
  nowMs: () => number;
  /** All entries of the market in canonical JSON, in order, checked by the caller. */
  pages: AsyncIterable<readonly string[]>;
  /** The last checkpoint of the export, a signed note. */
  checkpoint: string;
  /** Told how many entries are folded. */
  onProgress?: (done: number) => void;
}

/** The market cannot be imported here; the message says why. */
export class ImportError extends Error {
  override readonly name = 'ImportError';
}

/** @returns how many entries the market has now. Throws {@link ImportError}, and leaves the database as it was */
export async function importMarket(options: ImportOptions): Promise<number> {
  const { pool, key, pages, checkpoint, onProgress } = options;
  const fold = new ImportFold();
  await inTransaction(pool, 'READ COMMITTED', async (client) => {
    await client.query(
      `INSERT INTO log_head (id, size, last_at_ms, frontier, checkpoint) VALUES (1, 0, 0, '', '')
       ON CONFLICT DO NOTHING`,
    );
    if (((await readHead(client, true))?.size ?? 0) > 0) throw new ImportError('the database holds a market already');
    for await (const leaves of pages) {
      await fold.take(client, leaves);
      onProgress?.(fold.size);
    }
    await fold.openNext(client, key, checkpoint, options.nowMs());
  });
  return fold.size;
}

class ImportFold {
  private readonly state = emptyState();
  private readonly tree = new PresentTree();
  private readonly wakeUps = new Map<string, WakeUp[]>();

  get size(): number {
    return this.state.size;
  }

  /** Writes a page of entries with everything that they lead to. */
  async take(client: PoolClient, leaves: readonly string[]): Promise<void> {
    const writes = noWrites(nothingTouched());
    for (const leaf of leaves) {
      const { entry, flaw } = readEntryText(leaf);
      if (!entry) throw new ImportError(`entry ${this.state.size} is ${flaw}`);
      this.append(entry, leaf, writes);
    }
    await this.write(client, writes);
  }

  /** The change of hands: the entry that begins the next log, under the key of who goes on. */
  async openNext(client: PoolClient, key: OperatorKey, note: string, nowMs: number): Promise<void> {
    const { origin, logKey } = key;
    const { market, lastAtMs } = this.state;
    if (!market) throw new ImportError('the export holds no market');
    const checkpoint = ownSignatureOnly(note, market.origin);
    const previous = { size: this.tree.size, rootHash: this.tree.rootHash(), checkpoint };
    const command = { kind: 'openLog', cause: 'import', origin, logKey, previous } as const;
    const decision = decide(this.state, command, Math.max(nowMs, lastAtMs));
    if (!decision.ok) throw new ImportError(decision.rejection.detail);
    const writes = noWrites(nothingTouched());
    for (const entry of decision.entries) this.append(entry, canonicalJson(entry), writes);
    await this.write(client, writes);
    this.tree.sign(key);
    await this.tree.writeHead(client, this.state.lastAtMs);
  }

  private append(entry: Entry, leaf: string, writes: BatchWrites): void {
    const index = this.state.size;
    if (opensLog(leaf)) this.tree.beginNext(index);
    evolve(this.state, entry);
    touch(writes.touched, this.state, entry);
    writes.treeNodes.push(...this.tree.append(leaf));
    writes.entries.push({ index, entry, leaf });
  }

  private async write(client: PoolClient, writes: BatchWrites): Promise<void> {
    await writeBatch(client, this.state, writes, this.wakeUps);
    for (const blockId of completedBlocks(writes.entries)) {
      const block = this.state.blocks.get(blockId);
      for (const jobId of block?.jobIds ?? []) this.wakeUps.delete(jobId);
      for (let round = 0; round < (block?.roundCount ?? 0); round += 1) this.wakeUps.delete(`${blockId}.r${round}`);
      forgetCompleted(this.state, blockId);
    }
  }
}

/** A checkpoint as its log signs it, without what others have signed. */
function ownSignatureOnly(note: string, origin: string): string {
  const parsed = parseSignedNote(note);
  if (!parsed) throw new ImportError('the checkpoint of the export is no signed note');
  const { text, signatures } = parsed;
  return formatSignedNote({ text, signatures: signatures.filter(({ name }) => name === origin) });
}
