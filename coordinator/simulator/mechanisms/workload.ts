/** What comes from outside: blocks of jobs, and the outages of a cloud region. The same for every mechanism. */
import { unit } from './draws.js';
import type { Prover } from './population.js';
import { MEDIAN_PROVING_MS, type Scenario } from './scenario.js';

export interface SimBlock {
  number: number;
  arrivalMs: number;
  deadlineMs: number;
  /** Numbers of its jobs, counted over all blocks. */
  jobs: number[];
  /** False during the warm-up, in which records build up and queues fill. */
  measured: boolean;
}

export interface Workload {
  blocks: SimBlock[];
  /** When the region is lost and when it comes back, in milliseconds. */
  outages: { fromMs: number; untilMs: number }[];
}

/** How many jobs are simulated before and while measuring. */
export interface Length {
  warmUpJobs: number;
  measuredJobs: number;
}

/** Warm-up and measurement each last at least so many median proving times, so that queues can fill. */
const PHASE_TIMES = 6;
const OUTAGE_EVERY_TIMES = 30;
const OUTAGE_TIMES = 3;

/** Jobs a second that the provers could do who can be in time at all, in jobs per millisecond. */
function capacityOf(scenario: Scenario, provers: readonly Prover[]): number {
  const usable = provers.filter(
    ({ index, machine, promisedMs }) => index === machine && promisedMs < scenario.deadlineTimes * MEDIAN_PROVING_MS,
  );
  return usable.reduce((sum, { slots, medianMs }) => sum + slots / medianMs, 0);
}

/** Draws the blocks of a seed: Poisson arrivals, one to twice the mean number of jobs. */
export function drawWorkload(scenario: Scenario, provers: readonly Prover[], seed: number, length: Length): Workload {
  const jobsPerMs = scenario.load * capacityOf(scenario, provers);
  const steadyJobs = jobsPerMs * PHASE_TIMES * MEDIAN_PROVING_MS;
  const warmUpJobs = Math.max(length.warmUpJobs, steadyJobs);
  const jobsTotal = warmUpJobs + Math.max(length.measuredJobs, steadyJobs);
  const blocks: SimBlock[] = [];
  let atMs = 0;
  for (let jobs = 0; jobs < jobsTotal; ) {
    const number = blocks.length;
    const size = 1 + Math.floor((2 * scenario.jobsPerBlock - 1) * unit(seed, 'block size', number));
    atMs += (-Math.log(unit(seed, 'arrival', number)) * scenario.jobsPerBlock) / jobsPerMs;
    const arrivalMs = Math.round(atMs);
    blocks.push({
      number,
      arrivalMs,
      deadlineMs: arrivalMs + Math.round(scenario.deadlineTimes * MEDIAN_PROVING_MS),
      jobs: Array.from({ length: size }, (_, index) => jobs + index),
      measured: jobs >= warmUpJobs,
    });
    jobs += size;
  }
  return { blocks, outages: scenario.regionLost ? drawOutages(seed, atMs) : [] };
}

function drawOutages(seed: number, untilMs: number): Workload['outages'] {
  const outages: Workload['outages'] = [];
  for (let atMs = 0; atMs < untilMs; ) {
    const quietMs = -Math.log(unit(seed, 'outage', outages.length)) * OUTAGE_EVERY_TIMES * MEDIAN_PROVING_MS;
    const fromMs = Math.round(atMs + quietMs);
    atMs = fromMs + OUTAGE_TIMES * MEDIAN_PROVING_MS;
    outages.push({ fromMs, untilMs: atMs });
  }
  return outages;
}
