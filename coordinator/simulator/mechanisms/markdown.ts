/** The tables of the simulator's page, written between its markers, so that no figure is copied by hand. */
import { MECHANISM_NAMES } from './mechanisms.js';
import { type CellSummary, HEADINGS, rowsOf } from './report.js';
import { MEDIAN_COST_WEI } from './scenario.js';
import type { Estimate } from './statistics.js';
import type { StudySummary } from './studies.js';

/**
 * Replaces what stands between `<!-- NAME -->` and `<!-- end -->` by the table of that name. A marker whose table was not
 * simulated keeps what it has.
 */
export function fillTables(page: string, cells: readonly CellSummary[], studies: readonly StudySummary[]): string {
  const tables = tablesOf(cells, studies);
  return page.replace(/(<!-- (simulated: [a-z ]+) -->\n)[\s\S]*?(<!-- end -->)/g, (all, opening, name, closing) => {
    const table = tables.get(name);
    return table ? `${opening}\n${table}\n\n${closing}` : all;
  });
}

function tablesOf(cells: readonly CellSummary[], studies: readonly StudySummary[]): Map<string, string> {
  const tables = new Map<string, string>();
  const [base] = cells;
  if (base) tables.set('simulated: base', markdown(HEADINGS, rowsOf(base)));
  const grid = cells.filter(({ cell }) => cell.group !== 'what if');
  if (grid.length > 8) tables.set('simulated: grid', gridTable(grid));
  const whatIfs = cells.filter(({ cell }) => cell.group === 'what if');
  if (whatIfs.length > 0) tables.set('simulated: what if', whatIfTable(whatIfs));
  const rounds = studies.filter(({ study }) => study.kind === 'round');
  if (rounds.length > 2) tables.set('simulated: rounds', roundTable(rounds));
  const markets = studies.filter(({ study }) => study.kind !== 'round');
  if (markets.length > 0) tables.set('simulated: markets', marketTable(markets));
  return tables;
}

/** Missed deadlines and total cost of every mechanism in every cell; the least cost in bold. */
function gridTable(cells: readonly CellSummary[]): string {
  const rows = cells.map(({ cell, rows: summaries }) => {
    const least = Math.min(...summaries.map(({ totalCost }) => totalCost.mean));
    const figures = MECHANISM_NAMES.map((name) => {
      const row = summaries.find(({ mechanism }) => mechanism === name);
      if (!row) return '';
      const cost =
        row.totalCost.mean === least ? `**${row.totalCost.mean.toFixed(2)}**` : row.totalCost.mean.toFixed(2);
      return `${(100 * row.missed.mean).toFixed(1)} / ${cost} ± ${row.totalCost.plusMinus.toFixed(2)}`;
    });
    return [cell.group === 'failures and load' ? cell.title : `${cell.group}: ${cell.title}`, ...figures];
  });
  return markdown(['cell', ...MECHANISM_NAMES], rows);
}

function whatIfTable(cells: readonly CellSummary[]): string {
  const names = cells[0]!.rows.map(({ mechanism }) => mechanism);
  const headings = names.flatMap((name) => [`${name}: missed %`, 'total cost']);
  const rows = cells.map(({ cell, rows: summaries }) => [
    cell.title,
    ...summaries.flatMap(({ missed, totalCost }) => [shown(missed, 100), shown(totalCost)]),
    (100 * (summaries[1]?.covered.mean ?? 0)).toFixed(0),
  ]);
  return markdown(['change', ...headings, `${names[1]}: sold with a backup %`], rows);
}

function roundTable(studies: readonly StudySummary[]): string {
  const rows = studies.flatMap(({ study, rows: lies }) =>
    lies.map(({ what, tries, gain, gained, largestWei }) => [
      study.title,
      what,
      String(tries),
      shown(gain, 100, 1),
      (100 * gained).toFixed(1),
      Math.max(0, largestWei / MEDIAN_COST_WEI).toFixed(6),
    ]),
  );
  const headings = ['one round', 'lie', 'tries', 'mean gain, % of the honest profit', 'tries that gained %'];
  return markdown([...headings, 'largest gain'], rows);
}

function marketTable(studies: readonly StudySummary[]): string {
  const rows = studies.flatMap(({ study, rows: lies }) =>
    lies.map(({ what, gain }) => [study.title, what, shown(gain, 100, 1)]),
  );
  return markdown(['market', 'lie', 'mean gain, % of the honest profit'], rows);
}

function shown({ mean, plusMinus }: Estimate, times = 1, digits = 2): string {
  return `${(times * mean).toFixed(digits)} ± ${(times * plusMinus).toFixed(digits)}`;
}

function markdown(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  return [headings, headings.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}
