import { rangeOf, type SettingField, unwrap } from './setting.js';

/** The table of all settings in Markdown, as the agent's page has it. */
export function settingsTable(fields: readonly SettingField[]): string {
  const rows = fields.map((setting) => {
    const { key, flag, says, isLive } = setting;
    const cells = [
      `\`${key}\``,
      flag ? `\`${flag}\`` : '',
      defaultOf(setting),
      rangeOf(setting),
      isLive ? 'at once' : '',
    ];
    return `| ${[...cells, says].map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  });
  return [
    '| setting | flag | default | allowed | changes count | meaning |',
    '|---|---|---|---|---|---|',
    ...rows,
  ].join('\n');
}

function defaultOf({ schema, defaultText }: SettingField): string {
  if (defaultText) return defaultText;
  const { defaultValue } = unwrap(schema);
  if (schema.safeParse(undefined).success) return defaultValue === null ? '' : `\`${String(defaultValue)}\``;
  return 'required';
}
