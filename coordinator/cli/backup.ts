/** `understudy backup` and `understudy restore`: a data folder with the embedded database, copied and brought back. */
import { Command } from 'commander';
import { runProgram } from './commandLine.js';

const BACKUP = `
Example:
  $ understudy backup ./backup-2026-01-31 --data-dir .understudy     (while the coordinator is stopped)

A market on a PostgreSQL server of its own (DATABASE_URL) is backed up by pg_dump; keep operator-key.pem and token-secret
of the data folder with it.`;

const RESTORE = `
Example:
  $ understudy restore ./backup-2026-01-31 --data-dir .understudy
  $ understudy fsck --data-dir .understudy

What was acknowledged after the backup is lost. The log is then older than what people have seen of it: auditors, agents and
cosigners notice.`;

/** Runs `backup`. @returns 0 when the copy is whole */
export function run(args: string[]): Promise<number> {
  const program = new Command('understudy backup')
    .description('Copies a data folder, with the embedded database and all keys, while no coordinator runs on it.')
    .argument('<folder>', 'where to; must not exist')
    .option('--data-dir <folder>', 'the data folder', '.understudy')
    .addHelpText('after', BACKUP)
    .action(async (folder: string, { dataDir }: { dataDir: string }) => {
      refuseServer();
      const { backUp } = await import('#journal/backup.js');
      await backUp(dataDir, folder);
      console.log(`${dataDir} is copied to ${folder}. It holds secret keys: keep it where only you can read it.`);
    });
  return runProgram(program, args);
}

/** Runs `restore`. @returns 0 when the folder can be started */
export function runRestore(args: string[]): Promise<number> {
  const program = new Command('understudy restore')
    .description('Brings a backup back as a data folder.')
    .argument('<folder>', 'the backup')
    .option('--data-dir <folder>', 'where to; must be missing or empty', '.understudy')
    .addHelpText('after', RESTORE)
    .action(async (folder: string, { dataDir }: { dataDir: string }) => {
      refuseServer();
      const { restore } = await import('#journal/backup.js');
      await restore(folder, dataDir);
      console.log(`${folder} is restored to ${dataDir}. Check it: understudy fsck --data-dir ${dataDir}`);
    });
  return runProgram(program, args);
}

function refuseServer(): void {
  if (process.env.DATABASE_URL) throw new Error('DATABASE_URL is set: back that server up by pg_dump; see --help');
}
