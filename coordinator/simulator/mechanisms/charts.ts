/** The charts of a comparison, as Vega-Lite specifications: light, and readable without colour. */
import type { TopLevelSpec } from 'vega-lite';
import type { Cell } from './grid.js';
import type { MechanismName } from './mechanisms.js';
import { FONT } from './renderChart.js';
import { bestOfEach, type CellSummary, type Figure, type Summary } from './report.js';
import type { StudySummary } from './studies.js';

/** The mechanisms that lines are drawn of, with mark and colour; the others would hide them. */
const LINES: Partial<Record<MechanismName, { shape: string; colour: string; dash: number[] }>> = {
  'vickrey + backup + pool': { shape: 'circle', colour: '#0b6e4f', dash: [1, 0] },
  'vickrey + backup': { shape: 'square', colour: '#3aa17e', dash: [6, 2] },
  'cheapest bid': { shape: 'triangle-up', colour: '#b3261e', dash: [1, 0] },
  'second price': { shape: 'triangle-down', colour: '#e07a5f', dash: [6, 2] },
  'reverse Dutch': { shape: 'diamond', colour: '#3d5a98', dash: [1, 0] },
  'random + fallback': { shape: 'cross', colour: '#8a6d1d', dash: [2, 2] },
  'all-pay race': { shape: 'triangle-right', colour: '#6b4c9a', dash: [4, 1, 1, 1] },
};
const LINE_NAMES = Object.keys(LINES) as MechanismName[];

const CONFIG = {
  font: FONT,
  background: 'white',
  axis: { labelFontSize: 12, titleFontSize: 12, gridColor: '#e4e4e4', titleFontWeight: 'normal' },
  title: { fontSize: 13, anchor: 'start', fontWeight: 'bold', subtitleFontSize: 12, subtitleColor: '#555' },
  legend: { labelFontSize: 12, titleFontSize: 12, symbolSize: 90, labelLimit: 260 },
  header: { labelFontSize: 12, titleFontSize: 12 },
  view: { stroke: '#bbb' },
} as const;

/** All charts of a comparison by name; a group of cells that was not run has none. */
export function chartsOf(cells: readonly CellSummary[], studies: readonly StudySummary[]): Map<string, TopLevelSpec> {
  const of = (group: Cell['group']) => cells.filter(({ cell }) => cell.group === group);
  const charts = new Map<string, TopLevelSpec>();
  const [base] = of('base');
  if (base) charts.set('base', baseChart(base));
  const grid = of('failures and load');
  if (grid.length > 8) {
    charts.set('cost-against-best-other', gridChart(grid));
    charts.set('missed-by-load', loadChart(grid));
  }
  const sweeps = [
    { group: 'deadline', title: 'Deadline, in median proving times', of: (cell: Cell) => cell.scenario.deadlineTimes },
    { group: 'miss cost', title: 'Cost of a miss, in proving costs', of: (cell: Cell) => cell.scenario.missCostTimes },
    { group: 'provers', title: 'Provers', of: (cell: Cell) => cell.scenario.provers },
  ] as const;
  for (const { group, title, of: x } of sweeps) {
    const swept = [...of(group), ...of('base')].sort((a, b) => x(a.cell) - x(b.cell));
    if (swept.length > 1) charts.set(`by-${group.replace(' ', '-')}`, sweepChart(swept, title, x));
  }
  const lies = studies.filter(({ study }) => study.kind === 'market');
  if (lies.length > 0) charts.set('gain-from-lying', lieChart(lies));
  return charts;
}

interface Point {
  mechanism: string;
  mean: number;
  low: number;
  high: number;
}

function pointOf(row: Summary, figure: Figure, scale = 1): Point {
  const { mean, plusMinus } = row[figure];
  const width = Number.isNaN(plusMinus) ? 0 : plusMinus;
  return {
    mechanism: row.mechanism,
    mean: scale * mean,
    low: scale * Math.max(0, mean - width),
    high: scale * (mean + width),
  };
}

