import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nearestRank, promisedMsOf } from '#agent/proving/promise.js';
import { ProvingTimes, summariseTimes } from '#agent/proving/provingTimes.js';

const times = (...ms: number[]) => ms;
const equal = (count: number, ms: number) => Array.from({ length: count }, () => ms);

/** Numbers from 0 to below 1, always the same: the coverage below must not depend on luck. */
function* uniform(seed: number): Generator<number> {
  let state = seed;
  for (;;) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    yield state / 2 ** 32;
  }
}

/** Lognormal times around a second. */
function lognormal(sigma: number, seed: number): () => number {
  const luck = uniform(seed);
  const next = () => luck.next().value as number;
  return () => 1_000 * Math.exp(sigma * Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()));
}

describe('the promise', () => {
  it('puts a third on a lone time, and little on many that are alike', () => {
    expect(promisedMsOf(times(1_000))).toBe(1_330);
    const many = promisedMsOf(equal(20, 1_000));
    expect(many).toBeGreaterThan(1_050);
    expect(many).toBeLessThan(1_200);
  });

  it.each([
    [0.02, 3],
    [0.1, 3],
    [0.1, 20],
    [0.3, 10],
    [0.3, 20],
  ])('is kept by about 95 of 100 when times spread by %d, after %d of them', (sigma, count) => {
    const draw = lognormal(sigma, 7);
    const tries = 2_000;
    let kept = 0;
    for (let i = 0; i < tries; i += 1) {
      const seen = Array.from({ length: count }, draw);
      if (draw() <= promisedMsOf(seen)) kept += 1;
    }
    expect(kept / tries).toBeGreaterThan(0.92);
  });

  it('follows a machine that has become slower after five zkProofs, and one that is quick again after twenty', () => {
    expect(promisedMsOf([...equal(15, 1_000), ...equal(5, 1_800)])).toBeGreaterThan(1_800 * 1.15);
    expect(promisedMsOf([...equal(5, 1_800), ...equal(20, 1_000)])).toBe(promisedMsOf(equal(20, 1_000)));
  });

  it('is at least the nearest-rank p95, in proportion to the times, and never falls when one of them is longer', () => {
    const some = fc.array(fc.integer({ min: 10, max: 1_000_000 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(some, (samples) => {
        const promised = promisedMsOf(samples);
        expect(promised).toBeGreaterThanOrEqual(nearestRank(samples, 95));
        const ratio = promisedMsOf(samples.map((ms) => ms * 100)) / promised;
        expect(ratio).toBeGreaterThan(90);
        expect(ratio).toBeLessThanOrEqual(100.001);
      }),
    );
  });
});

describe('the record of proving times', () => {
  const time = (actualMs: number, circuitId = 'a') => ({
    ...{
      atMs: 1,
      jobId: 'j',
      circuitId,
      promisedMs: 1_300,
      expectedMs: 1_000,
      actualMs,
      witnessMs: 10,
      provingMs: 990,
    },
  });

  it('keeps the newest, passes by what a crash has cut off, and sums up what was kept', () => {
    const folder = mkdtempSync(join(tmpdir(), 'understudy-times-'));
    try {
      const path = join(folder, 'proving-times.jsonl');
      writeFileSync(path, '{"atMs":1,"jobId":');
      const record = new ProvingTimes(path, 10);
      for (let i = 0; i < 100; i += 1) record.add(time(900 + 5 * i));
      const read = new ProvingTimes(path).read();
      expect(read.length).toBeGreaterThanOrEqual(10);
      expect(read.length).toBeLessThan(20);
      expect(read.at(-1)).toEqual(time(1_395));
      expect(statSync(path).mode & 0o077).toBe(0);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('says how often promises were kept and how close estimates were', () => {
    expect(summariseTimes([time(1_000), time(1_100), time(1_400), time(500, 'b')])).toEqual([
      { circuitId: 'a', proofs: 3, kept: 2, medianPct: 110, p95Pct: 140 },
      { circuitId: 'b', proofs: 1, kept: 1, medianPct: 50, p95Pct: 50 },
    ]);
  });
});
