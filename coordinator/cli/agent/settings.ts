/** `understudy agent settings`: all that can be set, as a table or as a settings file to fill in. */
import { Command } from 'commander';
import { AGENT_SETTINGS } from '#agent/config.js';
import { settingsTable } from '#agent/settings/settingsTable.js';
import { settingsToml } from '#agent/settings/settingsToml.js';

/** The command with its flags. */
export function settingsCommand(): Command {
  return new Command('understudy agent settings')
    .description('Prints every setting with its default and what is allowed: as a settings file, or as a table.')
    .option('--markdown', 'a table in Markdown, as prover-agent/README.md has it')
    .action(({ markdown }: { markdown?: boolean }) => {
      const text = markdown ? settingsTable(AGENT_SETTINGS) : settingsToml(AGENT_SETTINGS, {});
      process.stdout.write(`${text.trimEnd()}\n`);
    });
}
