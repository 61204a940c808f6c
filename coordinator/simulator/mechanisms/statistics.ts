/** Means with intervals. What varies is the seed: a whole market, so that nothing within a run needs to be independent. */
import { unit } from './draws.js';

/** A mean and the half-width of its 95 % confidence interval. */
export interface Estimate {
  mean: number;
  plusMinus: number;
}

/** Two-sided 95 % quantiles of Student's t for 1 to 30 degrees of freedom. */
const T_95 = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131, 2.12, 2.11,
  2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042,
];
const Z_95 = 1.96;

/** Mean and Student interval of one figure over the seeds; no width is known of a single seed. */
export function estimate(values: readonly number[]): Estimate {
  const count = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  if (count < 2) return { mean, plusMinus: Number.NaN };
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (count - 1);
  return { mean, plusMinus: (T_95[count - 2] ?? Z_95) * Math.sqrt(variance / count) };
}

/** A ratio of means with the bounds of its 95 % interval. */
export interface Ratio {
  ratio: number;
  low: number;
  high: number;
}

const RESAMPLES = 1_000;

/**
 * How many times larger the mean of `above` is than that of `below`, seed by seed under the same luck: percentiles of a
 * paired bootstrap over the seeds. Infinite where `below` is zero.
 */
export function ratioOf(above: readonly number[], below: readonly number[]): Ratio {
  const count = above.length;
  const ratios: number[] = [];
  for (let resample = 0; resample < RESAMPLES; resample += 1) {
    let up = 0;
    let down = 0;
    for (let draw = 0; draw < count; draw += 1) {
      const at = Math.floor(unit(resample, 'bootstrap', draw) * count);
      up += above[at]!;
      down += below[at]!;
    }
    ratios.push(up / down);
  }
  ratios.sort((a, b) => a - b);
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  return { ratio: sum(above) / sum(below), low: ratios[24]!, high: ratios[974]! };
}
