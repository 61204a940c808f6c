/** One market: a scenario, a seed, a mechanism; and what is measured of it. */
import { type MechanismName, mechanismOf } from './mechanisms.js';
import { drawProvers } from './population.js';
import { MEDIAN_COST_WEI, type Scenario } from './scenario.js';
import { type SimJob, SimMarket } from './simMarket.js';
import type { Strategy } from './strategy.js';
import { drawWorkload, type Length } from './workload.js';

/** Figures of one run, all per measured job or as shares; money in median proving costs. */
export interface Measures {
  jobs: number;
  /** Share of the jobs without a zkProof at their deadline. */
  missed: number;
  /** Share that nobody was ever asked to prove. */
  unsold: number;
  /** What requesters paid, less what they got out of bonds, for each zkProof in time. */
  paidPerProof: number;
  /** The same for each job. */
  paid: number;
  /** Payments and misses at their cost, for each job. */
  totalCost: number;
  /** Share of the computing time that went into work whose zkProof was not the one that counted. */
  wasted: number;
  /** Provers' receipts less fines, computing and standing by, for each job. */
  profit: number;
  /** Herfindahl-Hirschman index of what owners received, from 0 to 1, and the share of the largest. */
  hhi: number;
  largest: number;
  /** From a block's arrival to the first prover's start, in seconds, for jobs that were sold. */
  awardSec: number;
  /** Share of jobs in time, and what theory expects of the chosen pairs and the pool; null where it says nothing. */
  onTime: number;
  theory: number | null;
  byBackup: number;
  byPool: number;
  events: number;
}

export interface MarketRun {
  market: SimMarket;
  measures: Measures;
  /** Profit of each prover over the measured jobs, in wei. */
  profitWei: number[];
}

/** Runs one market to its end. */
export function runMarket(
  scenario: Scenario,
  name: MechanismName,
  seed: number,
  length: Length,
  strategy?: Strategy,
): MarketRun {
  const provers = drawProvers(scenario, seed);
  const market = new SimMarket(scenario, seed, provers, drawWorkload(scenario, provers, seed, length));
  market.run(mechanismOf(name, market, strategy));
  const profitWei = profitsOf(market);
  return { market, measures: measure(market, profitWei), profitWei };
}

function measure(market: SimMarket, profitWei: readonly number[]): Measures {
  const jobs = market.jobs.filter(({ measured }) => measured);
  const count = jobs.length;
  const missed = jobs.filter(({ deliveredBy }) => deliveredBy === null).length / count;
  const requester = market.books.of('requester');
  const paid = (requester.outWei - requester.inWei) / count / MEDIAN_COST_WEI;
  const sold = jobs.filter(({ awardedMs }) => awardedMs !== null);
  const awardMs = sold.reduce((sum, { awardedMs, arrivalMs }) => sum + awardedMs! - arrivalMs, 0);
  const by = (role: 'backup' | 'pool') => jobs.filter(({ deliveredBy }) => deliveredBy?.as === role).length / count;
  return {
    jobs: count,
    missed,
    unsold: 1 - sold.length / count,
    paidPerProof: missed === 1 ? 0 : paid / (1 - missed),
    paid,
    totalCost: paid + missed * market.scenario.missCostTimes,
    wasted: wastedShare(jobs),
    profit: profitWei.reduce((sum, wei) => sum + wei, 0) / count / MEDIAN_COST_WEI,
    ...concentration(market),
    awardSec: sold.length === 0 ? 0 : awardMs / sold.length / 1_000,
    onTime: 1 - missed,
    theory: theoryOf(jobs),
    byBackup: by('backup'),
    byPool: by('pool'),
    events: market.timeline.happened,
  };
}

function wastedShare(jobs: readonly SimJob[]): number {
  let usedMs = 0;
  let neededMs = 0;
  for (const { works, deliveredBy } of jobs) {
    for (const work of works) {
      usedMs += work.usedMs;
      if (deliveredBy && work.state === 'done' && work.prover === deliveredBy.prover) neededMs += work.usedMs;
    }
  }
  return usedMs === 0 ? 0 : 1 - neededMs / usedMs;
}

function concentration({ provers, books }: SimMarket): { hhi: number; largest: number } {
  const received = new Map<number, number>();
  for (const { owner, index } of provers) received.set(owner, (received.get(owner) ?? 0) + books.of(index).inWei);
  const total = [...received.values()].reduce((sum, wei) => sum + wei, 0);
  if (total === 0) return { hhi: 0, largest: 0 };
  const shares = [...received.values()].map((wei) => wei / total);
  return { hhi: shares.reduce((sum, share) => sum + share ** 2, 0), largest: Math.max(...shares) };
}

/** What each prover has left: receipts less fines, less computing, less standing by. */
function profitsOf({ provers, books, jobs }: SimMarket): number[] {
  const profitWei = provers.map(({ index }) => books.of(index).inWei - books.of(index).outWei);
  for (const { works, measured, standby } of jobs) {
    if (!measured) continue;
    for (const { prover, usedMs } of works) profitWei[prover.index]! -= usedMs * prover.costWeiPerMs;
    if (standby) profitWei[standby.index]! -= standby.standbyCostWei;
  }
  return profitWei;
}

/** Mean over the sold jobs of what theory expects; null when the mechanism has no pairs. */
function theoryOf(jobs: readonly SimJob[]): number | null {
  if (jobs.every(({ theory }) => theory === null)) return null;
  const sold = jobs.filter((job): job is SimJob & { theory: number } => job.theory !== null);
  const pooled = jobs.filter((job): job is SimJob & { poolTheory: number } => job.poolTheory !== null);
  const poolChance = pooled.reduce((sum, { poolTheory }) => sum + poolTheory, 0) / Math.max(1, pooled.length);
  const pairMiss = sold.reduce((sum, { theory }) => sum + 1 - theory, 0);
  const unsold = jobs.length - sold.length;
  return 1 - ((pairMiss + unsold) * (1 - poolChance)) / jobs.length;
}
