/** `understudy export`: copies a market's log, so that it can be audited, served and carried on elsewhere. */
import { Command } from 'commander';
import { mirrorLog } from '../auditor/mirrorLog.js';
import { httpTileSource } from '../auditor/tileSource.js';
import { DEFAULT_URL, runProgram } from './commandLine.js';

const EXAMPLES = `
Examples:
  $ understudy export ./market                     (tiles, entries, artifacts and checkpoint; again: only what is new)
  $ understudy audit ./market                      (checks it offline)

The folder is laid out as /log is served, so that any web server can serve it. Private inputs are never in it.`;

/** How often progress is shown, in milliseconds. */
const PROGRESS_MS = 200;

/** Runs the subcommand. @returns 0 when everything was copied, 1 when the log is not good or an artifact is missing */
export async function run(args: string[]): Promise<number> {
  let exitCode = 0;
  const program = new Command('understudy export')
    .description('Copies a whole log into a folder and checks every byte of it against the signed checkpoint.')
    .argument('<folder>', 'where to; made when missing, continued when there')
    .option('--coordinator <url>', 'address of the coordinator', DEFAULT_URL)
    .option('--no-artifacts', 'leave out witness generators and proving keys')
    .addHelpText('after', EXAMPLES)
    .action(async (folder: string, { coordinator, artifacts }: { coordinator: string; artifacts: boolean }) => {
      exitCode = await copy(folder, coordinator, artifacts);
    });
  return runProgram(program, args, () => exitCode);
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
