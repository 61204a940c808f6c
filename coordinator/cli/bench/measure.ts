/** One line of a benchmark's result, as `npm run bench` prints it and writes it to JSON. */
export interface Measure {
  readonly name: string;
  readonly value: number;
  /** What the value counts: 'times', 'ms', 'zkProofs', ... */
  readonly unit: string;
  /** The bound in words, for example 'at least 5'. */
  readonly target: string;
  readonly holds: boolean;
}

/**
 * The middle of the values, or the mean of the two middle ones: one disturbed run does not move it.
 *
 * @throws RangeError when there are none
 */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('the median of no values');
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}
