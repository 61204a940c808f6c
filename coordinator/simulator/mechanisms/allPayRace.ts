/** All-pay race: every job is open to everybody from its arrival on, and the first zkProof takes the posted prize. */
import { openRace } from './openRace.js';
import { MEDIAN_COST_WEI } from './scenario.js';
import type { Mechanism, SimJob, SimMarket, SimWork } from './simMarket.js';

/** The prize as a share of the max price. */
const PRIZE_SHARE = 0.6;

export class AllPayRace implements Mechanism {
  private readonly market: SimMarket;
  private readonly prizeWei: number;

  constructor(market: SimMarket) {
    this.market = market;
    this.prizeWei = Math.round(PRIZE_SHARE * market.scenario.maxPriceTimes * MEDIAN_COST_WEI);
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
