import type { Command } from 'commander';
import { diskErrorOf } from '#agent/client/diskError.js';
import { EXIT } from './agent/exitCodes.js';

/** What `understudy agent` can do; without a name it runs. Each is loaded only when it is called. */
export const AGENT_COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  init: async () => (await import('./agent/init.js')).initCommand(),
  run: async () => (await import('./agent/run.js')).runCommand(),
  doctor: async () => (await import('./agent/doctor.js')).doctorCommand(),
  status: async () => (await import('./agent/status.js')).statusCommand(),
  earnings: async () => (await import('./agent/earnings.js')).earningsCommand(),
  authorize: async () => (await import('./agent/authorize.js')).authorizeCommand(),
  bench: async () => (await import('./agent/bench.js')).benchCommand(),
  'dry-run': async () => (await import('./agent/dryRunCommand.js')).dryRunCommand(),
  codes: async () => (await import('./agent/codes.js')).codesCommand(),
  settings: async () => (await import('./agent/settings.js')).settingsCommand(),
};

/** Errors that the caller can put right by other flags, settings or files. */
const USAGE_ERRORS = ['ConfigError', 'KeyFileError', 'RangeError', 'RegistrationError', 'QuestionsEnded'];

/**
 * `understudy agent`: runs a prover until it is stopped, or another of its subcommands.
 * @param args - what follows the command's name
 * @returns the exit code: what the subcommand has set as the process's, unless it fails
 */
export async function run(args: string[]): Promise<number> {
  const [first = ''] = args;
  const isNamed = Object.hasOwn(AGENT_COMMANDS, first);
  try {
    if (!isNamed && first !== '' && !first.startsWith('-')) {
      process.stderr.write(
        `understudy agent: there is no ${first}; there are ${Object.keys(AGENT_COMMANDS).join(', ')}\n`,
      );
      return EXIT.usage;
    }
    const command = await AGENT_COMMANDS[isNamed ? first : 'run']!();
    await command.exitOverride().parseAsync(isNamed ? args.slice(1) : args, { from: 'user' });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    const { code, exitCode, name, message } = error as Error & { code?: string; exitCode?: number };
    if (code?.startsWith('commander.')) return exitCode === 0 ? 0 : EXIT.usage;
    // What the system says of a file alone, such as ENOSPC, is nothing that an operator can act on.
    const lines = (diskErrorOf(error, message)?.message ?? message).split('\n');
    process.stderr.write(`understudy agent: ${lines.join('\n  ')}\n`);
    return USAGE_ERRORS.includes(name) ? EXIT.usage : EXIT.failure;
  }
}
