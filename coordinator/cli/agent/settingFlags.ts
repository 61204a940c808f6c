/** Flags of the agent's subcommands: made from the settings, so that each setting has the same name everywhere. */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { AGENT_SETTINGS, type AgentConfig } from '#agent/config.js';
import { type AgentSettings, readAgentSettings, type SettingsSource } from '#agent/settings/agentSettings.js';
import { type SettingField, unwrap } from '#agent/settings/setting.js';
import { plainText } from '#agent/settings/settingsToml.js';

/** The settings file that is used when neither `--config` nor `--coordinator` is given and it is there. */
export const DEFAULT_FILE = 'agent.toml';

/** What commander makes of the flags. */
export type FlagValues = Readonly<Record<string, unknown>>;

/** Adds `--config` and a flag for every setting that has one. */
export function addSettingFlags(command: Command): Command {
  command.option(
    '--config <file>',
    `settings, such as ${DEFAULT_FILE}, which is used when it is in the current folder`,
  );
  for (const setting of AGENT_SETTINGS) if (setting.flag) command.addOption(optionOf(setting));
  return command;
}

function optionOf(setting: SettingField): Option {
  const { defaultValue } = unwrap(setting.schema);
  const isPlain = ['string', 'number', 'bigint'].includes(typeof defaultValue);
  const says = plainText(setting.says);
  const text = setting.flag!.startsWith('--no-') ? `Do not: ${says}` : says;
  const option = new Option(setting.flag!, isPlain ? `${text} Default: ${defaultValue}.` : text);
  if (!Array.isArray(defaultValue)) return option;
  return option.argParser((one: string, others: string[] | undefined) => [...(others ?? []), one]);
}

/** What the flags say of the settings, by the settings' names. */
export function flagsOf(values: FlagValues): Record<string, unknown> {
  const flags: Record<string, unknown> = {};
  for (const { flag, field } of AGENT_SETTINGS) {
    if (!flag) continue;
    const value = values[new Option(flag).attributeName()];
    // Commander sets what `--no-x` switches off to true unless the flag is given.
    if (value !== undefined && !(flag.startsWith('--no-') && value === true)) flags[field] = value;
  }
  return flags;
}

/** Checks what flags say, as far as they say anything. Throws ConfigError. */
export function checkFlags(flags: Readonly<Record<string, unknown>>): void {
  readAgentSettings({ file: null, flags: { coordinator: 'http://127.0.0.1:8787', ...settingsAmong(flags) } });
}

function settingsAmong(flags: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(flags).filter(([field]) => AGENT_SETTINGS.some((one) => one.field === field)),
  );
}

/** Where the settings are, by the flags: a file, the flags themselves, or both. */
export function sourceOf(values: FlagValues): SettingsSource {
  const flags = flagsOf(values);
  const given = values.config === undefined ? null : resolve(String(values.config));
  const file = given ?? (flags.coordinator === undefined && existsSync(DEFAULT_FILE) ? resolve(DEFAULT_FILE) : null);
  return { file, flags };
}

/** Reads the settings that the flags lead to. Throws ConfigError. */
export function settingsFrom(values: FlagValues): AgentSettings {
  return readAgentSettings(sourceOf(values));
}

/** Settles where the agent keeps its data: where the settings say, or in a folder named after its account. */
export function withDataDir(settings: AgentSettings, address: string): AgentConfig {
  return { ...settings, dataDir: settings.dataDir ?? join(homedir(), '.understudy', `agent-${address}`) };
}
