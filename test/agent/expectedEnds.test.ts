import { describe, expect, it } from 'vitest';
import { expectedEnds, paceEndMs } from '#agent/proving/expectedEnds.js';
import { type HeldJob, JobBook } from '#agent/proving/jobBook.js';
import type { Address } from '#protocol/units.js';
import { jobOf, OTHER, sideOf } from './agentFixtures.js';

const ME: Address = `0x${'0a'.repeat(20)}`;
const NOW = 1_000_000;
const typical = () => 1_000;

/** Jobs of a book: primaries due one after the other, then a standby. */
function jobs(count: number): HeldJob[] {
  const book = new JobBook(ME);
  const mine = Array.from({ length: count }, (_, at) => jobOf(at, { primary: sideOf(ME, { dueMs: NOW + at }) }));
  const standby = jobOf(count, { primary: sideOf(OTHER), backup: sideOf(ME, { status: 'standby' }) });
  book.takeList([...mine, standby]);
  return book.all();
}

const endsOf = (held: HeldJob[], slots: number) => [...expectedEnds(held, slots, NOW, typical).values()];

describe('the ends that an agent expects', () => {
  it('come one after the other on each slot, in the order of the due times; a standby has none', () => {
    expect(endsOf(jobs(3), 1)).toEqual([NOW + 1_000, NOW + 2_000, NOW + 3_000, null]);
    expect(endsOf(jobs(3), 2)).toEqual([NOW + 1_000, NOW + 1_000, NOW + 2_000, null]);
  });

  it('stand behind running work, whose end is that of its pace', () => {
    const held = jobs(2);
    Object.assign(held[0]!, { phase: 'running', startedMs: NOW - 600, progressPpm: 300_000 });
    held[0]!.expectedEndMs = paceEndMs(NOW - 600, NOW, 300_000);
    expect(endsOf(held, 1)).toEqual([NOW + 1_400, NOW + 2_400, null]);
  });

  it('go on into the future when work is behind its time', () => {
    const held = jobs(1);
    Object.assign(held[0]!, { phase: 'running', expectedEndMs: NOW - 5_000, progressPpm: 600_000 });
    expect(endsOf(held, 1)).toEqual([NOW + 400, null]);
  });

  it('are now for what is being sent, none for what was sent or cannot be proven here', () => {
    const held = jobs(2);
    held[0]!.phase = 'delivering';
    held[1]!.phase = 'delivered';
    expect(endsOf(held, 1)).toEqual([NOW, null, null]);
    expect([...expectedEnds(jobs(1), 1, NOW, () => null).values()]).toEqual([null, null]);
  });

  it('wait for the first fifth of the work before they go by its pace', () => {
    expect(paceEndMs(NOW, NOW + 100, 199_999)).toBeNull();
    expect(paceEndMs(NOW, NOW + 100, 200_000)).toBe(NOW + 500);
  });
});
