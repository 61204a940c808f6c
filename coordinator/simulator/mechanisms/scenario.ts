import type { Parameters } from '#protocol/parameters.js';

/** One cell of the comparison: how many provers, how they fail, how much work comes, what a miss costs. */
export interface Scenario {
  provers: number;
  /** Provers that one owner runs. */
  proversPerOwner: number;
  /** A prover that appears under a second name and owner as well, by its index; null for nobody. */
  secondIdentityOf: number | null;
  /** How many jobs of a round a bid takes at most. */
  jobsPerBid: number;
  /** Tail of the proving times. */
  speeds: 'lognormal' | 'pareto';
  /** Chance that a prover loses a job on its own, the mean over the provers: 0.2 is 20 %. */
  failing: number;
  /** 0: all fail alike; 1: from never to twice the mean. */
  failingSpread: number;
  /** True when a cloud region, home of two fifths of the provers, is lost from time to time. */
  regionLost: boolean;
  /** True when an agent that lost its job goes on with its heartbeats: nobody notices before the backup's start. */
  hangs: boolean;
  /** Work that arrives, as a share of what the provers could do: 1.2 is a fifth more than that. */
  load: number;
  jobsPerBlock: number;
  /** From the block's arrival to its deadline, in median proving times. */
  deadlineTimes: number;
  /** Cost of a missed deadline, in median proving costs. */
  missCostTimes: number;
  /** The requester's max price, in median proving costs. */
  maxPriceTimes: number;
  /**
   * What if: how much of a standby duty's proving time the clearing counts as load, where the rule counts all of it because
   * all may be called at once. Only in Understudy's variants.
   */
  standbyWeight: number;
  /** Where the market's parameters differ from their defaults; only in Understudy's variants. */
  parameters: Partial<Parameters>;
}

/** The cell that the targets speak of. */
export const BASE_SCENARIO: Scenario = {
  provers: 30,
  proversPerOwner: 1,
  secondIdentityOf: null,
  jobsPerBid: 8,
  speeds: 'lognormal',
  failing: 0.2,
  failingSpread: 0,
  regionLost: false,
  hangs: false,
  load: 0.5,
  jobsPerBlock: 4,
  deadlineTimes: 4,
  missCostTimes: 10,
  maxPriceTimes: 5,
  standbyWeight: 1,
  parameters: {},
};

/** Median proving time, in milliseconds. */
export const MEDIAN_PROVING_MS = 60_000;

/** Median cost of proving a job, in wei: small enough for exact sums in floating point, large enough that a wei is nothing. */
export const MEDIAN_COST_WEI = 1_000_000;

/** Spread of a prover's proving times around its own median: the standard deviation of the logarithm. */
export const DURATION_SIGMA = 0.15;

/** Bid windows of the requester's schedule, in milliseconds: what stays unsold is offered again. */
export const BID_WINDOWS_MS: readonly number[] = [2_000, 4_000, 8_000, 16_000, 32_000, 32_000, 32_000, 32_000];
