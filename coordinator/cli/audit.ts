/** `understudy audit`: checks a whole market from its public files alone. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { Command, InvalidArgumentError } from 'commander';
import type { KeptReceipt } from '#protocol/bidReceipt.js';
import { parseCosignerKey } from '#protocol/log/cosignature.js';
import { createVerifierPool } from '#verifier/verifierPool.js';
import { LogAudit } from '../auditor/auditLog.js';
import type { AuditOptions } from '../auditor/auditOptions.js';
import type { AuditReport } from '../auditor/auditReport.js';
import { folderTileSource } from '../auditor/folderTileSource.js';
import { JobStory } from '../auditor/jobStory.js';
import {
  DEFAULT_STATE,
  readCheckpointNote,
  rememberCheckpoint,
  type SeenCheckpoint,
  seenCheckpoint,
} from '../auditor/seenCheckpoints.js';
import { tileLogSource } from '../auditor/tileLogSource.js';
import { httpTileSource } from '../auditor/tileSource.js';
import { reportLines } from './auditReport.js';
import { ChainAuditCommand } from './chainAuditCommand.js';
import { parseReceipts } from './checkBids.js';
import { collect, DEFAULT_URL, runProgram } from './commandLine.js';
import { plainText } from './plainText.js';
import { ProgressBar } from './progressBar.js';

const EXAMPLES = `
Examples:
  $ understudy audit http://127.0.0.1:8787
  $ understudy audit ./market                       (a folder that "understudy export" wrote; no network needed)
  $ understudy audit ./market --sample 0.05         (a twentieth of signatures and zkProofs, drawn at random)
  $ understudy audit http://127.0.0.1:8787 --job 0x2b9e..f1.3
  $ understudy audit http://127.0.0.1:8787 --watch
  $ understudy audit http://127.0.0.1:8787 --chain https://rpc.example    (its posted roots, deposits and money too)

Exit code: 0 when everything holds, 1 when something does not, 2 when the log or the arguments could not be read.
What each check means, and what must still be trusted: coordinator/auditor/README.md`;

/** Between two looks at a log that is watched, in milliseconds. */
const WATCH_MS = 2_000;

interface Flags {
  since?: string;
  sample?: number;
  job?: string;
  receipts?: string;
  cosigner: string[];
  state: string;
  chain: string[];
  json?: true;
  watch?: true;
}

/** Runs the subcommand. @returns 0 when everything holds, 1 when something does not, 2 when the log cannot be read */
export async function run(args: string[]): Promise<number> {
  // Arguments that cannot be followed are no word on the log: 1 would be one.
  let exitCode: number | null = null;
  const program = new Command('understudy audit')
    .description('Checks a whole market from its public files: no database, no trust in whoever serves them.')
    .argument('[log]', 'address of a coordinator, or a folder that "understudy export" wrote', DEFAULT_URL)
    .option('--since <checkpoint>', 'file with an earlier checkpoint: what is before it had its costly checks')
    .option('--sample <share>', 'share of signatures and zkProofs to check, above 0 to 1', shareOf)
    .option('--job <id>', 'tell the full story of one job')
    .option('--receipts <file>', 'receipts of a prover: an agent’s receipts.jsonl')
    .option('--cosigner <vkey>', 'key of a cosigner that must have signed; may be repeated', cosignerKeys, [])
    .option('--state <folder>', 'where the last checkpoint seen of each log is remembered', DEFAULT_STATE)
    .option('--chain <url>', 'hold the log against its chain too, by this JSON-RPC; may be repeated', collect, [])
    .option('--json', 'print the report as JSON')
    .option('--watch', 'go on as the log grows, until something does not hold')
    .addHelpText('after', EXAMPLES)
    .action(async (log: string, flags: Flags) => {
      exitCode = await auditFrom(log, flags).catch((error: unknown) => {
        console.error(plainText(`understudy audit: ${error instanceof Error ? error.message : error}`));
        return 2;
      });
    });
  const ended = await runProgram(program, args, () => exitCode ?? 0);
  return exitCode === null && ended !== 0 ? 2 : ended;
}

