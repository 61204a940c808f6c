/**
 * Scores: what a prover's record on a circuit amounts to, and whether it stands above the market's line. A pure function
 * of the outcomes in the log, so that anybody can work it out again. Source: ARCHITECTURE.md, "Scores".
 */
import type { Parameters } from '#protocol/parameters.js';
import type { ScoresView, ScoreView } from '#protocol/views.js';
import { recentOutcomes } from './record.js';
import { NEVER, type ProverRecord } from './state.js';

/** An outlier is further from the median than this many median absolute deviations, in thousandths (3 sigma). */
const OUTLIER_MADS_THOUSANDTHS = 4_448;

/** The line: the parameters that decide who is eligible. */
export function scoreLineOf(parameters: Parameters): ScoresView['line'] {
  const { scoreOutcomesMin, scoreOnTimePpmMin, scoreLatencyPctMax, scoreReachablePpmMin } = parameters;
  const { recordWindowMs, outcomesMax } = parameters;
  const window = { recordWindowMs, outcomesMax };
  return { scoreOutcomesMin, scoreOnTimePpmMin, scoreLatencyPctMax, scoreReachablePpmMin, ...window };
}

/** Score of a prover on a circuit at a moment, with everything that it is calculated from. */
export type Score = Omit<ScoreView, 'circuitId'>;

/**
 * Works out a score. Each of its three parts is held against the line once there are `scoreOutcomesMin` outcomes for it:
 * for the rates of delivery those in which the prover had to prove, for reachability all.
 */
export function scoreOf(record: ProverRecord | undefined, parameters: Parameters, nowMs: number): Score {
  const { scoreOutcomesMin } = parameters;
  const outcomes = recentOutcomes(record, parameters, nowMs);
  const proven = outcomes.flatMap((one) => one.latenessPct ?? []);
  const delivered = proven.filter((lateness) => lateness !== NEVER).sort((a, b) => a - b);
  const kept = withoutOutliers(delivered);
  const onTime = delivered.filter((lateness) => lateness <= 100).length;
  const reachable = outcomes.filter((one) => one.reachable).length;
  const onTimePpm = rate(onTime, proven.length);
  const latencyPct = median(kept);
  const reachablePpm = rate(reachable, outcomes.length);
  const isProven = proven.length >= scoreOutcomesMin;
  const flaws: Score['flaws'] = [];
  if (isProven && onTimePpm! < parameters.scoreOnTimePpmMin) flaws.push('onTime');
  if (isProven && latencyPct !== null && latencyPct > parameters.scoreLatencyPctMax) flaws.push('latency');
  const isKnown = outcomes.length >= scoreOutcomesMin;
  if (isKnown && reachablePpm! < parameters.scoreReachablePpmMin) flaws.push('reachable');
  return {
    isEligible: flaws.length === 0,
    flaws,
    outcomes: outcomes.length,
    proven: proven.length,
    delivered: delivered.length,
    onTime,
    onTimePpm,
    latenessPct: delivered,
    outliers: delivered.length - kept.length,
    latencyPct,
    reachable,
    reachablePpm,
  };
}

function rate(part: number, whole: number): number | null {
  return whole === 0 ? null : Math.floor((part * 1_000_000) / whole);
}

/** The lower middle of sorted values, so that it stays an integer; null of none. */
function median(sorted: readonly number[]): number | null {
  return sorted.length === 0 ? null : sorted[(sorted.length - 1) >> 1]!;
}

/** Leaves out what lies further from the median than about three standard deviations, by the median deviation. */
function withoutOutliers(sorted: readonly number[]): number[] {
  const middle = median(sorted);
  if (middle === null) return [];
  const deviations = sorted.map((value) => Math.abs(value - middle)).sort((a, b) => a - b);
  const mad = median(deviations)!;
  if (mad === 0) return [...sorted];
  return sorted.filter((value) => Math.abs(value - middle) * 1_000 <= OUTLIER_MADS_THOUSANDTHS * mad);
}
