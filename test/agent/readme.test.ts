import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CODE_TABLES, codesPage } from '#agent/codes/codeTables.js';
import { AGENT_SETTINGS } from '#agent/config.js';
import { settingsTable } from '#agent/settings/settingsTable.js';

const root = new URL('../../', import.meta.url);
const page = readFileSync(new URL('prover-agent/README.md', root), 'utf8');

const sources = readdirSync(new URL('prover-agent', root), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => readFileSync(new URL(`prover-agent/${file}`, root), 'utf8'));

/** Names in code in the first cells of a table. */
function namesUnder(header: string): string[] {
  const lines = page.slice(page.indexOf(header)).split('\n').slice(2);
  const cells = lines.slice(0, lines.indexOf('')).map((row) => row.split('|')[1]!);
  return cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name!)).sort();
}

describe('the page of the agent', () => {
  it('has the table of settings as it is made from the schema', () => {
    expect(page).toContain(`\n\n${settingsTable(AGENT_SETTINGS)}\n\n`);
  });

  it('has every flaw of a zkProof', () => {
    const source = readFileSync(new URL('prover-agent/proving/provingError.ts', root), 'utf8');
    const union = source.slice(
      source.indexOf('type ProvingFlaw'),
      source.indexOf(';', source.indexOf('type ProvingFlaw')),
    );
    const flaws = [...union.matchAll(/\| '(\w+)'/g)].map(([, flaw]) => flaw!);
    expect(flaws.length).toBeGreaterThan(5);
    expect(namesUnder('| `flaw` |')).toEqual(flaws.sort());
  });

  it('has every event of the log', () => {
    const events = sources.flatMap((text) => [...text.matchAll(/\blog\(\s*'([a-zA-Z]+)'/g)].map(([, event]) => event!));
    expect(namesUnder('| event | when |')).toEqual([...new Set(events)].sort());
  });
});

describe('the page of codes', () => {
  it('is made from the tables, which the types hold complete', () => {
    expect(readFileSync(new URL('prover-agent/CODES.md', root), 'utf8')).toBe(codesPage());
  });

  it('names only events that the agent logs, and says what to do about every code', () => {
    const all = sources.join('\n');
    for (const { where, codes } of CODE_TABLES) {
      for (const [code, [means, toDo]] of Object.entries(codes)) {
        if (where === 'event') expect(all).toMatch(new RegExp(`\\blog\\(\\s*'${code}'`));
        expect([code, means.length > 5, toDo.length > 5]).toEqual([code, true, true]);
      }
    }
  });
});
