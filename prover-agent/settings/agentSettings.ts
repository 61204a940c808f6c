import { z } from 'zod';
import { AGENT_SETTINGS, type AgentConfig, agentConfigSchema, ConfigError } from '../config.js';
import { nearestKey } from './nearestKey.js';
import { rangeOf, type SettingField, unwrap } from './setting.js';
import { type Flaw, readSettingsFile, type SettingsFile } from './settingsFile.js';

/** Longest value that is quoted in a message, in characters. */
const QUOTED_MAX = 60;

/** Where settings come from: a file, flags (by the settings' names, as text), or both. Flags count before the file. */
export interface SettingsSource {
  file: string | null;
  flags: Readonly<Record<string, unknown>>;
}

/** Settings before the data folder is known, which is named after the key unless it is given. */
export type AgentSettings = Omit<AgentConfig, 'dataDir'> & { dataDir: string | null };

/**
 * Reads an agent's settings from file and flags.
 * @throws ConfigError with a line for each mistake: where it is, what is allowed, and what may have been meant
 */
export function readAgentSettings({ file: path, flags }: SettingsSource): AgentSettings {
  const file = path === null ? null : readSettingsFile(path, AGENT_SETTINGS);
  const values: Record<string, unknown> = Object.fromEntries(file?.values ?? []);
  for (const setting of AGENT_SETTINGS) {
    if (flags[setting.field] !== undefined) values[setting.field] = flagValue(setting, flags[setting.field]);
  }
  const hasDataDir = values.dataDir !== undefined;
  const parsed = agentConfigSchema.safeParse(hasDataDir ? values : { ...values, dataDir: '.' });
  const issues = parsed.success ? [] : parsed.error.issues.flatMap((issue) => flawsOf(issue, { file, flags, values }));
  const flaws = [...(file?.flaws ?? []), ...issues].toSorted((a, b) => a.line - b.line);
  if (!parsed.success || flaws.length > 0) {
    throw new ConfigError(flaws.map(({ where, text }) => `${where} ${text}`.trim()).join('\n'));
  }
  return hasDataDir ? parsed.data : { ...parsed.data, dataDir: null };
}

/** A flag's text as its setting's type; text that is not of it stays, to be refused with what is allowed. */
function flagValue({ schema }: SettingField, value: unknown): unknown {
  if (typeof value !== 'string' || !(unwrap(schema).inner instanceof z.ZodNumber)) return value;
  return /^-?[0-9]+([.][0-9]+)?$/.test(value) ? Number(value) : value;
}

/** What flags say, as the settings file spells it: numbers as numbers, and backends as a table. */
export function fileValues(flags: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const setting of AGENT_SETTINGS) {
    const value = flags[setting.field];
    if (value === undefined) continue;
    if (Array.isArray(value) && setting.field !== 'backends') values[setting.field] = value;
    else if (Array.isArray(value))
      values[setting.field] = Object.fromEntries(value.map((one) => splitOnce(String(one))));
    else values[setting.field] = isAmount(setting) ? BigInt(value as string) : flagValue(setting, value);
  }
  return values;
}

const isAmount = ({ schema }: SettingField) => unwrap(schema).inner instanceof z.ZodPipe && schema.safeParse(0).success;

function splitOnce(choice: string): [string, string] {
  const at = choice.indexOf('=');
  return [choice.slice(0, at), choice.slice(at + 1)];
}

interface Told {
  file: SettingsFile | null;
  flags: Readonly<Record<string, unknown>>;
  values: Readonly<Record<string, unknown>>;
}

function flawsOf(issue: z.core.$ZodIssue, told: Told): Flaw[] {
  const [field, ...rest] = issue.path;
  const setting = AGENT_SETTINGS.find((one) => one.field === field);
  if (!setting) return [{ where: 'settings', line: 0, text: issue.message }];
  const { value, inside } = follow(told.values[setting.field], rest);
  if (issue.code === 'unrecognized_keys') {
    const known = keysInside(setting.schema, rest);
    return issue.keys.map((key) => {
      const nearest = nearestKey(key, known);
      const advice = nearest ? `did you mean ${nearest}?` : `there may be ${known.join(', ')}`;
      return flawAt(setting, [...inside, key], `is no setting; ${advice}`, told);
    });
  }
  if (value === undefined && rest.length === 0) return [missing(setting, told.file)];
  const isTold = issue.message.startsWith('must be');
  const allowed = isTold ? '' : `; allowed: ${rangeOf(setting).replaceAll('`', '')}`;
  return [flawAt(setting, inside, `${issue.message} (it is ${quoted(value)}${allowed})`, told)];
}

/** A flaw of a setting or of something inside it, with the line or the flag that it comes from. */
function flawAt(setting: SettingField, inside: readonly string[], text: string, { file, flags }: Told): Flaw {
  if (flags[setting.field] !== undefined || !file) return { where: flagOf(setting), line: 0, text };
  const place = [...setting.key.split('.'), ...inside];
  const line = file.lineOf(place) ?? file.lineOf(setting.key.split('.')) ?? 0;
  return { where: `${file.path}:${line}`, line, text: `${place.join('.')} ${text}` };
}

function missing(setting: SettingField, file: SettingsFile | null): Flaw {
  const [section, name] = setting.key.split('.');
  const example = setting.example ?? '...';
  const text = file
    ? `${setting.key} is missing: write ${name} = ${example} under [${section}], or give ${flagOf(setting)}`
    : `must be given, such as ${example.replaceAll('"', '')}; or name a settings file with --config`;
  return { where: file ? file.path : flagOf(setting), line: 0, text };
}

const flagOf = ({ flag, key }: SettingField) => flag?.split(' ')[0] ?? key;

/** The value at a path, and the path by names: the places of a list that was a table in the file have its keys. */
function follow(value: unknown, path: readonly PropertyKey[]): { value: unknown; inside: string[] } {
  const inside: string[] = [];
  let at = value;
  for (const step of path) {
    const isTable = at !== null && typeof at === 'object' && !Array.isArray(at);
    const name = isTable && typeof step === 'number' ? Object.keys(at as object)[step] : String(step);
    inside.push(name ?? String(step));
    at = (at as Record<string, unknown> | undefined)?.[name ?? ''];
  }
  return { value: at, inside };
}

/** The names that a table inside a setting may have. */
function keysInside(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  let { inner } = unwrap(schema);
  for (const step of path) {
    if (inner instanceof z.ZodRecord) inner = unwrap(inner.valueType as z.ZodType).inner;
    else if (inner instanceof z.ZodObject) inner = unwrap(inner.shape[String(step)] as z.ZodType).inner;
  }
  return inner instanceof z.ZodObject ? Object.keys(inner.shape) : [];
}

/** A value for a message. What looks like a key is not shown: somebody may have put one where it does not belong. */
function quoted(value: unknown): string {
  const text = typeof value === 'bigint' ? value.toString() : (JSON.stringify(value, bigintAsText) ?? 'nothing');
  if (/[0-9a-fA-F]{64}/.test(text)) return 'not shown, it looks like a key';
  return text.length > QUOTED_MAX ? `${text.slice(0, QUOTED_MAX)}…` : text;
}

const bigintAsText = (_: string, value: unknown) => (typeof value === 'bigint' ? value.toString() : value);
