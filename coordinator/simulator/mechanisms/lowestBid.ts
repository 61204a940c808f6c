/**
 * Two mechanisms without cover. `cheapestBid`: each job to the lowest bid that can be in time, which is paid its bid.
 * `secondPrice`: bids are committed first and opened then, which takes another window; the winner is paid the second
 * lowest bid. Whoever does not deliver is not paid, and nobody steps in.
 */
import { DEFAULT_PARAMETERS } from '#protocol/parameters.js';
import { breakEvenWei } from './population.js';
import { holdRounds } from './retryRounds.js';
import { BID_WINDOWS_MS, MEDIAN_COST_WEI } from './scenario.js';
import { rivalsOf, shadedBids } from './shading.js';
import type { Mechanism, SimJob, SimMarket, SimWork } from './simMarket.js';
import { HONEST, type Offer, offerOf } from './strategy.js';

interface Bid {
  offer: Offer;
  wonInRound: number;
}

/** A prover and what it is paid for a job. */
interface Sale {
  bid: Bid;
  priceWei: number;
}

export class LowestBid implements Mechanism {
  private readonly market: SimMarket;
  private readonly rule: 'cheapestBid' | 'secondPrice';
  private readonly maxWei: number;
  /** What each prover asks: it is the same for every job. */
  private readonly asked: readonly Offer[];
  private readonly priceWei = new Map<SimJob, number>();

  constructor(market: SimMarket, rule: 'cheapestBid' | 'secondPrice', strategy = HONEST) {
    this.market = market;
    this.rule = rule;
    this.maxWei = market.scenario.maxPriceTimes * MEDIAN_COST_WEI;
    const { provers, scenario } = market;
    const own = provers.map((prover) => breakEvenWei(prover, 0));
    const bids = rule === 'cheapestBid' ? shadedBids(own, rivalsOf(scenario, provers), this.maxWei) : own;
    this.asked = provers
      .map((prover, index) => strategy.offer(offerOf(prover, bids[index]!, scenario)))
      .filter((offer) => offer !== null)
      .filter(({ priceWei }) => priceWei <= this.maxWei)
      .sort((a, b) => a.priceWei - b.priceWei || a.prover.index - b.prover.index);
  }

  open(jobs: SimJob[]): void {
    const revealMs = this.rule === 'secondPrice' ? BID_WINDOWS_MS[0]! : 0;
    holdRounds(
      this.market,
      jobs,
      (open) => this.close(open),
      () => {},
      revealMs,
    );
  }

  delivered({ job, prover }: SimWork): void {
    this.market.pay(job, 'requester', prover.index, this.priceWei.get(job)!);
    this.market.end(job, { prover, as: 'primary' });
  }

  vanished(): void {}

  expired(job: SimJob): void {
    this.market.end(job, null);
  }

  private close(jobs: SimJob[]): SimJob[] {
    const bids = this.asked.filter(({ prover }) => this.market.isUp(prover)).map((offer) => ({ offer, wonInRound: 0 }));
    return jobs.filter((job) => {
      const sale = this.sell(job, bids);
      if (!sale) return true;
      sale.bid.wonInRound += 1;
      this.priceWei.set(job, sale.priceWei);
      this.market.assign(job, sale.bid.offer.prover);
      return false;
    });
  }

  private sell(job: SimJob, bids: readonly Bid[]): Sale | null {
    let winner: Bid | null = null;
    for (const bid of bids) {
      if (!this.canTake(bid, job)) continue;
      if (!winner) winner = bid;
      else if (bid.offer.prover.owner !== winner.offer.prover.owner)
        return { bid: winner, priceWei: this.priceOf(winner, bid.offer.priceWei) };
      if (this.rule === 'cheapestBid') return { bid: winner, priceWei: winner.offer.priceWei };
    }
    return winner && { bid: winner, priceWei: this.priceOf(winner, this.maxWei) };
  }

  private priceOf(winner: Bid, secondWei: number): number {
    return this.rule === 'cheapestBid' ? winner.offer.priceWei : secondWei;
  }

  private canTake({ offer: { prover, maxJobs, promisedMs }, wonInRound }: Bid, job: SimJob): boolean {
    if (wonInRound >= maxJobs) return false;
    return (
      this.market.workshopOf(prover).promisedFinishMs(promisedMs) <=
      job.deadlineMs - DEFAULT_PARAMETERS.deliveryMarginMs
    );
  }
}
