/** All-pay race: every job is open to everybody from its arrival on, and the first zkProof takes the posted prize. */
import { openRace } from './openRace.js';
import { postedPriceWei } from './randomFallback.js';
import { MEDIAN_COST_WEI } from './scenario.js';
import type { Mechanism, SimJob, SimMarket, SimWork } from './simMarket.js';

/** The prize, in posted prices of the random assignment: whoever may lose a race asks more. */
const PRIZE_TIMES = 1.33;

export class AllPayRace implements Mechanism {
  private readonly market: SimMarket;
  private readonly prizeWei: number;

  constructor(market: SimMarket) {
    this.market = market;
    const maxWei = market.scenario.maxPriceTimes * MEDIAN_COST_WEI;
    this.prizeWei = Math.min(maxWei, Math.round(PRIZE_TIMES * postedPriceWei(market)));
  }

  open(jobs: SimJob[]): void {
    for (const job of jobs) openRace(this.market, job, () => this.prizeWei);
  }

  delivered({ job, prover }: SimWork): void {
    this.market.pay(job, 'requester', prover.index, this.prizeWei);
    this.market.end(job, { prover, as: 'primary' });
  }

  vanished(): void {}

  expired(job: SimJob): void {
    this.market.end(job, null);
  }
}
