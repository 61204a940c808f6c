import { describe, expect, it } from 'vitest';
import { CoordinatorClock } from '#agent/client/session.js';

describe('the coordinator’s clock', () => {
  it('is not put out by an answer that took long', () => {
    let localMs = 1_000;
    const clock = new CoordinatorClock(() => localMs);
    clock.set(501_000, 1_000);
    localMs = 20_000;
    // Sent at 10,000 and read at once, but the answer was ten seconds on its way.
    clock.set(510_000, 10_000);
    expect(clock.nowMs()).toBe(520_000);
  });

  it('follows a local clock that was put right, as closely as the answers allow', () => {
    let localMs = 1_000;
    const clock = new CoordinatorClock(() => localMs);
    clock.set(1_000, 1_000);
    localMs = 3_601_000;
    clock.set(2_010, 3_600_980);
    expect(clock.nowMs()).toBeGreaterThanOrEqual(2_010);
    expect(clock.nowMs()).toBeLessThanOrEqual(2_030);
  });
});
