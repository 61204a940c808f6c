/** Which ways to use a machine are measured, and which of them are recommended. Pure. */

/** Up to so many cores every number of threads and of parallel jobs is tried; beyond, powers of two and all cores. */
const EVERY_MAX = 4;

/** Share of the machine's memory that a plan may take, in percent: the rest is the system's and the agent's own. */
const MEMORY_PERCENT = 80;

/** A way to use the machine: threads of one zkProof, and zkProofs at once. */
export interface BenchWay {
  threads: number;
  slots: number;
}

/** What one way was measured to take; times in milliseconds. */
export interface WayMeasured extends BenchWay {
  /** Medians of one zkProof. */
  witnessMs: number;
  provingMs: number;
  /** Median and p95 to promise of a whole zkProof, its check included. */
  typicalMs: number;
  promisedMs: number;
  /** zkProofs a minute, all slots together. */
  perMinute: number;
  /** Most memory of the agent's threads and programs together, in MiB. */
  peakMb: number;
}

/** The ways to measure on a machine of so many cores; none has more than two threads for each core. */
export function waysOf(cores: number): BenchWay[] {
  const steps = stepsTo(cores);
  const ways = steps.flatMap((threads) => steps.map((slots) => ({ threads, slots })));
  return ways.filter(({ threads, slots }) => threads * slots <= 2 * cores || cores <= EVERY_MAX);
}

function stepsTo(cores: number): number[] {
  if (cores <= EVERY_MAX) return Array.from({ length: cores }, (_, index) => index + 1);
  const steps: number[] = [];
  for (let step = 1; step < cores; step *= 2) steps.push(step);
  return [...steps, cores];
}

/** The plan that answers soonest, and the one that makes most; null when nothing was measured that fits. */
export interface Recommendation {
  latency: WayMeasured | null;
  throughput: WayMeasured | null;
}

/**
 * What to recommend: for latency the way with the least time of one zkProof alone, for throughput the one with most
 * zkProofs a minute, both among those that leave memory for the rest. Of ways within 2 % of one another the one with less
 * work at once: it keeps its promises more easily.
 */
export function recommend(measured: readonly WayMeasured[], machineMb: number): Recommendation {
  const fitting = measured.filter(({ peakMb }) => peakMb <= (machineMb * MEMORY_PERCENT) / 100);
  const bySize = fitting.toSorted((a, b) => a.threads * a.slots - b.threads * b.slots || a.slots - b.slots);
  const single = bySize.filter(({ slots }) => slots === 1);
  return {
    latency: firstNear(single, (one) => 1 / one.typicalMs),
    throughput: firstNear(bySize, (one) => one.perMinute),
  };
}

const NEAR = 0.98;

function firstNear(ways: readonly WayMeasured[], worth: (way: WayMeasured) => number): WayMeasured | null {
  const best = Math.max(...ways.map(worth));
  return ways.find((way) => worth(way) >= NEAR * best) ?? null;
}
