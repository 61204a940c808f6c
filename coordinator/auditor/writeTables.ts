import { closeSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { Replay } from '#market/replay.js';
import { ANALYST_TABLES, type AnalystTable, AnalystTables, csvLine, jsonLine } from './analystTables.js';
import { type LogSource, walkLog } from './walkLog.js';

export type TableFormat = 'ndjson' | 'csv';

/** Characters that are collected before a file is written to. */
const BUFFER_CHARACTERS = 1_000_000;

/** One file that is whole whenever it is there under its name. */
class TableFile {
  private readonly path: string;
  private readonly handle: number;
  private waiting = '';
  rows = 0;

  constructor(path: string) {
    this.path = path;
    this.handle = openSync(`${path}.new`, 'w');
  }

  line(text: string): void {
    this.waiting += `${text}\n`;
    if (this.waiting.length > BUFFER_CHARACTERS) this.flush();
  }

  close(): void {
    this.flush();
    closeSync(this.handle);
    renameSync(`${this.path}.new`, this.path);
  }

  private flush(): void {
    writeSync(this.handle, this.waiting);
    this.waiting = '';
  }
}

/**
 * Writes the tables of a log into a folder, `rounds.csv` and so on, in one pass: memory follows open work. Tree and rules are
 * checked on the way; signatures and zkProofs are the audit's affair.
 * @returns how many rows each table has. Throws Error when the log does not hold; earlier files are then left as they were.
 */
export async function writeTables(
  source: LogSource,
  folder: string,
  format: TableFormat,
): Promise<Record<AnalystTable, number>> {
  mkdirSync(folder, { recursive: true });
  const names = Object.keys(ANALYST_TABLES) as AnalystTable[];
  const files = new Map(names.map((name) => [name, new TableFile(join(folder, `${name}.${format}`))]));
  if (format === 'csv') for (const [name, file] of files) file.line(csvLine(ANALYST_TABLES[name]));
  const tables = new AnalystTables((table, row) => {
    const file = files.get(table)!;
    file.rows += 1;
    file.line(format === 'csv' ? csvLine(row) : jsonLine(table, row));
  });
  const replay = new Replay({ checkSignatures: false });
  const { flaw } = await walkLog(source, (entry) => {
    tables.take(entry, replay.state.size);
    if (!replay.push(entry)) throw new Error(`entry ${replay.state.size}: ${replay.divergence!.explanation}`);
  });
  if (flaw) throw new Error(`the log is not good: ${flaw}. Audit it first: "understudy audit"`);
  tables.end(replay.state);
  for (const file of files.values()) file.close();
  return Object.fromEntries(names.map((name) => [name, files.get(name)!.rows])) as Record<AnalystTable, number>;
}
