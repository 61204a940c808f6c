/** What a comparison shows, as tables and as data. */
import type { Comparison } from './compare.js';
import type { Cell } from './grid.js';
import { type MechanismName, OUR_NAMES } from './mechanisms.js';
import type { Measures } from './runMarket.js';
import { MEDIAN_COST_WEI } from './scenario.js';
import { type Estimate, estimate, type Ratio, ratioOf } from './statistics.js';
import type { StudySummary } from './studies.js';

export type Figure = Exclude<keyof Measures, 'jobs' | 'events' | 'theory' | 'promised'>;

const FIGURES: readonly Figure[] = [
  'missed',
  'unsold',
  'paidPerProof',
  'paid',
  'totalCost',
  'wasted',
  'profit',
  'hhi',
  'largest',
  'awardSec',
  'onTime',
  'byPair',
  'covered',
  'byBackup',
  'byPool',
];

/** What is reported of one mechanism in one cell. */
export type Summary = Record<Figure, Estimate> & {
  mechanism: MechanismName;
  theory: Estimate | null;
  promised: Estimate | null;
  /** How many times fewer deadlines it misses than the cheapest bid does, or the first mechanism of the cell. */
  fewerMisses: Ratio;
  /** Its total cost in that of the cheapest bid. */
  costShare: Ratio;
};

export interface CellSummary {
  cell: Cell;
  rows: Summary[];
}

/** Summarises every cell. */
export function summarise({ cells, results }: Comparison): CellSummary[] {
  return cells.map((cell, index) => {
    const runs = results[index]!;
    const baseline = runs.get('cheapest bid') ?? [...runs.values()][0]!;
    return { cell, rows: cell.mechanisms.map((mechanism) => summaryOf(mechanism, runs.get(mechanism)!, baseline)) };
  });
}

function summaryOf(mechanism: MechanismName, runs: Measures[], baseline: Measures[]): Summary {
  const pick = (from: Measures[], figure: Figure) => from.map((run) => run[figure]);
  const figures = Object.fromEntries(FIGURES.map((figure) => [figure, estimate(pick(runs, figure))]));
  const known = (values: (number | null)[]) => {
    const numbers = values.filter((value) => value !== null);
    return numbers.length === runs.length ? estimate(numbers) : null;
  };
  return {
    ...(figures as Record<Figure, Estimate>),
    mechanism,
    theory: known(runs.map(({ theory }) => theory)),
    promised: known(runs.map(({ promised }) => promised)),
    fewerMisses: ratioOf(pick(baseline, 'missed'), pick(runs, 'missed')),
    costShare: ratioOf(pick(runs, 'totalCost'), pick(baseline, 'totalCost')),
  };
}

/** Understudy's variant with the least total cost of a cell, and the best of the others. */
export function bestOfEach({ rows }: CellSummary): { ours: Summary; other: Summary } {
  const isOurs = ({ mechanism }: Summary) => (OUR_NAMES as readonly string[]).includes(mechanism);
  const least = (some: Summary[]) =>
    some.reduce((best, row) => (row.totalCost.mean < best.totalCost.mean ? row : best));
  return { ours: least(rows.filter(isOurs)), other: least(rows.filter((row) => !isOurs(row))) };
}

export const HEADINGS = [
  'mechanism',
  'missed %',
  'theory %',
  'paid a zkProof',
  'total cost a job',
  'wasted %',
  'profit a job',
  'HHI',
  'largest %',
  'award after s',
];

/** A row for each mechanism of a cell. Money in median proving costs, 95 % intervals. */
export function rowsOf({ rows }: CellSummary): string[][] {
  return rows.map((row) => [
    row.mechanism,
    percentOf(row.missed),
    row.theory ? missOf(row.theory) : '',
    numberOf(row.paidPerProof),
    numberOf(row.totalCost),
    percentOf(row.wasted),
    numberOf(row.profit),
    row.hhi.mean.toFixed(3),
    (100 * row.largest.mean).toFixed(1),
    row.awardSec.mean.toFixed(1),
  ]);
}

/** What theory leaves to miss. An estimate from draws may lie a little beyond certainty, which is then shown as none. */
function missOf({ mean, plusMinus }: Estimate): string {
  return `${(100 * Math.max(0, 1 - mean)).toFixed(2)} ± ${(100 * plusMinus).toFixed(2)}`;
}

function percentOf({ mean, plusMinus }: Estimate): string {
  return `${(100 * mean).toFixed(2)} ± ${(100 * plusMinus).toFixed(2)}`;
}

function numberOf({ mean, plusMinus }: Estimate): string {
  return `${mean.toFixed(2)} ± ${plusMinus.toFixed(2)}`;
}

export const STUDY_HEADINGS = ['what', 'tries', 'gain % of profit', 'gained %', 'largest', 'largest below max price'];

/** A row for each untruth of a study; the largest gains in median proving costs. */
export function studyRowsOf({ rows }: StudySummary): string[][] {
  return rows.map(({ what, tries, gain, gained, largestWei, largestUncappedWei }) => [
    what,
    String(tries),
    `${(100 * gain.mean).toFixed(1)} ± ${(100 * gain.plusMinus).toFixed(1)}`,
    (100 * gained).toFixed(1),
    (largestWei / MEDIAN_COST_WEI).toFixed(6),
    (largestUncappedWei / MEDIAN_COST_WEI).toFixed(6),
  ]);
}