/** Every mechanism in the base cell: four figures side by side. */
function baseChart({ cell, rows }: CellSummary): TopLevelSpec {
  const panels: { figure: Figure; title: string; scale?: number }[] = [
    { figure: 'missed', title: 'Missed, %', scale: 100 },
    { figure: 'paidPerProof', title: 'Paid a zkProof' },
    { figure: 'totalCost', title: 'Total cost a job' },
    { figure: 'wasted', title: 'Wasted work, %', scale: 100 },
  ];
  const hconcat = panels.map(({ figure, title, scale = 1 }, index) => ({
    title,
    width: 170,
    height: 260,
    data: { values: rows.map((row) => pointOf(row, figure, scale)) },
    encoding: {
      y: {
        field: 'mechanism',
        type: 'nominal' as const,
        sort: null,
        title: null,
        axis: index === 0 ? { labelLimit: 400 } : null,
      },
    },
    layer: [
      {
        mark: { type: 'rule' as const, strokeWidth: 2, color: '#777' },
        encoding: {
          x: { field: 'low', type: 'quantitative' as const, title: null },
          x2: { field: 'high' },
        },
      },
      {
        mark: { type: 'point' as const, filled: true, size: 60, color: '#0b6e4f' },
        encoding: { x: { field: 'mean', type: 'quantitative' as const, title: null } },
      },
      {
        mark: { type: 'text' as const, dy: -9, fontSize: 10, color: '#333' },
        encoding: {
          x: { field: 'mean', type: 'quantitative' as const, title: null },
          text: { field: 'mean', type: 'quantitative' as const, format: scale === 100 ? '.1f' : '.2f' },
        },
      },
    ],
  }));
  const { provers, load, failing, deadlineTimes, missCostTimes } = cell.scenario;
  const subtitle = `${provers} provers, ${100 * load} % load, ${100 * failing} % fail, deadline ${deadlineTimes} proving times, a miss costs ${missCostTimes}; money in median proving costs; 95 % intervals`;
  return { config: CONFIG, title: { text: 'The base cell', subtitle }, hconcat } as TopLevelSpec;
}

/** Understudy's total cost against the best other mechanism's, for each failure and load: by both ways of pricing. */
function gridChart(cells: readonly CellSummary[]): TopLevelSpec {
  const values = cells.map((summary) => {
    const { other } = bestOfEach(summary);
    const against = (name: MechanismName) => {
      const ours = summary.rows.find(({ mechanism }) => mechanism === name)!;
      return 100 * (ours.totalCost.mean / other.totalCost.mean - 1);
    };
    const signed = (percent: number) => `${percent > 0 ? '+' : ''}${percent.toFixed(0)} %`;
    const percent = against('vickrey + backup + pool');
    const [failures, load] = summary.cell.title.split(', load ');
    const below = `first ${signed(against('first + backup + pool'))}; ${other.mechanism}`;
    return { failures, load: `load ${load}`, percent, text: signed(percent), below };
  });
  const encoding = {
    x: {
      field: 'load',
      type: 'nominal',
      sort: null,
      title: null,
      axis: { orient: 'top', labelAngle: 0, ticks: false },
    },
    y: { field: 'failures', type: 'nominal', sort: null, title: null, axis: { ticks: false } },
  };
  const scale = { domain: [-60, 0, 60], range: ['#9fd8bf', '#ffffff', '#f2b8ae'], clamp: true };
  return {
    config: CONFIG,
    title: {
      text: 'Total cost: vickrey + backup + pool against the best other mechanism',
      subtitle: 'below zero: Understudy is cheaper; small letters: the same with first prices, and the best other',
    },
    width: 640,
    height: 300,
    data: { values },
    encoding,
    layer: [
      {
        mark: { type: 'rect', stroke: '#999' },
        encoding: { color: { field: 'percent', type: 'quantitative', scale, legend: null } },
      },
      { mark: { type: 'text', fontSize: 15, fontWeight: 'bold', dy: -6 }, encoding: { text: { field: 'text' } } },
      { mark: { type: 'text', fontSize: 10, dy: 10, color: '#444' }, encoding: { text: { field: 'below' } } },
    ],
  } as TopLevelSpec;
}

/** Encodings by which a mechanism is told apart: mark, dashes and colour at once. */
function lineEncodings(): { marks: object; dashes: object; colours: object } {
  const domain = LINE_NAMES;
  const field = { field: 'mechanism', type: 'nominal', sort: null, title: null };
  return {
    marks: { ...field, scale: { domain, range: domain.map((name) => LINES[name]!.shape) } },
    dashes: { ...field, scale: { domain, range: domain.map((name) => LINES[name]!.dash) } },
    colours: { ...field, scale: { domain, range: domain.map((name) => LINES[name]!.colour) } },
  };
}

