/**
 * What a log says, as tables for analysts: rounds, bids, awards, payments, scores. The same rows as the SQL views of the
 * schema `analyst`, without a database. Columns are documented in README.md.
 */
import { scoreOf } from '#market/score.js';
import { type MarketState, parametersOf } from '#market/state.js';
import type { Award, Entry, EntryOf } from '#protocol/entries.js';

/** Columns by table, in the order of the files. */
export const ANALYST_TABLES = {
  rounds: [
    'round_id',
    'block_id',
    'circuit_id',
    'step',
    'jobs',
    'sealing',
    'parameters_version',
    'max_price_wei',
    'opened_at_ms',
    'closes_at_ms',
    'deadline_ms',
    'cleared_at_ms',
    'bids',
    'awards',
    'unawarded',
    'entry_index',
    'cleared_entry_index',
  ],
  bids: [
    'round_id',
    'prover',
    'price_wei',
    'standby_wei',
    'max_jobs',
    'max_concurrent',
    'proving_ms_p95',
    'expires_at_ms',
    'outcome',
    'cleared_at_ms',
    'entry_index',
    'place',
  ],
  awards: [
    'job_id',
    'round_id',
    'primary_prover',
    'primary_owner',
    'primary_bid_wei',
    'primary_bond_wei',
    'primary_miss_ppm',
    'primary_promised_ms',
    'backup_prover',
    'backup_owner',
    'backup_bond_wei',
    'backup_miss_ppm',
    'price_wei',
    'standby_fee_wei',
    'primary_due_ms',
    'backup_start_ms',
    'awarded_at_ms',
    'entry_index',
  ],
  payments: [
    'entry_index',
    'sequence',
    'at_ms',
    'entry_type',
    'job_id',
    'from_account',
    'to_account',
    'amount_wei',
    'why',
  ],
  scores: [
    'prover',
    'circuit_id',
    'accepted',
    'outcomes',
    'proven',
    'delivered',
    'on_time',
    'on_time_ppm',
    'reachable',
    'reachable_ppm',
  ],
} as const;
export type AnalystTable = keyof typeof ANALYST_TABLES;

/** Text, a whole number or nothing; amounts are text, since they exceed a number. */
export type Cell = string | number | null;

/** Cells in the order of the table's columns. */
export type Row = readonly Cell[];

/** Turns entries into rows as they come; memory follows open rounds. */
export class AnalystTables {
  private readonly open = new Map<string, { entry: EntryOf<'roundOpened'>; index: number }>();
  private readonly onRow: (table: AnalystTable, row: Row) => void;

  constructor(onRow: (table: AnalystTable, row: Row) => void) {
    this.onRow = onRow;
  }

  /** Takes the next entry of the log. */
  take(entry: Entry, index: number): void {
    if (entry.type === 'roundOpened') this.open.set(entry.roundId, { entry, index });
    if (entry.type === 'roundCleared') this.clear(entry, index);
    // A round whose block was withdrawn is never cleared.
    if (entry.type === 'blockCompleted') this.closeRounds(entry.blockId);
    const jobId = 'jobId' in entry ? entry.jobId : null;
    for (const [sequence, one] of ('postings' in entry ? entry.postings : []).entries()) {
      const moved = [one.from, one.to, one.amountWei, one.why];
      this.onRow('payments', [index, sequence, entry.atMs, entry.type, jobId, ...moved]);
    }
  }

  /** Rows that hold at the end: rounds that are open, and scores. @param state - as the whole log folds to it */
  end(state: MarketState): void {
    this.closeRounds();
    for (const record of state.records.values()) {
      const score = scoreOf(record, parametersOf(state), state.lastAtMs);
      const { outcomes, proven, delivered, onTime, onTimePpm, reachable, reachablePpm } = score;
      const counts = [record.accepted, outcomes, proven, delivered, onTime, onTimePpm, reachable, reachablePpm];
      this.onRow('scores', [record.prover, record.circuitId, ...counts]);
    }
  }

  private closeRounds(blockId?: string): void {
    for (const [roundId, { entry, index }] of this.open) {
      if (blockId !== undefined && entry.blockId !== blockId) continue;
      this.round(entry, index, null);
      this.open.delete(roundId);
    }
  }

  private clear(entry: EntryOf<'roundCleared'>, index: number): void {
    const opened = this.open.get(entry.roundId);
    if (opened) this.round(opened.entry, opened.index, { entry, index });
    this.open.delete(entry.roundId);
    for (const [place, { message }] of entry.bids.entries()) {
      const { prover, priceWei, standbyWei, maxJobs, maxConcurrent, provingMsP95, expiresAtMs } = message;
      const terms = [priceWei, standbyWei, maxJobs, maxConcurrent, provingMsP95, expiresAtMs];
      const outcome = entry.explanations[place]?.code ?? null;
      this.onRow('bids', [entry.roundId, prover, ...terms, outcome, entry.atMs, index, place]);
    }
    for (const award of entry.awards) this.onRow('awards', awardRow(award, entry, index));
  }

  private round(
    { roundId, blockId, circuitId, step, jobIds, ...entry }: EntryOf<'roundOpened'>,
    index: number,
    cleared: { entry: EntryOf<'roundCleared'>; index: number } | null,
  ): void {
    const { sealing, parametersVersion, maxPriceWei, atMs, closesAtMs, deadlineMs } = entry;
    const counts = cleared
      ? [cleared.entry.atMs, cleared.entry.bids.length, cleared.entry.awards.length, cleared.entry.unawarded.length]
      : [null, null, null, null];
    const terms = [sealing, parametersVersion, maxPriceWei, atMs, closesAtMs, deadlineMs];
    const places = [index, cleared?.index ?? null];
    this.onRow('rounds', [roundId, blockId, circuitId, step, jobIds.length, ...terms, ...counts, ...places]);
  }
}

function awardRow(award: Award, { roundId, atMs }: EntryOf<'roundCleared'>, index: number): Row {
  const { jobId, primary, backup, priceWei, standbyFeeWei, primaryDueMs, backupStartMs } = award;
  const first = [primary.prover, primary.owner, primary.priceBidWei, primary.bondWei, primary.missPpm];
  const second = [backup?.prover ?? null, backup?.owner ?? null, backup?.bondWei ?? null, backup?.missPpm ?? null];
  const terms = [priceWei, standbyFeeWei, primaryDueMs, backupStartMs];
  return [jobId, roundId, ...first, primary.promisedMs, ...second, ...terms, atMs, index];
}

/** A row as a line of CSV (RFC 4180). What a spreadsheet would take for a formula cannot come up: ids, words, numbers. */
export function csvLine(cells: readonly (Cell | undefined)[]): string {
  return cells
    .map((cell) => {
      const text = cell === null || cell === undefined ? '' : String(cell);
      return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
    })
    .join(',');
}

/** A row as a line of JSON, by column. */
export function jsonLine(table: AnalystTable, row: Row): string {
  return JSON.stringify(Object.fromEntries(ANALYST_TABLES[table].map((name, at) => [name, row[at] ?? null])));
}
