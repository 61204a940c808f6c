/** `understudy agent codes`: what the codes in an agent's log mean, and what to do about them. */
import { Command } from 'commander';
import { CODE_TABLES, codesPage } from '#agent/codes/codeTables.js';
import { nearestKey } from '#agent/settings/nearestKey.js';
import { EXIT } from './exitCodes.js';

/** The command with its flags. */
export function codesCommand(): Command {
  return new Command('understudy agent codes')
    .description('Says what a code of the log means and what to do; without one, all of them.')
    .argument('[code]', 'a code of the log, such as noBond')
    .addHelpText('after', '\nExample:\n  understudy agent codes notInTime\n')
    .action((code: string | undefined) => tell(code));
}

function tell(code: string | undefined): void {
  if (code === undefined) {
    process.stdout.write(codesPage());
    return;
  }
  const found = CODE_TABLES.flatMap(({ title, where, codes }) => {
    const advice = Object.hasOwn(codes, code) ? codes[code] : undefined;
    return advice ? [`${title} (${where.replaceAll('`', '')})\n  means  ${advice[0]}\n  do     ${advice[1]}\n`] : [];
  });
  if (found.length > 0) {
    process.stdout.write(found.join('\n').replaceAll('`', ''));
    return;
  }
  const nearest = nearestKey(
    code,
    CODE_TABLES.flatMap(({ codes }) => Object.keys(codes)),
  );
  process.stderr.write(`understudy agent codes: there is no ${code}${nearest ? `; did you mean ${nearest}?` : ''}\n`);
  process.exitCode = EXIT.usage;
}
