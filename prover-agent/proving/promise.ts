/**
 * What to promise: a time within which 95 of 100 zkProofs are done, from few measurements. Pure.
 *
 * The longest of a few times is no 95th percentile, and the best is none at all. Proving times are close to lognormal, so
 * the bound is that of a Bayesian prediction of the next one: Student's t over the logarithms, with a prior for their
 * spread that counts as five measurements. A lone sample is so promised with a third on top, many equal ones with little.
 * Source: README.md, "The promise"; Geisser, Predictive Inference, 1993, for the predictive distribution.
 */

/** What is taken for the spread of the logarithms before it is known, and as how many measurements that counts. */
const PRIOR_SIGMA = 0.1;
const PRIOR_WEIGHT = 5;

/** Student's t at 95 % for 5, 6, ... degrees of freedom. */
const T95 = [
  2.015, 1.943, 1.895, 1.86, 1.833, 1.812, 1.796, 1.782, 1.771, 1.761, 1.753, 1.746, 1.74, 1.734, 1.729, 1.725, 1.721,
  1.717, 1.714, 1.711,
] as const;

/** The newest of these are looked at by themselves: a machine that has become slower should be found out soon. */
const DRIFT_SAMPLES = 5;

/** The most samples that count. */
export const PROMISE_SAMPLES_MAX = 20;

/**
 * The time to promise, in milliseconds: the largest of the prediction from all samples, that from the newest five, and the
 * samples' own nearest-rank p95, so that neither a drift nor a heavy tail is averaged away.
 *
 * @param samples - times in milliseconds, above zero, oldest first, at least one; the newest 20 count
 */
export function promisedMsOf(samples: readonly number[]): number {
  const newest = samples.slice(-PROMISE_SAMPLES_MAX);
  const all = predictedMs(newest);
  const late = predictedMs(newest.slice(-DRIFT_SAMPLES));
  return Math.ceil(Math.max(all, late, nearestRank(newest, 95)));
}

function predictedMs(samples: readonly number[]): number {
  const logs = samples.map((ms) => Math.log(ms));
  const count = logs.length;
  const mean = logs.reduce((sum, one) => sum + one, 0) / count;
  const squares = logs.reduce((sum, one) => sum + (one - mean) ** 2, 0);
  const freedom = PRIOR_WEIGHT + count - 1;
  const sigma = Math.sqrt((PRIOR_WEIGHT * PRIOR_SIGMA ** 2 + squares) / freedom);
  const t = T95[Math.min(freedom - PRIOR_WEIGHT, T95.length - 1)]!;
  return Math.exp(mean + t * sigma * Math.sqrt(1 + 1 / count));
}

/** The least sample that so many percent of all do not exceed. */
export function nearestRank(samples: readonly number[], percent: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((sorted.length * percent) / 100) - 1)]!;
}
