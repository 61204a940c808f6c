/**
 * The market's parameters: one versioned document in the log. Rates are basis points (Bps, 1/10,000), probabilities
 * parts per million, times milliseconds.
 */
import { z } from 'zod';
import { durationMsSchema } from './units.js';

/** Longest reason of a change, in characters. */
export const PARAMETERS_REASON_MAX = 512;

const bps = z.int().min(0).max(10_000);

export const parametersSchema = z.strictObject({
  /** Bounds of a requester's bid window. */
  bidWindowMsMin: durationMsSchema,
  bidWindowMsMax: durationMsSchema,
  /** Kept free before every due time for transport and checking. */
  deliveryMarginMs: durationMsSchema,
  /** Least time between the end of the first bid window and the deadline. */
  provingTimeMsMin: durationMsSchema,
  /** An assignment whose agent is silent for so long is taken to be lost. */
  leaseMs: durationMsSchema,
  /** A gap in the coordinator's signs of life shorter than this shifts nothing. */
  downtimeMsMin: durationMsSchema,
  /** Part of the price that a primary loses to the backup when it delivers first but after the backup's start. */
  lateBps: bps,
  /** Part of the max price that a defaulter owes beyond dearer cover and standby fee. */
  lateDamageBps: bps,
  /** Part of the late damage that goes to the rescuer; the rest compensates the requester. */
  slashRescuerBps: bps,
  /** Weight of the prior of an on-time curve, in jobs. */
  priorJobs: z.int().min(1).max(1_000_000),
  /** The grid of on-time curves: elapsed time in percent of the promised, rising from 100. */
  latenessPct: z.array(z.int().min(100).max(100_000)).min(1).max(16),
  /** Prior of an on-time curve at each point of the grid: the chance to have delivered by then. Never falls. */
  priorOnTimePpm: z.array(z.int().min(0).max(1_000_000)).min(1).max(16),
  /** A prover's record covers its newest outcomes, and none older than the window. */
  outcomesMax: z.int().min(1).max(1_000),
  recordWindowMs: durationMsSchema,
  /** Below so many accepted zkProofs of a circuit a prover is a newcomer; 0 for no newcomer rule. */
  newcomerJobs: z.int().min(0).max(1_000),
  /** How long a newcomer may take for its challenge job. */
  challengeMs: durationMsSchema,
  /** The score line: from so many outcomes on, a prover must reach all three to be eligible. */
  scoreOutcomesMin: z.int().min(1).max(1_000),
  scoreOnTimePpmMin: z.int().min(0).max(1_000_000),
  scoreLatencyPctMax: z.int().min(1).max(1_000_000),
  scoreReachablePpmMin: z.int().min(0).max(1_000_000),
  /** How long bids of a `commitReveal` round may be opened, and what an unopened one forfeits of the max price. */
  bidRevealMs: durationMsSchema,
  bidForfeitBps: bps,
  /** How long after a commitment to a pool job its zkProof may come. */
  poolRevealMs: durationMsSchema,
  /** Part of the max price that such a commitment locks, and forfeits when its zkProof does not come or is invalid. */
  poolForfeitBps: bps,
  /** Commitments to one job that may wait for their zkProofs at a time. */
  poolOpenMax: z.int().min(1).max(1_000),
  /** Forfeited commitments of one prover to one job after which it may make no more. */
  poolFailuresMax: z.int().min(1).max(100),
  /** A prover's measured p95 of proving time covers the newest samples, once there are enough. */
  provingSamplesMax: z.int().min(1).max(256),
  provingSamplesMin: z.int().min(1).max(256),
  /** Longest escalation schedule: how often a job may be auctioned. */
  roundsPerJobMax: z.int().min(1).max(100),
  /** How many invalid zkProofs one assignment may submit. */
  invalidProofsMax: z.int().min(1).max(100),
  /** Circuits that a market knows, those that anybody registered included: they stay in memory for ever. */
  circuitsMax: z.int().min(1).max(10_000),
  jobsPerBlockMax: z.int().min(1).max(10_000),
  bidsPerRoundMax: z.int().min(1).max(10_000),
});
export type Parameters = z.infer<typeof parametersSchema>;

/** What a new market starts with. */
export const DEFAULT_PARAMETERS: Parameters = {
  bidWindowMsMin: 100,
  bidWindowMsMax: 600_000,
  deliveryMarginMs: 2_000,
  provingTimeMsMin: 1_000,
  leaseMs: 10_000,
  downtimeMsMin: 2_000,
  lateBps: 2_000,
  lateDamageBps: 1_000,
  slashRescuerBps: 1_000,
  priorJobs: 20,
  latenessPct: [100, 125, 150, 200, 300, 500],
  priorOnTimePpm: [900_000, 930_000, 940_000, 945_000, 950_000, 950_000],
  outcomesMax: 100,
  recordWindowMs: 2_592_000_000,
  newcomerJobs: 3,
  challengeMs: 600_000,
  scoreOutcomesMin: 20,
  scoreOnTimePpmMin: 500_000,
  scoreLatencyPctMax: 200,
  scoreReachablePpmMin: 500_000,
  bidRevealMs: 3_000,
  bidForfeitBps: 500,
  poolRevealMs: 5_000,
  poolForfeitBps: 500,
  poolOpenMax: 32,
  poolFailuresMax: 2,
  provingSamplesMax: 20,
  provingSamplesMin: 5,
  roundsPerJobMax: 8,
  invalidProofsMax: 3,
  circuitsMax: 256,
  jobsPerBlockMax: 1_024,
  bidsPerRoundMax: 1_024,
};

/** Least lease, in milliseconds: agents show signs of life every second at the most. */
const LEASE_MS_MIN = 1_000;

/** Least silence that counts as downtime: the coordinator shows signs of life every second. */
const DOWNTIME_MS_MIN = 1_500;

/**
 * What is wrong with a document as a whole, in a sentence; null when it can be in force. The schema has seen to each
 * member by itself.
 */
export function parametersFlaw(parameters: Parameters): string | null {
  const { latenessPct, priorOnTimePpm, bidWindowMsMin, bidWindowMsMax, leaseMs, downtimeMsMin } = parameters;
  if (latenessPct.length !== priorOnTimePpm.length) return 'latenessPct and priorOnTimePpm must be of one length';
  if (latenessPct[0] !== 100) return 'latenessPct must begin with 100';
  if (!isRising(latenessPct, 1)) return 'latenessPct must rise';
  if (!isRising(priorOnTimePpm, 0)) return 'priorOnTimePpm must not fall';
  if (bidWindowMsMin < 1 || bidWindowMsMin > bidWindowMsMax) {
    return 'bidWindowMsMin must be positive and at most bidWindowMsMax';
  }
  if (parameters.provingSamplesMin > parameters.provingSamplesMax) {
    return 'provingSamplesMin must be at most provingSamplesMax';
  }
  if (leaseMs < LEASE_MS_MIN) return `leaseMs must be at least ${LEASE_MS_MIN}`;
  if (downtimeMsMin < DOWNTIME_MS_MIN) return `downtimeMsMin must be at least ${DOWNTIME_MS_MIN}`;
  // Silence that is too short to go on record must leave time to open a bid.
  if (parameters.bidRevealMs <= downtimeMsMin) return 'bidRevealMs must be more than downtimeMsMin';
  return null;
}

function isRising(values: readonly number[], leastStep: number): boolean {
  return values.every((value, index) => index === 0 || value - values[index - 1]! >= leastStep);
}
