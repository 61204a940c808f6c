/** `understudy simulate mechanisms`: ours beside other ways to sell proofs, under the same luck. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { Command, Option } from 'commander';
import { type Comparison, compare } from '../simulator/mechanisms/compare.js';
import { type GridName, gridCells } from '../simulator/mechanisms/grid.js';
import { fillTables } from '../simulator/mechanisms/markdown.js';
import {
  type CellSummary,
  HEADINGS,
  rowsOf,
  STUDY_HEADINGS,
  studyRowsOf,
  summarise,
} from '../simulator/mechanisms/report.js';
import { type StudySummary, studiesOf, summariseStudy } from '../simulator/mechanisms/studies.js';
import { runProgram, wholeNumber } from './commandLine.js';
import { table } from './start/summary.js';

const SEED_MAX = 4_294_967_295;
const SEEDS_MAX = 1_000;
const JOBS_MAX = 64;
const PROGRESS_MS = 500;
const BAR_WIDTH = 30;

const EXAMPLES = `
Examples:
  $ understudy simulate mechanisms                                  (five cells, some seconds)
  $ understudy simulate mechanisms --grid full --charts coordinator/simulator/charts --readme coordinator/simulator/README.md
    (some minutes on two cores: the tables and charts of that page)`;

interface Flags {
  grid: GridName;
  seeds?: number;
  from: number;
  jobs: number;
  json?: string;
  charts?: string;
  readme?: string;
}

/** Runs the subcommand. @returns the exit code */
export async function run(args: string[]): Promise<number> {
  const program = new Command('understudy simulate mechanisms')
    .description('Compares ways to sell proofs: the same blocks, the same provers, the same failures for each.')
    .addOption(new Option('--grid <size>', 'which cells').choices(['small', 'full']).default('small'))
    .option('--seeds <count>', "how many markets a cell; the grid's own number unless given", wholeNumber(1, SEEDS_MAX))
    .option('--from <seed>', 'the first seed', wholeNumber(0, SEED_MAX), 1)
    .option('--jobs <count>', 'threads', wholeNumber(1, JOBS_MAX), Math.min(availableParallelism(), JOBS_MAX))
    .option('--json <file>', 'write every figure of every cell with its interval')
    .option('--readme <file>', 'write the tables into a page, between its markers')
    .option('--charts <folder>', 'draw charts there, as SVG and PNG')
    .addHelpText('after', EXAMPLES)
    .action(runComparison);
  return runProgram(program, args);
}

async function runComparison({ grid, seeds, from, jobs, json, charts, readme }: Flags): Promise<void> {
  const plan = { cells: gridCells(grid, seeds), studies: studiesOf(grid, seeds) };
  const comparison = await compare(plan, from, jobs, progress());
  const cells = summarise(comparison);
  const studies = comparison.studies.map((study, index) => ({ study, rows: summariseStudy(comparison.gains[index]!) }));
  for (const cell of cells) console.log(`\n${titleOf(cell)}\n${table(HEADINGS, rowsOf(cell))}`);
  for (const study of studies) console.log(`\n${studyTitleOf(study)}\n${table(STUDY_HEADINGS, studyRowsOf(study))}`);
  if (charts) await drawCharts(cells, studies, charts);
  if (readme) await writeFile(readme, fillTables(await readFile(readme, 'utf8'), cells, studies));
  if (json) await writeFile(json, `${JSON.stringify({ cells, studies }, null, 1)}\n`);
  console.log(`\n${speedOf(comparison, jobs)}`);
}

function speedOf({ events, tookSec }: Comparison, jobs: number): string {
  const rate = Math.round(events / tookSec);
  return `${events} events in ${tookSec.toFixed(1)} s on ${jobs} threads: ${rate} simulated events a second`;
}

/** The chart libraries are large and loaded only here. */
async function drawCharts(cells: CellSummary[], studies: StudySummary[], folder: string): Promise<void> {
  const { chartsOf } = await import('../simulator/mechanisms/charts.js');
  const { writeCharts } = await import('../simulator/mechanisms/renderChart.js');
  await mkdir(folder, { recursive: true });
  await writeCharts(chartsOf(cells, studies), folder);
}

function titleOf({ cell }: CellSummary): string {
  return `${cell.group}: ${cell.title} (${cell.seeds} seeds)`;
}

function studyTitleOf({ study: { kind, title, mechanism, seeds } }: StudySummary): string {
  const what = { round: 'lies in one round', market: 'lies over a market', ownBackup: "being one's own backup" }[kind];
  return `${what}: ${title}, ${mechanism} (${seeds} seeds)`;
}

/** A bar with the time left, on a terminal only. */
function progress(): (done: number, total: number) => void {
  const startedMs = performance.now();
  let shownMs = 0;
  return (done, total) => {
    if (!process.stderr.isTTY) return;
    const tookMs = performance.now() - startedMs;
    if (done === total) process.stderr.write('\r\x1b[K');
    if (done === total || tookMs - shownMs < PROGRESS_MS) return;
    shownMs = tookMs;
    const filled = Math.round((BAR_WIDTH * done) / total);
    const leftSec = Math.ceil(((tookMs / done) * (total - done)) / 1_000);
    process.stderr.write(
      `\r[${'#'.repeat(filled)}${' '.repeat(BAR_WIDTH - filled)}] ${done} of ${total} markets, ${leftSec} s left\x1b[K`,
    );
  };
}
