import { stringify } from 'smol-toml';
import { rangeOf, type SettingField, unwrap } from './setting.js';

/** Width of a comment, in characters. */
const COLUMNS = 100;

const SECTIONS: Readonly<Record<string, string>> = {
  market: 'Which market, and under which name.',
  key: 'Whose prover this is. Secrets are in files of their own, or in the environment, never here.',
  machine: 'What this machine gives.',
  circuits: 'Which circuits are served, and what they may take.',
  price: 'What you ask. Changes count at once, for rounds that open from then on.',
  cost: 'What a second costs in your own money, instead of price.per_second_wei. Changes count at once.',
  work: 'Which work you want. Changes count at once.',
  limits: 'What you hold back. Changes count at once.',
  proving: 'How zkProofs are made.',
  metrics: 'Numbers for a monitoring system.',
  witness: 'What other people’s witness generators may take.',
};

/**
 * Writes a settings file: every setting with what it does and what is allowed; those without a value of their own stand
 * as comments with their default.
 * @param values - by the settings' names, as the file spells them; null and undefined are none
 */
export function settingsToml(fields: readonly SettingField[], values: Readonly<Record<string, unknown>>): string {
  const sections = [...new Set(fields.map(({ key }) => key.split('.')[0]!))];
  const parts = sections.map((section) => {
    const own = fields.filter(({ key }) => key.startsWith(`${section}.`));
    // Tables end a section's own settings, so they come last.
    const sorted = own.toSorted((a, b) => Number(isTable(a)) - Number(isTable(b)));
    const about = SECTIONS[section];
    return [
      ...(about ? [`# ${about}`] : []),
      `[${section}]`,
      ...sorted.map((one) => linesOf(one, values[one.field])),
    ].join('\n');
  });
  return `# Settings of an Understudy prover agent. Check them with: understudy agent doctor\n\n${parts.join('\n\n')}\n`;
}

const isTable = ({ example }: SettingField) => /^\[[a-z]/.test(example ?? '');

function linesOf(setting: SettingField, value: unknown): string {
  const name = setting.key.split('.').slice(1).join('.');
  const about = wrap(`${plainText(setting.says)} Allowed: ${rangeOf(setting).replaceAll('`', '')}.`);
  return ['', ...about, valueLines(setting, name, value)].join('\n');
}

function valueLines(setting: SettingField, name: string, value: unknown): string {
  if (isTable(setting)) {
    if (value && Object.keys(value).length > 0)
      return stringify({ [setting.key]: value }).replace(/^\["([^"]*)"/gm, '[$1');
    return setting.example!.replace(/^/gm, '# ');
  }
  if (value !== undefined && value !== null) return `${name} = ${tomlOf(value)}`;
  const { defaultValue } = unwrap(setting.schema);
  if (defaultValue !== undefined && defaultValue !== null) return `# ${name} = ${tomlOf(defaultValue)}`;
  const standsFor = setting.defaultText ? `   # default: ${plainText(setting.defaultText)}` : '';
  return `# ${name} = ${setting.example ?? '""'}${standsFor}`;
}

/** A value as TOML. Whole numbers beyond what every TOML reader takes are written as text. */
function tomlOf(value: unknown): string {
  const isLong = typeof value === 'bigint' && value > 2n ** 63n - 1n;
  return stringify({ value: isLong ? value.toString() : value })
    .replace(/^value = /, '')
    .trimEnd();
}

/** Text without Markdown: links become their words. */
export function plainText(text: string): string {
  return text.replaceAll('`', '').replace(/\[([^\]]+)\]\([^)]*\)/g, '“$1” in prover-agent/README.md');
}

function wrap(text: string): string[] {
  const lines: string[] = [];
  let line = '#';
  for (const word of text.split(' ')) {
    if (line.length + 1 + word.length > COLUMNS) {
      lines.push(line);
      line = '#';
    }
    line += ` ${word}`;
  }
  return [...lines, line];
}
