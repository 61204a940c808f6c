/** `understudy bench`: measures this project against what stands beside it, as ratios within one run. */
import { writeFile } from 'node:fs/promises';
import { Argument, Command } from 'commander';
import { runProgram } from '../commandLine.js';
import { table } from '../start/summary.js';
import type { Measure } from './measure.js';

/** How much is measured. */
interface BenchOptions {
  quick: boolean;
  full: boolean;
}

const BENCHES: Record<string, () => Promise<{ run(options: BenchOptions): Promise<Measure[]> }>> = {
  verify: () => import('./verify.js'),
  journal: () => import('./journal.js'),
  overhead: () => import('./overhead.js'),
  memory: () => import('./memory.js'),
  agent: () => import('./agent.js'),
  audit: () => import('./audit.js'),
  explorer: () => import('./explorer.js'),
  start: () => import('./startTime.js'),
  clear: () => import('./clear.js'),
  gas: () => import('./gas.js'),
  chain: () => import('./chain.js'),
};

const EXAMPLES = `
Examples:
  $ npm run bench -- verify --json verify.json
  $ npm run bench -- overhead`;

/** Runs the subcommand. @returns 0 when every measure meets its target, 2 when one does not */
export async function run(args: string[]): Promise<number> {
  let exitCode = 0;
  const program = new Command('understudy bench')
    .description('Measures, as ratios within one run wherever it can be; prints a table.')
    .addArgument(new Argument('<name>', 'what to measure').choices(Object.keys(BENCHES)))
    .option('--json <file>', 'write { measures: [{ name, value, unit, target, holds }] }')
    .option('--quick', 'fewer repetitions')
    .option('--full', 'audit: up to a million entries, for some minutes and 1.2 GB of disk')
    .addHelpText('after', EXAMPLES)
    .action(async (name: string, { json, quick, full }: { json?: string; quick?: true; full?: true }) => {
      const bench = await BENCHES[name]!();
      const measures = await bench.run({ quick: quick ?? false, full: full ?? false });
      const rows = measures.map((one) => [
        one.name,
        String(Number(one.value.toPrecision(6))),
        one.unit,
        one.target,
        one.holds ? 'yes' : 'NO',
      ]);
      console.log(table(['measure', 'value', 'unit', 'target', 'holds'], rows));
      if (json) await writeFile(json, `${JSON.stringify({ measures }, null, 2)}\n`);
      exitCode = measures.every(({ holds }) => holds) ? 0 : 2;
    });
  return runProgram(program, args, () => exitCode);
}