function linesOf(figure: string, title: string, values: object[], x: object): object {
  const { marks, dashes, colours } = lineEncodings();
  const y = { field: figure, type: 'quantitative', title, scale: { type: 'symlog', constant: 1 } };
  return {
    data: { values },
    width: 300,
    height: 240,
    encoding: { x, y, color: colours },
    layer: [
      { mark: { type: 'line', strokeWidth: 1.5 }, encoding: { strokeDash: dashes } },
      { mark: { type: 'point', filled: true, size: 70 }, encoding: { shape: marks } },
    ],
  };
}

/** Missed deadlines and total cost along one quantity. */
function sweepChart(cells: readonly CellSummary[], title: string, of: (cell: Cell) => number): TopLevelSpec {
  const values = cells.flatMap(({ cell, rows }) =>
    rows
      .filter(({ mechanism }) => mechanism in LINES)
      .map((row) => ({
        mechanism: row.mechanism,
        x: of(cell),
        missed: 100 * row.missed.mean,
        totalCost: row.totalCost.mean,
      })),
  );
  const ticks = [...new Set(values.map(({ x }) => x))];
  const x = { field: 'x', type: 'quantitative', title, scale: { type: 'log', nice: false }, axis: { values: ticks } };
  const hconcat = [
    linesOf('missed', 'Missed deadlines, %', values, x),
    linesOf('totalCost', 'Total cost of a job, in proving costs', values, x),
  ];
  return { config: CONFIG, hconcat } as TopLevelSpec;
}

/** Missed deadlines by load, a panel for each kind of failure. */
function loadChart(cells: readonly CellSummary[]): TopLevelSpec {
  const failuresOf = ({ cell }: CellSummary) => cell.title.split(', load ')[0]!;
  const concat = [...new Set(cells.map(failuresOf))].map((failures) => {
    const panel = cells.filter((cell) => failuresOf(cell) === failures);
    const values = panel.flatMap(({ cell, rows }) =>
      rows
        .filter(({ mechanism }) => mechanism in LINES)
        .map(({ mechanism, missed }) => ({ mechanism, load: 100 * cell.scenario.load, missed: 100 * missed.mean })),
    );
    const x = { field: 'load', type: 'quantitative', title: 'Load, % of capacity', axis: { values: [5, 50, 90, 120] } };
    return { ...linesOf('missed', 'Missed deadlines, %', values, x), width: 220, height: 180, title: failures };
  });
  return { config: CONFIG, columns: 3, concat } as TopLevelSpec;
}

/** What lying brought, as a share of the honest profit. */
function lieChart(studies: readonly StudySummary[]): TopLevelSpec {
  const values = studies.flatMap(({ study, rows }) =>
    rows.map(({ what, gain }) => ({
      study: study.title,
      what,
      mean: 100 * gain.mean,
      low: 100 * (gain.mean - gain.plusMinus),
      high: 100 * (gain.mean + gain.plusMinus),
    })),
  );
  const x = (field: string) => ({ field, type: 'quantitative', title: 'Gain, % of the honest profit' });
  const y = { field: 'what', type: 'nominal', sort: null, title: null, axis: { labelLimit: 400 } };
  const hconcat = studies.map(({ study }, index) => ({
    title: study.title,
    width: 230,
    height: 220,
    data: { values: values.filter((value) => value.study === study.title) },
    encoding: { y: index === 0 ? y : { ...y, axis: null } },
    layer: [
      {
        mark: { type: 'rule', color: '#aaa', strokeDash: [3, 3] },
        data: { values: [{}] },
        encoding: { x: { datum: 0 }, y: null },
      },
      { mark: { type: 'rule', strokeWidth: 2, color: '#777' }, encoding: { x: x('low'), x2: { field: 'high' } } },
      { mark: { type: 'point', filled: true, size: 60, color: '#0b6e4f' }, encoding: { x: x('mean') } },
    ],
  }));
  return { config: CONFIG, title: 'What one liar gains over a whole market', hconcat } as TopLevelSpec;
}
