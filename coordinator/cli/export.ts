/** `understudy export`: copies a market's log, so that it can be audited, served and carried on elsewhere. */
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { folderTileSource } from '../auditor/folderTileSource.js';
import { mirrorLog } from '../auditor/mirrorLog.js';
import { tileLogSource } from '../auditor/tileLogSource.js';
import { httpTileSource, type TileSource } from '../auditor/tileSource.js';
import { type TableFormat, writeTables } from '../auditor/writeTables.js';
import { DEFAULT_URL, runProgram } from './commandLine.js';

const EXAMPLES = `
Examples:
  $ understudy export ./market                     (tiles, entries, artifacts and checkpoint; again: only what is new)
  $ understudy audit ./market                      (checks it offline)
  $ understudy export ./tables --format csv        (rounds, bids, awards, payments and scores, for analysts)
  $ understudy export ./tables --format ndjson --from ./market

The folder is laid out as /log is served, so that any web server can serve it. Private inputs are never in it.`;

/** How often progress is shown, in milliseconds. */
const PROGRESS_MS = 200;

interface ExportFlags {
  coordinator: string;
  artifacts: boolean;
  format?: TableFormat;
  from?: string;
}

/** Runs the subcommand. @returns 0 when everything was copied, 1 when the log is not good or an artifact is missing */
export async function run(args: string[]): Promise<number> {
  let exitCode = 0;
  const program = new Command('understudy export')
    .description('Copies a whole log into a folder and checks every byte of it against the signed checkpoint.')
    .argument('<folder>', 'where to; made when missing, continued when there')
    .option('--coordinator <url>', 'address of the coordinator', DEFAULT_URL)
    .option('--no-artifacts', 'leave out witness generators and proving keys')
    .addOption(
      new Option('--format <format>', 'write tables for analysts instead of the log').choices(['ndjson', 'csv']),
    )
    .option('--from <folder>', 'with --format: read the log from a folder that was exported before')
    .addHelpText('after', EXAMPLES)
    .action(async (folder: string, { coordinator, artifacts, format, from }: ExportFlags) => {
      if (from !== undefined && !format) throw new Error('--from goes with --format csv or --format ndjson');
      exitCode = format
        ? await tabulate(folder, from === undefined ? httpTileSource(coordinator) : folderTileSource(from), format)
        : await copy(folder, coordinator, artifacts);
    });
  return runProgram(program, args, () => exitCode);
}

async function tabulate(folder: string, source: TileSource, format: TableFormat): Promise<number> {
  const rows = await writeTables(tileLogSource(source), folder, format);
  for (const [table, count] of Object.entries(rows)) console.log(`${count} rows in ${join(folder, table)}.${format}`);
  return 0;
}

async function copy(folder: string, coordinator: string, artifacts: boolean): Promise<number> {
  const startedMs = performance.now();
  let shownMs = 0;
  const { size, missing } = await mirrorLog(httpTileSource(coordinator), folder, {
    artifacts,
    onProgress: (done, all) => {
      const tookMs = performance.now() - startedMs;
      if (!process.stderr.isTTY || tookMs - shownMs < PROGRESS_MS) return;
      shownMs = tookMs;
      process.stderr.write(`\r${done} of ${all} entries, ${Math.round((done * 1_000) / tookMs)} a second\x1b[K`);
    },
  });
  if (shownMs > 0) process.stderr.write('\r\x1b[K');
  console.log(`${size} entries are in ${folder}, with the checkpoint that they make`);
  for (const sha256 of missing) console.log(`the coordinator does not serve the artifact ${sha256}`);
  return missing.length === 0 ? 0 : 1;
}
