/** Tables for analysts: what comes out of the log alone is what the database's views show, and what the guide describes. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ANALYST_TABLES, type AnalystTable, csvLine } from '#auditor/analystTables.js';
import { mirrorLog } from '#auditor/mirrorLog.js';
import { httpTileSource } from '#auditor/tileSource.js';
import { type ApiMarket, openApiMarket } from '../setup/apiMarket.js';
import { runCommandLine } from '../setup/commandLine.js';
import { ETH, party } from '../setup/marketDriver.js';

const TABLES = Object.keys(ANALYST_TABLES) as AnalystTable[];

let market: ApiMarket;
let home: string;

beforeAll(async () => {
  market = await openApiMarket();
  home = mkdtempSync(join(tmpdir(), 'understudy-tables-'));
  const { driver } = market;
  const requester = party(1);
  await driver.fund(requester.address);
  const [cheap, solid] = [await driver.prover(10), await driver.prover(11, party(20))];
  const { roundId, jobIds } = await driver.submitBlock(requester, 3, { missCostWei: (2n * ETH).toString() });
  await driver.bid(cheap, roundId, { priceWei: ETH / 4n, standbyWei: ETH / 10n });
  await driver.bid(solid, roundId, { priceWei: ETH / 3n, standbyWei: ETH / 1_000n });
  await driver.advance(3_000);
  await driver.prove(cheap, jobIds[0]!);
  await driver.giveUp(cheap, jobIds[1]!);
  await driver.prove(solid, jobIds[1]!);
  await driver.advance(300_000);
  // A round that stays open.
  await driver.submitBlock(requester, 1);
});

afterAll(async () => {
  await market.close();
  rmSync(home, { recursive: true });
});

/** Rows as lists of text, empty for nothing, in an order of their own. */
const sorted = (rows: unknown[][]): string[] =>
  rows.map((row) => row.map((cell) => (cell === null ? '' : String(cell))).join(' ')).toSorted();

it('are the same from the log and from the views, to the cell, in both formats', async () => {
  const folder = join(home, 'tables');
  const csv = await runCommandLine(['export', folder, '--format', 'csv', '--coordinator', market.url], { cwd: home });
  expect(csv.code, csv.stderr).toBe(0);
  await mirrorLog(httpTileSource(market.url), join(home, 'market'), { artifacts: false });
  const from = ['--from', join(home, 'market')];
  const ndjson = await runCommandLine(['export', folder, '--format', 'ndjson', ...from], { cwd: home });
  expect(ndjson.code, ndjson.stderr).toBe(0);
  for (const table of TABLES) {
    const columns = ANALYST_TABLES[table];
    const { rows, fields } = await market.database.pool.query({
      text: `SELECT * FROM analyst.${table}`,
      rowMode: 'array',
    });
    expect(fields.map(({ name }) => name)).toEqual(columns);
    expect(rows.length, table).toBeGreaterThan(0);
    const [head, ...lines] = readFileSync(join(folder, `${table}.csv`), 'utf8')
      .trimEnd()
      .split('\n');
    expect(head).toBe(columns.join(','));
    expect(sorted(lines.map((line) => line.split(','))), table).toEqual(sorted(rows));
    const objects = readFileSync(join(folder, `${table}.ndjson`), 'utf8')
      .trimEnd()
      .split('\n');
    const cells = objects.map((line) => Object.values(JSON.parse(line) as Record<string, unknown>));
    expect(sorted(cells), table).toEqual(sorted(rows));
  }
});

it('have their columns in the guide', () => {
  const guide = readFileSync('coordinator/auditor/README.md', 'utf8').split('### Tables for analysts')[1]!;
  for (const table of TABLES) {
    const row = guide.split('\n').find((line) => line.startsWith(`| \`${table}\` |`)) ?? '';
    expect(row, table).toContain(ANALYST_TABLES[table].map((name) => `\`${name}\``).join(', '));
  }
});

it('answer the question that the guide asks', async () => {
  const guide = readFileSync('coordinator/auditor/README.md', 'utf8');
  const sql = /```sql\n([\s\S]*?)```/.exec(guide)![1]!;
  const { rows } = await market.database.pool.query(sql);
  expect(rows).toHaveLength(1);
  expect(rows[0]).toMatchObject({ jobs: '3', with_backup: '3' });
  expect(Number(rows[0].above_bid_wei)).toBeGreaterThan(0);
});

it('quote what would break a line', () => {
  expect(csvLine(['a,b', 'say "so"', null, 7, 'two\nlines'])).toBe('"a,b","say ""so""",,7,"two\nlines"');
});
