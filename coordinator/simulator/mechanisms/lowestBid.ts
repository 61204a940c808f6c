/**
 * Two mechanisms without cover. `cheapestBid`: each job to the lowest bid that can be in time, which is paid its bid.
 * `secondPrice`: bids are committed first and opened then, which takes another window; the winner is paid the second
 * lowest bid. Whoever does not deliver is not paid, and nobody steps in.
 */
import { DEFAULT_PARAMETERS } from '#protocol/parameters.js';
import { breakEvenWei, type Prover } from './population.js';
import { holdRounds } from './retryRounds.js';
import { BID_WINDOWS_MS, MEDIAN_COST_WEI } from './scenario.js';
import { rivalsOf, shadedBids } from './shading.js';
import type { Mechanism, SimJob, SimMarket, SimWork } from './simMarket.js';

interface Bid {
  prover: Prover;
  bidWei: number;
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
  private readonly asked: readonly { prover: Prover; bidWei: number }[];
  private readonly priceWei = new Map<SimJob, number>();

  constructor(market: SimMarket, rule: 'cheapestBid' | 'secondPrice') {
    this.market = market;
    this.rule = rule;
    this.maxWei = market.scenario.maxPriceTimes * MEDIAN_COST_WEI;
    const { provers, scenario } = market;
    const own = provers.map((prover) => breakEvenWei(prover, 0));
    const bids = rule === 'cheapestBid' ? shadedBids(own, rivalsOf(scenario, provers), this.maxWei) : own;
    this.asked = provers
      .map((prover, index) => ({ prover, bidWei: bids[index]! }))
      .filter(({ bidWei }) => bidWei <= this.maxWei)
      .sort((a, b) => a.bidWei - b.bidWei || a.prover.index - b.prover.index);
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
    const bids = this.asked
      .filter(({ prover }) => this.market.isUp(prover))
      .map((asked) => ({ ...asked, wonInRound: 0 }));
    return jobs.filter((job) => {
      const sale = this.sell(job, bids);
      if (!sale) return true;
      sale.bid.wonInRound += 1;
      this.priceWei.set(job, sale.priceWei);
      this.market.assign(job, sale.bid.prover);
      return false;
    });
  }

  private sell(job: SimJob, bids: readonly Bid[]): Sale | null {
    let winner: Bid | null = null;
    for (const bid of bids) {
      if (!this.canTake(bid, job)) continue;
      if (!winner) winner = bid;
      else if (bid.prover.owner !== winner.prover.owner)
        return { bid: winner, priceWei: this.priceOf(winner, bid.bidWei) };
      if (this.rule === 'cheapestBid') return { bid: winner, priceWei: winner.bidWei };
    }
    return winner && { bid: winner, priceWei: this.priceOf(winner, this.maxWei) };
  }

  private priceOf(winner: Bid, secondWei: number): number {
    return this.rule === 'cheapestBid' ? winner.bidWei : secondWei;
  }

  private canTake({ prover, wonInRound }: Bid, job: SimJob): boolean {
    if (wonInRound >= this.market.scenario.jobsPerBid) return false;
    return this.market.workshopOf(prover).promisedFinishMs() <= job.deadlineMs - DEFAULT_PARAMETERS.deliveryMarginMs;
  }
}
