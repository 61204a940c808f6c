/**
 * Reverse Dutch auction with collateral and open rescue: a job's price rises until a prover locks it, with collateral. If
 * the lock runs out, the collateral is slashed: half is burnt, half is the prize of whoever delivers before the deadline;
 * the requester pays nothing then. Nobody learns before the lock's end that a prover was lost.
 */
import { DEFAULT_PARAMETERS } from '#protocol/parameters.js';
import { openRace } from './openRace.js';
import { breakEvenWei, type Prover } from './population.js';
import { MEDIAN_COST_WEI } from './scenario.js';
import { rivalsOf, shadedBids } from './shading.js';
import type { Mechanism, SimJob, SimMarket, SimWork } from './simMarket.js';
import { HONEST, type Offer, offerOf, type Strategy } from './strategy.js';

/** The price rises from nothing to the max price within this share of the job's time. */
const RAMP_SHARE = 0.1;
const RAMP_STEPS = 40;
/** A lock ends after this share of the job's time: one that comes later lasts to the deadline. */
const LOCK_SHARE = 0.55;
/** Collateral as a share of the max price. */
const COLLATERAL_SHARE = 1;
/** How often an unlocked job is looked at again at the max price, in milliseconds. */
const LOOK_MS = 4_000;

interface Lock {
  prover: Prover;
  priceWei: number;
  untilMs: number;
}

export class ReverseDutch implements Mechanism {
  private readonly market: SimMarket;
  private readonly strategy: Strategy;
  private readonly maxWei: number;
  private readonly collateralWei: number;
  private readonly locks = new Map<SimJob, Lock>();

  constructor(market: SimMarket, strategy = HONEST) {
    this.market = market;
    this.strategy = strategy;
    this.maxWei = market.scenario.maxPriceTimes * MEDIAN_COST_WEI;
    this.collateralWei = Math.round(this.maxWei * COLLATERAL_SHARE);
  }

  open(jobs: SimJob[]): void {
    const { arrivalMs, deadlineMs } = jobs[0]!;
    const asked = this.thresholds();
    const rampMs = Math.round((deadlineMs - arrivalMs) * RAMP_SHARE);
    const offer = (open: SimJob[], step: number) => {
      const priceWei = Math.min(this.maxWei, Math.round((this.maxWei * step) / RAMP_STEPS));
      const left = open.filter((job) => !this.tryLock(job, asked, priceWei));
      const waitMs = step < RAMP_STEPS ? Math.max(1, Math.round(rampMs / RAMP_STEPS)) : LOOK_MS;
      if (left.length === 0 || this.market.nowMs + waitMs >= deadlineMs) return;
      this.market.timeline.after(waitMs, () => offer(left, Math.min(RAMP_STEPS, step + 1)));
    };
    offer(jobs, 1);
  }

  delivered({ job, prover }: SimWork): void {
    const { market } = this;
    const lock = this.locks.get(job)!;
    if (market.nowMs < lock.untilMs) {
      market.pay(job, 'requester', prover.index, lock.priceWei);
      market.end(job, { prover, as: 'primary' });
    } else {
      this.slash(job, lock, prover.index);
      market.end(job, { prover, as: prover === lock.prover ? 'primary' : 'backup' });
    }
  }

  vanished(): void {}

  expired(job: SimJob): void {
    const lock = this.locks.get(job);
    if (lock) this.slash(job, lock, 'burnt');
    this.market.end(job, null);
  }

  /** Prices at which provers lock: a rising price ends where the first-price auction does. */
  private thresholds(): Offer[] {
    const { provers, scenario, books } = this.market;
    const penaltyWei = books.meanFineWei(this.collateralWei);
    const own = provers.map((prover) => breakEvenWei(prover, penaltyWei));
    const bids = shadedBids(own, rivalsOf(scenario, provers), this.maxWei);
    return provers
      .map((prover, index) => this.strategy.offer(offerOf(prover, bids[index]!, scenario)))
      .filter((offer) => offer !== null)
      .sort((a, b) => a.priceWei - b.priceWei || a.prover.index - b.prover.index);
  }

  private tryLock(job: SimJob, asked: readonly Offer[], priceWei: number): boolean {
    const { market } = this;
    const lockEndMs = job.arrivalMs + Math.round((job.deadlineMs - job.arrivalMs) * LOCK_SHARE);
    for (const { prover, promisedMs, priceWei: askedWei } of asked) {
      if (askedWei > priceWei) return false;
      if (!market.isUp(prover)) continue;
      const finishMs = market.workshopOf(prover).promisedFinishMs(promisedMs) + DEFAULT_PARAMETERS.deliveryMarginMs;
      const isAtMax = priceWei >= this.maxWei;
      const untilMs = finishMs <= lockEndMs ? lockEndMs : job.deadlineMs;
      if (finishMs > untilMs || (untilMs === job.deadlineMs && !isAtMax)) continue;
      this.lock(job, { prover, priceWei, untilMs });
      return true;
    }
    return false;
  }

  private lock(job: SimJob, lock: Lock): void {
    const { market } = this;
    this.locks.set(job, lock);
    market.assign(job, lock.prover);
    if (lock.untilMs >= job.deadlineMs) return;
    market.timeline.at(lock.untilMs, () => {
      if (job.endedMs === null) openRace(market, job, () => Math.floor(this.collateralWei / 2));
    });
  }

  /** Takes the collateral of a lock that ran out. @param rescuer - who is paid half of it */
  private slash(job: SimJob, { prover }: Lock, rescuer: number | 'burnt'): void {
    const prizeWei = Math.floor(this.collateralWei / 2);
    this.market.pay(job, prover.index, rescuer, prizeWei);
    this.market.pay(job, prover.index, 'burnt', this.collateralWei - prizeWei);
    this.market.books.noteFine(this.collateralWei);
  }
}
