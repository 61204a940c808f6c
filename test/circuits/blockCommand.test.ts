import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { run } from '#cli/block.js';

const folder = mkdtempSync(join(tmpdir(), 'understudy-block-'));
const file = join(folder, 'block.json');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('block new writes a block that block check accepts, and check says no to a changed one', async () => {
  expect(await run(['new', '--transfers', '3', '--seed', '5', '--out', file])).toBe(0);
  const block = JSON.parse(readFileSync(file, 'utf8'));
  expect(block.transfers.length).toBe(3);
  expect(await run(['check', file])).toBe(0);
  block.transfers[1].amount = '1';
  writeFileSync(file, JSON.stringify(block));
  expect(await run(['check', file])).toBe(1);
  writeFileSync(file, 'no JSON');
  expect(await run(['check', file])).toBe(1);
});

it.each([['new', '--transfers', '0'], ['new', '--transfers', '1025'], ['new', '--seed', '-1'], ['check'], ['mend']])(
  'block %s %s %s is refused',
  async (...args) => {
    expect(await run(args.filter((arg) => arg !== undefined))).toBe(1);
  },
);
