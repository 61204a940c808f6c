/** `understudy log`: the logs of a market; closes the present one and goes on in a next one. */
import { Command } from 'commander';
import { parseVerifierKey } from '#protocol/log/verifierKey.js';
import { LOG_REASON_MAX, type LogName } from '#protocol/logLink.js';
import { connect, DEFAULT_URL, runProgram } from './commandLine.js';

const EXAMPLES = `
Examples:
  $ understudy log
  $ understudy log rotate --origin market.example/2027 --reason "a log a year"
  $ understudy log rotate --origin market.example/2027b --new-key --reason "the old key was seen by others"
  $ understudy log hand-over --next-key 'other.example/market+8f1c2b3a+AQ...' --reason "Ann carries the market on"

A rotation goes on at once, beside running coordinators or without one. After a hand-over nothing can be written here any
more: whoever has the key named imports what "understudy export" copies.`;

interface RotateFlags {
  origin: string;
  newKey?: true;
  reason: string;
  dataDir: string;
}

interface HandOverFlags {
  nextKey: string;
  reason: string;
  dataDir: string;
}

const DATA_DIR = [
  '--data-dir <folder>',
  'the operator’s keys and, without DATABASE_URL, the embedded database',
] as const;

/** Runs the subcommand. @returns 0, or 1 when it is refused */
export async function run(args: string[]): Promise<number> {
  let exitCode = 0;
  const program = new Command('understudy log')
    .description('Lists the logs of a market; closes the present one.')
    .addHelpText('after', EXAMPLES);
  program
    .command('list', { isDefault: true })
    .description('Lists the logs of a market and how each follows the one before.')
    .option('--coordinator <url>', 'address of the coordinator', DEFAULT_URL)
    .action(async ({ coordinator }: { coordinator: string }) => list(coordinator));
  program
    .command('rotate')
    .description('Closes the log and goes on in a next one, linked both ways.')
    .requiredOption('--origin <name>', 'name of the next log, which no log of the market has or had')
    .requiredOption('--reason <text>', 'why, for everybody who reads the log')
    .option('--new-key', 'make a new operator key for it')
    .option(...DATA_DIR, '.understudy')
    .action(async (flags: RotateFlags) => {
      exitCode = await rotate(flags);
    });
  program
    .command('hand-over')
    .description('Closes the log for good: the operator of the key named carries the market on from an export.')
    .requiredOption('--next-key <vkey>', 'verifier key of the next operator’s log: its "understudy import" prints it')
    .requiredOption('--reason <text>', 'why, for everybody who reads the log')
    .option(...DATA_DIR, '.understudy')
    .action(async (flags: HandOverFlags) => {
      exitCode = await handOver(flags);
    });
  return runProgram(program, args, () => exitCode);
}

async function list(url: string): Promise<void> {
  const { logs } = await connect(url).call('listLogs', {});
  for (const { number, origin, logKey, firstIndex, size, followedBy, isAnnounced } of logs) {
    const entries = size === null ? `from entry ${firstIndex} on` : `entries ${firstIndex} to ${firstIndex + size - 1}`;
    console.log(`log ${number}  ${origin}  ${entries}\n       key ${logKey}`);
    if (followedBy === null) continue;
    const word = isAnnounced
      ? 'closed for the next one'
      : 'not closed: that the next one follows is the word of its operator alone';
    console.log(`       ${followedBy}, ${word}`);
  }
}

async function rotate({ origin, newKey, reason, dataDir }: RotateFlags): Promise<number> {
  checkReason(reason);
  const { addOperatorKey } = await import('#journal/operatorKey.js');
  const { withJournal } = await import('./marketDatabase.js');
  return withJournal(dataDir, async (journal, keys) => {
    const { market } = journal.state();
    const present = keys.of(market!)!;
    const next = newKey ? addOperatorKey(dataDir, origin) : present.under(origin);
    const outcome = await journal.rotate({ origin, logKey: next.logKey }, reason);
    if (!outcome.ok) return refused(outcome.rejection.detail);
    console.log(
      `log ${journal.state().earlierLogs.length} is open (entry ${journal.size() - 1}), its key is\n${next.logKey}`,
    );
    console.log('Cosigners know it as a new log: give them this key. Publish it where the old one is published.');
    return 0;
  });
}

async function handOver({ nextKey, reason, dataDir }: HandOverFlags): Promise<number> {
  checkReason(reason);
  const key = parseVerifierKey(nextKey);
  if (!key) throw new Error('--next-key must be a verifier key, such as other.example/market+8f1c2b3a+AQ...');
  const next: LogName = { origin: key.name, logKey: nextKey };
  const { withJournal } = await import('./marketDatabase.js');
  return withJournal(dataDir, async (journal) => {
    const outcome = await journal.execute({ kind: 'closeLog', next, reason }, null);
    if (!outcome.ok) return refused(outcome.rejection.detail);
    console.log(`the log is closed (entry ${outcome.accepted.firstIndex}) for ${key.name}`);
    console.log('A coordinator goes on serving it, and takes nothing more: let everybody copy it (understudy export).');
    return 0;
  });
}

function checkReason(reason: string): void {
  if (reason.length < 1 || reason.length > LOG_REASON_MAX) {
    throw new Error(`the reason must have 1 to ${LOG_REASON_MAX} characters`);
  }
}

function refused(detail: string): number {
  console.error(`it is refused: ${detail}`);
  return 1;
}
