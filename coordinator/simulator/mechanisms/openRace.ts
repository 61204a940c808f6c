/**
 * A race that anybody may enter: the pool, the open rescue, the all-pay race. Who proves is not told, and only the first
 * is paid. Provers enter, the fastest first, as long as what they can expect pays for their work: free entry.
 */
import { normalShare } from './draws.js';
import { deliveryChance, type Prover, provingCostWei } from './population.js';
import { DURATION_SIGMA } from './scenario.js';
import type { SimJob, SimMarket } from './simMarket.js';
import { isLost, raceTheory } from './theory.js';

/** How often the prospects are looked at again, from the opening to the deadline. */
const LOOKS = 8;
/** Only so many of the fastest idle provers think about it. */
const ENTRANTS_MAX = 20;

export interface Runner {
  prover: Prover;
  startMs: number;
}

/**
 * Opens a job to everybody until its deadline.
 * @param prizeAt - what a zkProof brings that is delivered at a moment, in wei
 */
export function openRace(market: SimMarket, job: SimJob, prizeAt: (atMs: number) => number): void {
  const runners: Runner[] = [];
  const stepMs = Math.max(1, Math.floor((job.deadlineMs - market.nowMs) / LOOKS));
  const look = () => {
    if (job.endedMs !== null) return;
    const entrants = newEntrants(market, job, runners, prizeAt);
    const isHopeless = job.works.every(isLost);
    const chance = isHopeless ? raceTheory(entrants, job.deadlineMs - market.nowMs) : 0;
    job.poolTheory = (job.poolTheory ?? 0) + chance;
    for (const prover of entrants) {
      runners.push({ prover, startMs: market.nowMs });
      job.poolWorks.add(market.assign(job, prover));
    }
    if (market.nowMs + stepMs < job.deadlineMs) market.timeline.after(stepMs, look);
  };
  look();
}

/** Idle provers for whom it pays to enter beside those who run already, the fastest first. */
function newEntrants(
  market: SimMarket,
  job: SimJob,
  runners: readonly Runner[],
  prizeAt: (atMs: number) => number,
): Prover[] {
  const { nowMs } = market;
  const tried = new Set(job.works.map((work) => work.prover.machine));
  const field = runners.filter((runner) => expectedEndMs(runner) > nowMs);
  const entrants: Prover[] = [];
  for (const prover of idleBySpeed(market, tried)) {
    const runner = { prover, startMs: nowMs };
    const prizeWei = prizeAt(Math.round(nowMs + prover.medianMs));
    if (winChance(runner, field, job.deadlineMs) * prizeWei < provingCostWei(prover)) continue;
    field.push(runner);
    entrants.push(prover);
  }
  return entrants;
}

function idleBySpeed(market: SimMarket, tried: ReadonlySet<number>): Prover[] {
  return market
    .upProvers()
    .filter((prover) => !tried.has(prover.machine) && market.workshopOf(prover).idleSlots > 0)
    .sort((a, b) => a.medianMs - b.medianMs)
    .slice(0, ENTRANTS_MAX);
}

/** From when on a runner that has not delivered is taken to be lost. */
function expectedEndMs({ prover, startMs }: Runner): number {
  return startMs + prover.promisedMs;
}

/** The chance that a runner is in time and before all others, which are taken as independent. */
export function winChance(runner: Runner, field: readonly Runner[], deadlineMs: number): number {
  const ownMs = runner.prover.medianMs;
  let chance = deliveryChance(runner.prover, deadlineMs - runner.startMs);
  for (const { prover, startMs } of field) {
    const aheadMs = startMs + prover.medianMs - runner.startMs - ownMs;
    const spreadMs = DURATION_SIGMA * Math.hypot(prover.medianMs, ownMs);
    chance *= prover.failing + (1 - prover.failing) * normalShare(aheadMs / spreadMs);
  }
  return chance;
}
