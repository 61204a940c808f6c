/** One market: a scenario, a seed, a mechanism; and what is measured of it. */
import { type MechanismName, mechanismOf } from './mechanisms.js';
import { drawProvers } from './population.js';
import { MEDIAN_COST_WEI, type Scenario } from './scenario.js';
import { type SimJob, SimMarket } from './simMarket.js';
import type { Strategy } from './strategy.js';
import { isLost } from './theory.js';
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
  /** Share of the sold jobs that the market expected its pairs to deliver in time, and that they did. */
  promised: number | null;
  byPair: number;
  /** Share of the sold jobs that have a backup. */
  covered: number;
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
  const bought = jobs.filter(({ theory }) => theory !== null);
  const pairs = (fits: (job: SimJob) => boolean) => bought.filter(fits).length / Math.max(1, bought.length);
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
    promised: promisedOf(jobs),
    byPair: pairs(({ deliveredBy }) => deliveredBy !== null && deliveredBy.as !== 'pool'),
    covered: pairs(({ standby }) => standby !== null),
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

/**
 * The share in time that theory expects: the chosen pairs by their true chances, and the pool by those of whoever entered it.
 * Null when the mechanism has no pairs.
 */
function theoryOf(jobs: readonly SimJob[]): number | null {
  const sold = jobs.filter(({ theory }) => theory !== null);
  if (sold.length === 0) return null;
  const unsold = jobs.filter(({ theory }) => theory === null);
  const failed = sold.filter(isFailed);
  const pooled = (some: readonly SimJob[]) => some.reduce((sum, { poolTheory }) => sum + (poolTheory ?? 0), 0);
  const poolChance = pooled(failed) / Math.max(1, failed.length);
  const pairMisses = sold.reduce((sum, { theory }) => sum + 1 - theory!, 0);
  return 1 - (pairMisses * (1 - poolChance) + unsold.length - pooled(unsold)) / jobs.length;
}

/** True when neither primary nor backup could have delivered: a pool that was only quicker than a slow pair does not count. */
function isFailed({ works, poolWorks, deliveredBy }: SimJob): boolean {
  if (deliveredBy && deliveredBy.as !== 'pool') return false;
  return works.filter((work) => !poolWorks.has(work)).every(isLost);
}

/** The share in time that the market itself expected of the pairs that it chose, before any pool. */
function promisedOf(jobs: readonly SimJob[]): number | null {
  const promised = jobs.map((job) => job.promised).filter((chance) => chance !== null);
  return promised.length === 0 ? null : promised.reduce((sum, chance) => sum + chance, 0) / promised.length;
}
