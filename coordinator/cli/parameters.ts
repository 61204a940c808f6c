/** `understudy parameters`: shows a market's parameters, or puts a new version of them in force. */
import { Command } from 'commander';
import { PARAMETERS_REASON_MAX, type Parameters, parametersSchema } from '#protocol/parameters.js';
import { connect, DEFAULT_URL, runProgram, wholeNumber } from './commandLine.js';

const EXAMPLES = `
Examples:
  $ understudy parameters
  $ understudy parameters show --version 1
  $ understudy parameters set bidRevealMs=5000 lateBps=1000 --reason "bids took long to open"
  $ DATABASE_URL=postgres://market@db/understudy understudy parameters set leaseMs=15000 --reason "slow networks"

A change holds for what begins after it; open rounds, and all that follows from them, keep to their version.`;

/** Runs the subcommand. @returns 0, or 1 when the change is refused */
export async function run(args: string[]): Promise<number> {
  let exitCode = 0;
  const program = new Command('understudy parameters')
    .description('Shows the parameters of a market, or puts a new version of them in force.')
    .addHelpText('after', EXAMPLES);
  program
    .command('show', { isDefault: true })
    .description('Prints a version of the parameters as JSON.')
    .option('--coordinator <url>', 'address of the coordinator', DEFAULT_URL)
    .option('--version <number>', 'the version (default: the one in force)', wholeNumber(1, 1_000_000_000))
    .action(async ({ coordinator, version }: { coordinator: string; version?: number }) => {
      console.log(JSON.stringify(await read(coordinator, version), null, 2));
    });
  program
    .command('set')
    .description('Writes a new version into the log, beside a running coordinator or without one.')
    .argument('<key=value...>', 'what changes; lists are written with commas: latenessPct=100,150')
    .requiredOption('--reason <text>', 'why, for everybody who reads the log')
    .option('--data-dir <folder>', 'the operator’s key and, without DATABASE_URL, the embedded database', '.understudy')
    .action(async (changes: string[], { reason, dataDir }: { reason: string; dataDir: string }) => {
      exitCode = await change(changes, reason, dataDir);
    });
  return runProgram(program, args, () => exitCode);
}

async function read(url: string, version?: number): Promise<{ version: number; parameters: Parameters }> {
  const client = connect(url);
  if (version !== undefined) return client.call('getParameters', { params: { version: String(version) } });
  const { parametersVersion, parameters } = await client.call('getMarket', {});
  return { version: parametersVersion, parameters };
}

/**
 * Applies `key=value` changes to a document. Throws an Error that names what is wrong with one.
 * @returns the whole new document, each member checked by itself
 */
export function changedParameters(before: Parameters, changes: readonly string[]): Parameters {
  const document: Record<string, unknown> = { ...before };
  for (const change of changes) {
    const [, key, text] = /^([a-zA-Z0-9]+)=(.+)$/.exec(change) ?? [];
    if (key === undefined || text === undefined)
      throw new Error(`${JSON.stringify(change)} is not of the form key=value`);
    if (!Object.hasOwn(document, key)) throw new Error(`there is no parameter ${key}`);
    const values = text.split(',').map((one) => (/^-?[0-9]+$/.test(one) ? Number(one) : one));
    document[key] = Array.isArray(document[key]) ? values : values.length === 1 ? values[0] : values;
  }
  const parsed = parametersSchema.safeParse(document);
  if (parsed.success) return parsed.data;
  throw new Error(parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; '));
}

async function change(changes: string[], reason: string, dataDir: string): Promise<number> {
  if (reason.length < 1 || reason.length > PARAMETERS_REASON_MAX) {
    throw new Error(`the reason must have 1 to ${PARAMETERS_REASON_MAX} characters`);
  }
  const { withJournal } = await import('./marketDatabase.js');
  const { parametersOf } = await import('#market/state.js');
  return withJournal(dataDir, async (journal) => {
    const state = journal.state();
    const before = parametersOf(state);
    const parameters = changedParameters(before, changes);
    const version = state.parametersVersion + 1;
    const outcome = await journal.execute({ kind: 'setParameters', version, parameters, reason }, null);
    if (!outcome.ok) {
      console.error(`the change is refused: ${outcome.rejection.detail}`);
      return 1;
    }
    for (const key of Object.keys(before) as (keyof Parameters)[]) {
      const [was, is] = [String(before[key]), String(parameters[key])];
      if (was !== is) console.log(`${key}: ${was} -> ${is}`);
    }
    console.log(`version ${version} is in force (entry ${outcome.accepted.firstIndex})`);
    return 0;
  });
}
