/** `understudy simulate`: the market under virtual time. */
import { writeFile } from 'node:fs/promises';
import { Argument, Command } from 'commander';
import { type FaultSearch, searchFaults } from '../simulator/faultSearch.js';
import { simulateMarket } from '../simulator/simulateMarket.js';
import { runProgram, wholeNumber } from './commandLine.js';
import { table } from './start/summary.js';

const SEED_MAX = 4_294_967_295;
const SEEDS_MAX = 10_000_000;
const PROGRESS_MS = 500;

const EXAMPLES = `
Examples:
  $ understudy simulate faults --seeds 1000
  $ understudy simulate faults --seed 4711 --trace        (one seed, everything that happened in it)
  $ understudy simulate mechanisms                        (ways to sell proofs, side by side)`;

interface FaultFlags {
  seeds: number;
  from: number;
  seed?: number;
  trace?: true;
  signed?: true;
  json?: string;
}

/** Runs the subcommand. @returns 0 when nothing happened that never may, 1 otherwise */
export async function run(args: string[]): Promise<number> {
  if (args[0] === 'mechanisms') return (await import('./simulateMechanisms.js')).run(args.slice(1));
  let exitCode = 0;
  const program = new Command('understudy simulate')
    .description(
      'Runs whole markets under virtual time, with faults drawn from a seed, and checks that all promises hold. To compare ways to sell proofs instead: understudy simulate mechanisms --help',
    )
    .addArgument(new Argument('<what>', 'what to simulate').choices(['faults', 'mechanisms']))
    .option('--seeds <count>', 'how many seeds', wholeNumber(1, SEEDS_MAX), 1_000)
    .option('--from <seed>', 'the first seed', wholeNumber(0, SEED_MAX), 0)
    .option('--seed <seed>', 'this seed only', wholeNumber(0, SEED_MAX))
    .option('--trace', 'with --seed: print everything that happens, after milliseconds from the opening')
    .option('--signed', 'really sign all messages, and check the signatures in the replay (slow)')
    .option('--json <file>', 'write { seeds, seedsPerSec, events, entries, found, counts }')
    .addHelpText('after', EXAMPLES)
    .action(async (_what: string, flags: FaultFlags) => {
      if (flags.trace && flags.seed === undefined) throw new Error('--trace needs --seed, the one to trace');
      exitCode = await search(flags);
    });
  return runProgram(program, args, () => exitCode);
}

async function search(flags: FaultFlags): Promise<number> {
  const { seed, trace, json, signed = false } = flags;
  if (seed !== undefined && trace) traceSeed(seed, signed);
  const [from, seeds] = seed === undefined ? [flags.from, flags.seeds] : [seed, 1];
  const startedMs = performance.now();
  let shownMs = 0;
  const result = searchFaults(from, seeds, { signed }, (soFar) => {
    const tookMs = performance.now() - startedMs;
    if (!process.stderr.isTTY || tookMs - shownMs < PROGRESS_MS) return;
    shownMs = tookMs;
    process.stderr.write(`\r${progressLine(soFar, seeds, tookMs)}\x1b[K`);
  });
  if (shownMs > 0) process.stderr.write('\r\x1b[K');
  const seedsPerSec = Number(((seeds * 1_000) / (performance.now() - startedMs)).toFixed(1));
  console.log(reportOf(result, seedsPerSec, signed));
  if (json) await writeFile(json, `${JSON.stringify({ seedsPerSec, ...jsonOf(result) }, null, 2)}\n`);
  return result.found.length === 0 ? 0 : 1;
}

function traceSeed(seed: number, signed: boolean): void {
  simulateMarket(seed, { signed, trace: (atMs, text) => console.log(`${String(atMs).padStart(7)}  ${text}`) });
}

function progressLine({ seeds: done, found }: FaultSearch, seeds: number, tookMs: number): string {
  const leftSec = Math.ceil(((tookMs / done) * (seeds - done)) / 1_000);
  const rate = ((done * 1_000) / tookMs).toFixed(1);
  return `${done} of ${seeds} seeds, ${rate} a second, ${leftSec} s left, ${found.length} with a violation`;
}

function reportOf(result: FaultSearch, seedsPerSec: number, signed: boolean): string {
  const rows = [...result.counts].sort(([one], [other]) => (one < other ? -1 : 1));
  const happened = table(
    ['what happened', 'times'],
    rows.map(([what, times]) => [what, String(times)]),
  );
  const hours = (result.simulatedMs / 3_600_000).toFixed(1);
  const eventsPerSec = Math.round((result.events / result.seeds) * seedsPerSec);
  const summary =
    `${result.seeds} seeds (${seedsPerSec} a second), ${hours} hours of virtual time, ${result.events} events ` +
    `(${eventsPerSec} a second), ${result.entries} entries`;
  const found = result.found.map(
    ({ seed, violations }) =>
      `seed ${seed}: ${violations[0]}\n  $ understudy simulate faults --seed ${seed} --trace${signed ? ' --signed' : ''}`,
  );
  const verdict = found.length === 0 ? 'no violation' : `${found.length} seeds with a violation:\n${found.join('\n')}`;
  return `${happened}\n\n${summary}\n${verdict}`;
}

function jsonOf({ counts, ...rest }: FaultSearch) {
  return { ...rest, counts: Object.fromEntries(counts) };
}
