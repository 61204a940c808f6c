import { expect, it } from 'vitest';
import { barLine, ProgressBar } from '#cli/progressBar.js';

it('draws shares from nothing to all, and nothing wider than the terminal', () => {
  expect(barLine(0, 'begins', 80)).toBe(`[${'.'.repeat(24)}]   0 %  begins`);
  expect(barLine(0.5, 'half', 80)).toBe(`[${'#'.repeat(12)}${'.'.repeat(12)}]  50 %  half`);
  expect(barLine(7, 'all', 80)).toBe(`[${'#'.repeat(24)}] 100 %  all`);
  expect(barLine(0.2, 'a long text that does not fit', 40)).toHaveLength(39);
});

it('draws over itself on a terminal, and not at all without one', () => {
  const written: string[] = [];
  const write = (text: string) => written.push(text) > 0;
  const bar = new ProgressBar({ write: write as never, isTTY: true, columns: 60 });
  bar.show(0.1, 'one');
  bar.show(0.1, 'one');
  bar.clear();
  bar.clear();
  expect(written).toEqual([`\r${barLine(0.1, 'one', 60)}\x1b[K`, '\r\x1b[K']);
  new ProgressBar({ write: write as never }).show(0.1, 'one');
  expect(written).toHaveLength(2);
});
