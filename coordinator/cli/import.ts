/** `understudy import`: carries a market on from an export, under another operator's key. */
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { Pool } from 'pg';
import { startEmbeddedPostgres } from '#journal/embeddedPostgres.js';
import { beginImport, endImport } from '#journal/importMark.js';
import { importMarket } from '#journal/importMarket.js';
import { applyMigrations } from '#journal/migrate.js';
import { FIRST_KEY_FILE, openOperatorKey } from '#journal/operatorKey.js';
import type { Entry } from '#protocol/entries.js';
import { createVerifierPool } from '#verifier/verifierPool.js';
import { LogAudit } from '../auditor/auditLog.js';
import type { AuditReport } from '../auditor/auditReport.js';
import { copyArtifact, type NamedArtifact } from '../auditor/copyArtifact.js';
import { folderTileSource } from '../auditor/folderTileSource.js';
import { noteArtifacts } from '../auditor/mirrorLog.js';
import { tileLogSource } from '../auditor/tileLogSource.js';
import { claimedSize, LOG_PAGE, type LogSource } from '../auditor/walkLog.js';
import { reportLines } from './auditReport.js';
import { runProgram } from './commandLine.js';
import { plainText } from './plainText.js';
import { ProgressBar } from './progressBar.js';

const EXAMPLES = `
Examples:
  $ understudy import ./market --origin other.example/market --data-dir .understudy-next
  $ understudy coordinator --data-dir .understudy-next

The export is checked as "understudy audit" checks it before anything is written. Balances, scores, parameters and open jobs
are as they were. What no export holds is lost: sealed bids and private inputs. Open rounds begin anew, deposits go back, and
no prover pays for what it could not do. Messages signed for the old market count for nothing in this one.
An import that was cut off is begun again by the same command.`;

/** What the data folder says when it cannot be written: no fault of the export. */
const NO_ROOM: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EIO']);

interface ImportFlags {
  origin: string;
  dataDir: string;
  newKeyOnly?: true;
}

/** Runs the subcommand. @returns 0 when the market can be run, 1 when the export is not good */
export async function run(args: string[]): Promise<number> {
  let exitCode = 0;
  const program = new Command('understudy import')
    .description('Carries a market on from a folder that "understudy export" wrote, as another operator.')
    .argument('[folder]', 'the export')
    .requiredOption('--origin <name>', 'name of the log that goes on, which no log of the market has or had')
    .option('--data-dir <folder>', 'the new data folder: missing, or empty but for keys', '.understudy')
    .option('--new-key-only', 'only make the key, so that the old operator can close its log for it')
    .addHelpText('after', EXAMPLES)
    .action(async (folder: string | undefined, flags: ImportFlags) => {
      exitCode = await begin(folder, flags);
    });
  return runProgram(program, args, () => exitCode);
}

async function begin(folder: string | undefined, { origin, dataDir, newKeyOnly }: ImportFlags): Promise<number> {
  if (newKeyOnly) {
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
    console.log(openOperatorKey(join(dataDir, FIRST_KEY_FILE), origin).logKey);
    return 0;
  }
  if (folder === undefined || !existsSync(folder)) {
    throw new Error('name the folder that "understudy export" wrote');
  }
  const artifacts = new Map<string, NamedArtifact>();
  const report = await audit(folder, artifacts);
  if (!report.ok) {
    for (const line of reportLines(report, { sample: 1, seconds: 0 })) console.log(line);
    console.log('nothing was imported');
    return 1;
  }
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  if (!beginImport(dataDir)) throw new Error(`${dataDir} is not empty: name a new folder, so that nothing is lost`);
  const size = await fold(folder, dataDir, origin, report);
  await copyArtifacts(folder, join(dataDir, 'artifacts'), artifacts);
  endImport(dataDir);
  const before = report.logs.at(-1)!;
  console.log(`${size} entries are in ${dataDir}; the market goes on as ${origin}, behind ${before.origin}`);
  if (!report.goesOnAs)
    console.log(`${before.origin} was not closed for it: the hand-over is the word of ${origin} alone.`);
  console.log(`Run it: understudy coordinator --data-dir ${dataDir}`);
  return 0;
}

/** Everything that an audit checks: nothing of an export is believed. @param artifacts - files of circuits, added to here */
async function audit(folder: string, artifacts: Map<string, NamedArtifact>): Promise<AuditReport> {
  const threads = availableParallelism();
  const verifier = createVerifierPool({ threads });
  const bar = new ProgressBar(process.stderr);
  const onProgress = (done: number, size: number) => bar.show(done / size, `checking, ${done} of ${size} entries`);
  const onEntry = (entry: Entry) => noteArtifacts(artifacts, entry);
  const log = new LogAudit(tileLogSource(folderTileSource(folder)), { verifier, threads, onProgress, onEntry });
  try {
    return await log.run();
  } finally {
    bar.clear();
    await Promise.all([log.close(), verifier.close()]);
  }
}

async function fold(folder: string, dataDir: string, origin: string, report: AuditReport): Promise<number> {
  const key = openOperatorKey(join(dataDir, FIRST_KEY_FILE), origin);
  const url = process.env.DATABASE_URL;
  const embedded = url ? null : await startEmbeddedPostgres({ dataDir: join(dataDir, 'postgres') });
  const pool = new Pool({ connectionString: url ?? embedded!.databaseUrl, max: 2 });
  pool.on('error', () => {});
  const bar = new ProgressBar(process.stderr);
  try {
    await applyMigrations(pool);
    const onProgress = (done: number) => bar.show(done / report.size, `folding, ${done} of ${report.size} entries`);
    const pages = pagesOf(tileLogSource(folderTileSource(folder)), report);
    return await importMarket({ pool, key, nowMs: Date.now, pages, checkpoint: report.note, onProgress });
  } finally {
    bar.clear();
    await pool.end();
    await embedded?.stop();
  }
}

/** The entries of all logs, as far as they were audited. */
async function* pagesOf(first: LogSource, { logs }: AuditReport): AsyncGenerator<string[]> {
  let source: LogSource | null = first;
  for (const { size } of logs) {
    if (!source || claimedSize(await source.checkpoint()) < size) throw new Error('the export has changed meanwhile');
    for (let at = 0; at < size; ) {
      const leaves: string[] = await source.entries(at, Math.min(LOG_PAGE, size - at));
      if (leaves.length === 0) throw new Error('the export has changed meanwhile');
      yield leaves;
      at += leaves.length;
    }
    source = (await source.next?.()) ?? null;
  }
}

/** Files of circuits that the log names; one that is missing or another file than the log says is left out, and said. */
async function copyArtifacts(folder: string, shelf: string, artifacts: Map<string, NamedArtifact>): Promise<void> {
  const source = folderTileSource(folder);
  await mkdir(shelf, { recursive: true, mode: 0o700 });
  for (const artifact of artifacts.values()) {
    const { sha256 } = artifact;
    try {
      if (await copyArtifact(source, join(shelf, sha256), artifact)) continue;
      console.log(`the artifact ${sha256} is not in the export: put the file into ${shelf} under this name`);
    } catch (error) {
      if (!(error instanceof Error) || NO_ROOM.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
      console.log(`the artifact ${sha256} is left out: ${plainText(error.message)}`);
    }
  }
}
