/**
 * Random assignment with one fallback, at a posted price: a job goes to a prover drawn among those that can be in time and
 * agree to the price; if it is not delivered by half of its time, one other is drawn. Whoever delivers first is paid.
 */
import { DEFAULT_PARAMETERS } from '#protocol/parameters.js';
import { unit } from './draws.js';
import { breakEvenWei, type Prover } from './population.js';
import { holdRounds } from './retryRounds.js';
import { MEDIAN_COST_WEI } from './scenario.js';
import type { Mechanism, SimJob, SimMarket, SimWork } from './simMarket.js';

/** The posted price lets in at least this share of the provers' capacity more than the load needs. */
const SPARE_CAPACITY = 0.2;

export class RandomFallback implements Mechanism {
  private readonly market: SimMarket;
  private readonly postedWei: number;
  private readonly willing: readonly Prover[];

  constructor(market: SimMarket) {
    this.market = market;
    this.postedWei = postedPriceWei(market);
    this.willing = market.provers.filter((prover) => breakEvenWei(prover, 0) <= this.postedWei);
  }

  open(jobs: SimJob[]): void {
    const left = jobs.filter((job) => !this.draw(job));
    if (left.length > 0) holdRounds(this.market, left, (open) => open.filter((job) => !this.draw(job)));
  }

  delivered({ job, prover }: SimWork): void {
    const as = job.works[0]!.prover === prover ? 'primary' : 'backup';
    this.market.pay(job, 'requester', prover.index, this.postedWei);
    this.market.end(job, { prover, as });
  }

  vanished(): void {}

  expired(job: SimJob): void {
    this.market.end(job, null);
  }

  /** Draws the prover of a job. @returns false when nobody can be in time */
  private draw(job: SimJob): boolean {
    const { market } = this;
    const halfMs = Math.round((market.nowMs + job.deadlineMs) / 2);
    const chosen = this.pick(job, halfMs, -1) ?? this.pick(job, job.deadlineMs, -1);
    if (!chosen) return false;
    market.assign(job, chosen);
    market.timeline.at(halfMs, () => {
      if (job.endedMs !== null) return;
      const fallback = this.pick(job, job.deadlineMs, chosen.owner);
      if (fallback) market.assign(job, fallback);
    });
    return true;
  }

  /** A prover drawn among the willing that can deliver by `dueMs` and belong to another owner. */
  private pick(job: SimJob, dueMs: number, notOwner: number): Prover | null {
    const { market } = this;
    const able = this.willing.filter(
      (prover) =>
        prover.owner !== notOwner &&
        market.isUp(prover) &&
        market.workshopOf(prover).promisedFinishMs() <= dueMs - DEFAULT_PARAMETERS.deliveryMarginMs,
    );
    const drawn = unit(market.seed, notOwner < 0 ? 'random primary' : 'random fallback', job.number);
    return able[Math.floor(drawn * able.length)] ?? null;
  }
}

/** The lowest price to which enough capacity agrees. */
export function postedPriceWei({ provers, scenario }: SimMarket): number {
  const maxWei = scenario.maxPriceTimes * MEDIAN_COST_WEI;
  const speed = (prover: Prover) => prover.slots / prover.medianMs;
  const wanted = Math.min(0.95, scenario.load + SPARE_CAPACITY) * provers.reduce((sum, one) => sum + speed(one), 0);
  let capacity = 0;
  const byPrice = provers
    .map((prover) => ({ prover, ownWei: breakEvenWei(prover, 0) }))
    .sort((a, b) => a.ownWei - b.ownWei);
  for (const { prover, ownWei } of byPrice) {
    capacity += speed(prover);
    if (capacity >= wanted) return Math.min(maxWei, ownWei);
  }
  return maxWei;
}
