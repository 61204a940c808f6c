import { describe, expect, it } from 'vitest';
import { normal, normalShare, unit } from '../../../coordinator/simulator/mechanisms/draws.js';
import { estimate, ratioOf } from '../../../coordinator/simulator/mechanisms/statistics.js';

describe('estimates', () => {
  it('give the mean and the Student interval of a sample', () => {
    const { mean, plusMinus } = estimate([1, 2, 3, 4, 5]);
    expect(mean).toBe(3);
    // standard deviation 1.5811, over the root of 5, times 2.776
    expect(plusMinus).toBeCloseTo(1.963, 3);
  });

  it('know no width of a single seed', () => {
    expect(estimate([7])).toEqual({ mean: 7, plusMinus: Number.NaN });
  });

  it('cover the mean of what they are drawn from in about 95 of 100 samples', () => {
    let covered = 0;
    for (let sample = 0; sample < 1_000; sample += 1) {
      const values = Array.from({ length: 6 }, (_, index) => normal(sample, 'coverage', index));
      const { mean, plusMinus } = estimate(values);
      if (Math.abs(mean) <= plusMinus) covered += 1;
    }
    expect(covered).toBeGreaterThan(920);
    expect(covered).toBeLessThan(980);
  });
});

describe('ratios', () => {
  it('are those of the means, inside their bounds', () => {
    const { ratio, low, high } = ratioOf([20, 22, 18, 21], [2, 1, 2, 2]);
    expect(ratio).toBeCloseTo(81 / 7);
    expect(low).toBeLessThan(ratio);
    expect(high).toBeGreaterThan(ratio);
  });

  it('are infinite over zero', () => {
    expect(ratioOf([1, 1], [0, 0]).ratio).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('draws', () => {
  it('depend on seed and place only, and fill the interval', () => {
    expect(unit(1, 'a', 2, 3)).toBe(unit(1, 'a', 2, 3));
    const places = new Set([unit(1, 'a', 2, 3), unit(2, 'a', 2, 3), unit(1, 'b', 2, 3), unit(1, 'a', 3, 2)]);
    expect(places.size).toBe(4);
    const values = Array.from({ length: 10_000 }, (_, index) => unit(5, 'even', index));
    for (let tenth = 0; tenth < 10; tenth += 1) {
      const inside = values.filter((value) => value >= tenth / 10 && value < (tenth + 1) / 10).length;
      expect(inside).toBeGreaterThan(880);
      expect(inside).toBeLessThan(1_120);
    }
  });

  it('share out the normal distribution', () => {
    expect(normalShare(0)).toBeCloseTo(0.5, 6);
    expect(normalShare(1.6449)).toBeCloseTo(0.95, 4);
    expect(normalShare(-1.96)).toBeCloseTo(0.025, 4);
  });
});
