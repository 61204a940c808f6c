import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { compare } from '../../../coordinator/simulator/mechanisms/compare.js';
import { fillTables } from '../../../coordinator/simulator/mechanisms/markdown.js';
import { MECHANISM_NAMES } from '../../../coordinator/simulator/mechanisms/mechanisms.js';
import { summarise } from '../../../coordinator/simulator/mechanisms/report.js';
import { BASE_SCENARIO } from '../../../coordinator/simulator/mechanisms/scenario.js';

/** A hang is over at last; some seconds is what it takes on a machine with nothing else to do. */
const RUN_MS_MAX = 400_000;

const folder = mkdtempSync(join(tmpdir(), 'mechanisms-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const simulate = (...args: string[]) =>
  execFileSync(process.execPath, ['coordinator/cli/understudy.mjs', 'simulate', 'mechanisms', ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });

describe('understudy simulate mechanisms', () => {
  it('says with --help what it does, with an example', () => {
    expect(simulate('--help')).toMatch(/--grid <size>[\s\S]*Examples:\n {2}\$ understudy simulate mechanisms/);
  });

  it(
    'prints tables, writes every figure and draws charts',
    () => {
      const json = join(folder, 'results.json');
      const printed = simulate('--seeds', '1', '--json', json, '--charts', folder);
      for (const name of MECHANISM_NAMES) expect(printed).toContain(`\n${name}`);
      expect(printed).toMatch(/simulated events a second\n$/);
      const { cells, studies } = JSON.parse(readFileSync(json, 'utf8'));
      expect(cells).toHaveLength(5);
      expect(cells[0].rows[0]).toMatchObject({ mechanism: MECHANISM_NAMES[0], missed: { mean: expect.any(Number) } });
      expect(studies.length).toBeGreaterThan(0);
      expect(readFileSync(join(folder, 'base.svg'), 'utf8')).toMatch(/^<svg[\s\S]*reverse Dutch[\s\S]*<\/svg>/);
      expect(readFileSync(join(folder, 'base.png')).subarray(1, 4).toString()).toBe('PNG');
    },
    RUN_MS_MAX,
  );
});

describe('the tables of a page', () => {
  it('are written between their markers, and what was not simulated stays', async () => {
    const length = { warmUpJobs: 10, measuredJobs: 20 };
    const mechanisms = ['vickrey + backup + pool', 'cheapest bid'] as const;
    const scenario = { ...BASE_SCENARIO, provers: 6 };
    const cell = { group: 'base', title: 'base', scenario, mechanisms, length, seeds: 2 } as const;
    const cells = summarise(await compare({ cells: [cell], studies: [] }, 1, 1));
    const page = 'a\n<!-- simulated: base -->\nold\n<!-- end -->\nb\n<!-- simulated: grid -->\nkept\n<!-- end -->\n';
    const filled = fillTables(page, cells, []);
    expect(filled).toMatch(/^a\n<!-- simulated: base -->\n\n\| mechanism \| [\s\S]*\n\| cheapest bid \| /);
    expect(filled).toMatch(/\n\n<!-- end -->\nb\n<!-- simulated: grid -->\nkept\n<!-- end -->\n$/);
    expect(filled).not.toContain('old');
    expect(fillTables(filled, cells, [])).toBe(filled);
  });
});

describe('a comparison', () => {
  it('gives the same on one thread and on two', async () => {
    // Threads start from what is built.
    const built: typeof import('../../../coordinator/simulator/mechanisms/compare.js') = await import(
      pathToFileURL(resolve('dist/coordinator/simulator/mechanisms/compare.js')).href
    );
    const length = { warmUpJobs: 20, measuredJobs: 40 };
    const mechanisms = ['vickrey + backup + pool', 'cheapest bid', 'reverse Dutch'] as const;
    const scenario = { ...BASE_SCENARIO, provers: 8 };
    const cell = { group: 'base', title: '', scenario, mechanisms, length, seeds: 3 } as const;
    const study = { kind: 'round', title: '', scenario, mechanism: mechanisms[0], length, seeds: 2 } as const;
    const plan = { cells: [cell], studies: [study] };
    const [one, two] = [await built.compare(plan, 5, 1), await built.compare(plan, 5, 2)];
    expect({ ...two, tookSec: 0 }).toEqual({ ...one, tookSec: 0 });
    expect(one.results[0]!.get('cheapest bid')).toHaveLength(3);
    expect(one.gains[0]!.flat().length).toBeGreaterThan(10);
  });
});
