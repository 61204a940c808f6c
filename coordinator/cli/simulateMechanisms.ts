/** `understudy simulate mechanisms`: ours beside other ways to sell proofs, under the same luck. */
import { writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { Command, Option } from 'commander';
import { compare } from '../simulator/mechanisms/compare.js';
import { type GridName, gridCells } from '../simulator/mechanisms/grid.js';
import { type CellSummary, HEADINGS, rowsOf, summarise } from '../simulator/mechanisms/report.js';
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
  $ understudy simulate mechanisms --grid full --json results.json  (the tables of coordinator/simulator/README.md)`;

interface Flags {
  grid: GridName;
  seeds?: number;
  from: number;
  jobs: number;
  json?: string;
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
    .addHelpText('after', EXAMPLES)
    .action(runComparison);
  return runProgram(program, args);
}

async function runComparison({ grid, seeds, from, jobs, json }: Flags): Promise<void> {
  const comparison = await compare(gridCells(grid, seeds), from, jobs, progress());
  const summaries = summarise(comparison);
  for (const summary of summaries) console.log(`\n${titleOf(summary)}\n${table(HEADINGS, rowsOf(summary))}`);
  const { events, tookSec } = comparison;
  const rate = Math.round(events / tookSec);
  console.log(`\n${events} events in ${tookSec.toFixed(1)} s on ${jobs} threads: ${rate} simulated events a second`);
  if (json) await writeFile(json, `${JSON.stringify({ events, tookSec, cells: summaries }, null, 1)}\n`);
}

function titleOf({ cell }: CellSummary): string {
  return `${cell.group}: ${cell.title} (${cell.seeds} seeds)`;
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