async function auditFrom(log: string, flags: Flags): Promise<number> {
  const tiles = /^https?:\/\//.test(log) ? httpTileSource(log) : folderTileSource(existing(log));
  const threads = availableParallelism();
  const verifier = createVerifierPool({ threads });
  const bar = new ProgressBar(process.stderr);
  const story = flags.job === undefined ? null : new JobStory(flags.job);
  const since = flags.since === undefined ? null : await readSince(flags.since);
  const receipts = flags.receipts === undefined ? undefined : await readReceipts(flags.receipts);
  const startedMs = performance.now();
  const chainAudit = flags.chain.length > 0 ? new ChainAuditCommand(flags.chain) : null;
  const options: AuditOptions = {
    verifier,
    threads,
    share: flags.sample ?? 1,
    ...(since && { since }),
    cosigners: flags.cosigner,
    seen: (origin) => [seenCheckpoint(flags.state, origin)].filter((one) => one !== null),
    onProgress: (done, size) => bar.show(done / size, paceOf(done, size, performance.now() - startedMs)),
    ...(receipts && { receipts }),
    onEntry: (entry, index) => {
      story?.take(entry, index);
      chainAudit?.take(entry, index, audit);
    },
  };
  const audit: LogAudit = new LogAudit(tileLogSource(tiles), options);
  try {
    for (;;) {
      await chainAudit?.begin();
      const report = await audit.run();
      bar.clear();
      if (report.ok) for (const { logKey, note } of report.logs) rememberCheckpoint(flags.state, logKey, note);
      print(report, flags, story, performance.now() - startedMs);
      if (!report.ok) return 1;
      if (chainAudit && !(await chainAudit.holds(audit))) return 1;
      if (!flags.watch) return story && !story.isFound ? 1 : 0;
      await new Promise((resolve) => setTimeout(resolve, WATCH_MS));
    }
  } finally {
    bar.clear();
    await Promise.all([audit.close(), verifier.close()]);
  }
}

function print(report: AuditReport, flags: Flags, story: JobStory | null, tookMs: number): void {
  const { note: _note, ...rest } = report;
  const seconds = Number((tookMs / 1_000).toFixed(3));
  const sample = flags.sample ?? 1;
  if (flags.json) {
    const told = story ? { job: story.lines() } : {};
    console.log(JSON.stringify({ ...rest, sample, seconds, ...told }, null, flags.watch ? 0 : 2));
    return;
  }
  for (const line of story?.lines() ?? []) console.log(plainText(line));
  for (const line of reportLines(report, { sample, seconds })) console.log(plainText(line));
}

/** Such as `12000 of 50000 entries, 8000 a second, 5 s left`. */
function paceOf(done: number, size: number, tookMs: number): string {
  const perSecond = (done * 1_000) / Math.max(1, tookMs);
  const leftSeconds = Math.ceil((size - done) / Math.max(1, perSecond));
  return `${done} of ${size} entries, ${Math.round(perSecond)} a second, ${leftSeconds} s left`;
}

function existing(folder: string): string {
  if (existsSync(folder)) return folder;
  throw new Error(`there is no folder ${folder}; name one that "understudy export" wrote, or an address with http://`);
}

async function readSince(file: string): Promise<SeenCheckpoint> {
  const note = await readFile(file, 'utf8');
  const checkpoint = readCheckpointNote(note);
  if (!checkpoint) throw new Error(`${file} is no checkpoint; save one with "curl URL/v1/log/checkpoint > FILE"`);
  return { ...checkpoint, logKey: '', note };
}

async function readReceipts(file: string): Promise<KeptReceipt[]> {
  const { receipts, unreadable } = parseReceipts(await readFile(file, 'utf8'));
  if (unreadable > 0) throw new Error(`${unreadable} lines of ${file} are no receipts; give an agent’s receipts.jsonl`);
  return receipts;
}

function shareOf(text: string): number {
  const value = Number(text);
  if (!/^(1|0?\.[0-9]{1,6}|1\.0+)$/.test(text) || value <= 0) {
    throw new InvalidArgumentError('It must be above 0 and at most 1, such as 0.05.');
  }
  return value;
}

function cosignerKeys(text: string, before: string[]): string[] {
  if (!parseCosignerKey(text)) throw new InvalidArgumentError('It must be a key such as name+1f2e3d4c+BA...=');
  return [...before, text];
}
