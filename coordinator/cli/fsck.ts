/** `understudy fsck`: compares a market's tables with the fold of its log. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { runProgram } from './commandLine.js';

const EXAMPLES = `
Examples:
  $ understudy fsck --data-dir .understudy          (while the coordinator is stopped)
  $ DATABASE_URL=postgres://market@db/understudy understudy fsck`;

/** Runs the subcommand. @returns 0 when the tables are the fold of the log, 1 when they differ */
export async function run(args: string[]): Promise<number> {
  let exitCode = 0;
  const program = new Command('understudy fsck')
    .description('Folds the whole log anew and compares the result with every table, the tree and the money.')
    .option('--data-dir <folder>', 'where the embedded database lies', '.understudy')
    .option('--no-signatures', 'do not check the signatures of all messages')
    .addHelpText('after', EXAMPLES)
    .action(async ({ dataDir, signatures }: { dataDir: string; signatures: boolean }) => {
      exitCode = await check(dataDir, signatures);
    });
  return runProgram(program, args, () => exitCode);
}

async function check(dataDir: string, checkSignatures: boolean): Promise<number> {
  const { Pool } = await import('pg');
  const { fsck } = await import('#journal/fsck.js');
  const { startEmbeddedPostgres } = await import('#journal/embeddedPostgres.js');
  const folder = join(dataDir, 'postgres');
  if (!process.env.DATABASE_URL && !existsSync(join(folder, 'cluster'))) {
    throw new Error(
      `there is no market in ${dataDir}. Name its folder with --data-dir, or its server in DATABASE_URL.`,
    );
  }
  const embedded = process.env.DATABASE_URL ? null : await startEmbeddedPostgres({ dataDir: folder });
  const pool = new Pool({ connectionString: process.env.DATABASE_URL ?? embedded!.databaseUrl, max: 2 });
  try {
    const problems = await fsck(pool, { checkSignatures });
    for (const problem of problems) console.log(problem);
    console.log(problems.length === 0 ? 'the tables are the fold of the log' : `${problems.length} differences`);
    return problems.length === 0 ? 0 : 1;
  } finally {
    await pool.end();
    await embedded?.stop();
  }
}
