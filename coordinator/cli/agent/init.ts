/** `understudy agent init`: writes a settings file and a key, by questions at a terminal or by flags without one. */
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { Command } from 'commander';
import { kindOfKeyFile, openKeyFile } from '#agent/client/keyFile.js';
import { AGENT_SETTINGS, ConfigError } from '#agent/config.js';
import { fileValues } from '#agent/settings/agentSettings.js';
import { settingsToml } from '#agent/settings/settingsToml.js';
import { openExisting, secretOf } from './agentAccounts.js';
import { findHardware, type Hardware, recommendedPlan } from './hardware.js';
import { askAnswers } from './initQuestions.js';
import { reachMarket } from './oneAnswer.js';
import { addSettingFlags, checkFlags, DEFAULT_FILE, type FlagValues, flagsOf } from './settingFlags.js';
import { isAtTerminal } from './terminal.js';

const EXAMPLES = `
Examples:
  understudy agent init
  understudy agent init --yes --coordinator http://127.0.0.1:8787 --name workshop --key-file prover.json
  understudy agent init --yes --coordinator https://market.example --key-file wallet.json --password-file wallet.password

Without a terminal, or with --yes, what no flag says is chosen by what the machine has. An existing key file is used as it
is; a new key is put under the password, if one is given, as an Ethereum keystore. Nothing is overwritten without --force,
and keys never are.
`;

/** What will be written: settings by their names, as flags give them. */
export type Answers = Record<string, unknown> & { coordinator: string; keyFile: string };

/** The command with its flags. */
export function initCommand(): Command {
  const command = new Command('understudy agent init')
    .description('Writes a commented settings file, and makes a key where there is none.')
    .option('--yes', 'ask nothing: flags and what the machine has decide')
    .option('--force', 'replace a settings file that is there')
    .option('--offline', 'do not ask the coordinator whether it is there')
    .addHelpText('after', EXAMPLES)
    .action(init);
  return addSettingFlags(command);
}

async function init(values: FlagValues): Promise<void> {
  const file = resolve(String(values.config ?? DEFAULT_FILE));
  if (existsSync(file) && !values.force) throw new ConfigError(`${file} is there already: give --force to replace it`);
  const flags = flagsOf(values);
  const hardware = findHardware();
  const isAsking = !values.yes && isAtTerminal();
  const answers = isAsking
    ? await askAnswers(flags, hardware, { file, offline: values.offline === true })
    : givenAnswers(flags, hardware, file);
  checkFlags(answers);
  if (!values.offline && !isAsking) await reach(answers.coordinator);
  const address = await keyAt(answers, isAsking);
  writeSettings(file, answers);
  tellNext(file, answers, address);
}

async function reach(coordinator: string): Promise<void> {
  await reachMarket(coordinator.replace(/\/+$/, '')).catch((error: Error) => {
    throw new ConfigError(`${error.message}; check --coordinator, or give --offline not to ask`);
  });
}

/** What flags and machine decide. */
function givenAnswers(flags: Readonly<Record<string, unknown>>, hardware: Hardware, file: string): Answers {
  if (flags.coordinator === undefined) throw new ConfigError('give --coordinator: where the market is');
  const keyFile = String(flags.keyFile ?? resolve(dirname(file), 'prover.json'));
  const plan = flags.threads === undefined && flags.slots === undefined ? recommendedPlan(hardware) : {};
  return { ...plan, ...flags, coordinator: String(flags.coordinator), keyFile };
}

/** The address of the key; a key is made where there is none. */
async function keyAt(answers: Answers, isAsking: boolean): Promise<string> {
  const { keyFile, passwordFile, newPassword } = answers;
  const password = () => secretOf('UNDERSTUDY_KEY_PASSWORD', passwordFile ? String(passwordFile) : null);
  if (kindOfKeyFile(keyFile) !== 'missing') return (await openExisting(keyFile, password)).address;
  const chosen = typeof newPassword === 'string' && newPassword !== '' ? newPassword : null;
  return openKeyFile(keyFile, isAsking ? chosen : password()).address;
}

/** Writes beside the place and renames, so that a file is whole or not there. */
function writeSettings(file: string, answers: Answers): void {
  const folder = dirname(file);
  const { newPassword: _, ...settings } = answers;
  const values: Record<string, unknown> = fileValues(settings);
  for (const { field, isPath } of AGENT_SETTINGS) {
    if (isPath && typeof values[field] === 'string') values[field] = fromFolder(folder, values[field]);
  }
  mkdirSync(folder, { recursive: true });
  const fresh = `${file}.${process.pid}.new`;
  writeFileSync(fresh, settingsToml(AGENT_SETTINGS, values), { mode: 0o644 });
  renameSync(fresh, file);
}

/** A path as the file spells it: from the file's folder when it is inside. */
function fromFolder(folder: string, path: string): string {
  const inside = relative(folder, resolve(path));
  return inside.startsWith('..') || inside === '' ? resolve(path) : inside;
}

function tellNext(file: string, { keyFile, owner }: Answers, address: string): void {
  const run = file === resolve(DEFAULT_FILE) ? '' : ` --config ${file}`;
  const authorize = owner && owner !== address ? `  understudy agent authorize${run}   # the owner signs, once\n` : '';
  process.stdout.write(`wrote ${file}
prover  ${address}  (key in ${keyFile}: keep a copy of it)

Next:
${authorize}  understudy agent doctor${run}
  understudy agent run${run}
`);
}
