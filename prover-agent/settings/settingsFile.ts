import { readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parse, TomlError } from 'smol-toml';
import { ConfigError } from './configError.js';
import { nearestKey } from './nearestKey.js';
import type { SettingField } from './setting.js';

/** Largest settings file that is read, in bytes and lines: finding the line of a mistake reads it once a line. */
const BYTES_MAX = 65_536;
const LINES_MAX = 2_000;

type Table = Record<string, unknown>;

/** A settings file as it was read: values by the program's names, and where each stands. */
export interface SettingsFile {
  path: string;
  values: ReadonlyMap<string, unknown>;
  /** Keys that are no settings, each as a flaw to tell. */
  flaws: readonly Flaw[];
  /** The line that a key stands on, from 1; null when it is not in the file. */
  lineOf(key: readonly string[]): number | null;
}

/** A mistake in the settings: where (for people), its line for sorting, and what is wrong. */
export interface Flaw {
  where: string;
  line: number;
  text: string;
}

/**
 * Reads a TOML file of settings. Keys that are none are kept as flaws, so that all mistakes are told at once.
 * @throws ConfigError when the file cannot be read or is no TOML, with line and column
 */
export function readSettingsFile(path: string, fields: readonly SettingField[]): SettingsFile {
  const text = textOf(path);
  const tables = tablesOf(text, path);
  const values = new Map<string, unknown>();
  const flaws: Flaw[] = [];
  const lineOf = (key: readonly string[]) => findLine(text, key);
  const visit = (table: Table, above: readonly string[]) => {
    for (const [name, value] of Object.entries(table)) {
      const place = [...above, name];
      const key = place.join('.');
      const field = fields.find((one) => one.key === key);
      if (field) values.set(field.field, field.isPath ? pathFrom(dirname(path), value) : value);
      else if (isTable(value) && (isSection(key, fields) || !isNear(key, fields))) visit(value, place);
      else flaws.push(unknownKey(path, lineOf(place) ?? 0, key, fields));
    }
  };
  visit(tables, []);
  return { path, values, flaws, lineOf };
}

function textOf(path: string): string {
  try {
    if (statSync(path).size > BYTES_MAX) throw new ConfigError(`${path} is larger than ${BYTES_MAX} bytes`);
    const text = readFileSync(path, 'utf8');
    if (text.split('\n').length > LINES_MAX) throw new ConfigError(`${path} has more than ${LINES_MAX} lines`);
    return text;
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw new ConfigError(`${path} is not there: write one with understudy agent init`);
    throw new ConfigError(`${path} cannot be read: ${message}`);
  }
}

function tablesOf(text: string, path: string): Table {
  try {
    return parse(text, { integersAsBigInt: 'asNeeded' });
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const reason = error.message.split('\n')[0]!.replace(/^Invalid TOML document: /, '');
    throw new ConfigError(`${path}:${error.line}:${error.column} is no TOML: ${reason}`);
  }
}

const isTable = (value: unknown): value is Table =>
  value !== null && typeof value === 'object' && !Array.isArray(value) && !(value instanceof Date);

const isSection = (key: string, fields: readonly SettingField[]) => fields.some((one) => one.key.startsWith(`${key}.`));

/** Whether a table's name is a misspelt setting, rather than a misspelt section. */
const isNear = (key: string, fields: readonly SettingField[]) =>
  key.includes('.') && nearestKey(key, keysOf(fields)) !== null;

const keysOf = (fields: readonly SettingField[]) => fields.map(({ key }) => key);

function unknownKey(path: string, line: number, key: string, fields: readonly SettingField[]): Flaw {
  const nearest = nearestKey(key, keysOf(fields));
  const advice = nearest ? `did you mean ${nearest}?` : 'understudy agent settings lists what there is';
  return { where: `${path}:${line}`, line, text: `${key} is no setting; ${advice}` };
}

function pathFrom(folder: string, value: unknown): unknown {
  if (typeof value !== 'string' || value === '') return value;
  return value.startsWith('~/') ? join(homedir(), value.slice(2)) : resolve(folder, value);
}

/**
 * The line that a key begins on. The parser does not tell, so it reads more and more lines until the key is there;
 * lines that are only half a value are no document yet, so the value began behind the last document.
 */
function findLine(text: string, key: readonly string[]): number | null {
  const lines = text.split('\n');
  let begin = 0;
  for (let end = 1; end <= lines.length; end += 1) {
    try {
      if (has(parse(lines.slice(0, end).join('\n'), { integersAsBigInt: 'asNeeded' }), key)) return begin + 1;
      begin = end;
    } catch {
      // A value that goes on in the next line.
    }
  }
  return null;
}

function has(table: unknown, [first, ...rest]: readonly string[]): boolean {
  if (first === undefined) return true;
  return isTable(table) && Object.hasOwn(table, first) && has(table[first], rest);
}
