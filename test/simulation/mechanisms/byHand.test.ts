import { describe, expect, it } from 'vitest';
import { AllPayRace } from '../../../coordinator/simulator/mechanisms/allPayRace.js';
import { LowestBid } from '../../../coordinator/simulator/mechanisms/lowestBid.js';
import { RandomFallback } from '../../../coordinator/simulator/mechanisms/randomFallback.js';
import { ReverseDutch } from '../../../coordinator/simulator/mechanisms/reverseDutch.js';
import { shadedBids } from '../../../coordinator/simulator/mechanisms/shading.js';
import { DEADLINE_MS, FAILING, netWei, proverOf, runOneJob, SEED_LOST } from './tinyMarket.js';

const MAX_WEI = 5_000_000;
const RELIABLE = [proverOf(0, 1_020_000), proverOf(1, 1_200_000), proverOf(2, 1_980_000)];
/** The cheapest of these vanishes. */
const UNRELIABLE = [proverOf(0, 360_000, { failing: FAILING }), proverOf(1, 1_980_000), proverOf(2, 2_100_000)];

describe('the cheapest bid', () => {
  it('wins and is paid what it asked, which lies between its cost and the max price', () => {
    const market = runOneJob(RELIABLE, 1, (open) => new LowestBid(open, 'cheapestBid'));
    const [asked] = shadedBids([1_020_000, 1_200_000, 1_980_000], 3, MAX_WEI);
    expect(market.jobs[0]!.deliveredBy?.prover.index).toBe(0);
    expect(asked).toBeGreaterThan(1_020_000);
    expect(asked).toBeLessThan(MAX_WEI);
    expect([netWei(market, 'requester'), netWei(market, 0)]).toEqual([-asked!, asked]);
  });

  it('is awarded at the end of the first window', () => {
    const market = runOneJob(RELIABLE, 1, (open) => new LowestBid(open, 'cheapestBid'));
    expect(market.jobs[0]!.awardedMs).toBe(2_000);
  });

  it('leaves a miss and no payment when it vanishes, because nobody steps in', () => {
    const market = runOneJob(UNRELIABLE, SEED_LOST, (open) => new LowestBid(open, 'cheapestBid'));
    expect(market.jobs[0]).toMatchObject({ deliveredBy: null, endedMs: DEADLINE_MS });
    expect(netWei(market, 'requester')).toBe(0);
  });
});

describe('the second price', () => {
  it('pays the winner what the second asked, a reveal window later', () => {
    const market = runOneJob(RELIABLE, 1, (open) => new LowestBid(open, 'secondPrice'));
    expect(netWei(market, 0)).toBe(1_200_000);
    expect(market.jobs[0]!.awardedMs).toBe(4_000);
  });
});

describe('the reverse Dutch auction', () => {
  it('is locked at the first step of the price that the cheapest accepts', () => {
    const market = runOneJob(RELIABLE, 1, (open) => new ReverseDutch(open));
    const [asked] = shadedBids([1_020_000, 1_200_000, 1_980_000], 3, MAX_WEI);
    const step = MAX_WEI / 40;
    expect(netWei(market, 0)).toBe(Math.ceil(asked! / step) * step);
  });

  it('burns half of a lost collateral, gives half to the rescuer and costs the requester nothing', () => {
    const market = runOneJob(UNRELIABLE, SEED_LOST, (open) => new ReverseDutch(open));
    const { works, deliveredBy, endedMs } = market.jobs[0]!;
    expect(works[0]!.prover.index).toBe(0);
    expect(deliveredBy!.prover.index).not.toBe(0);
    expect(endedMs).toBeGreaterThan(0.55 * DEADLINE_MS);
    expect([netWei(market, 0), netWei(market, deliveredBy!.prover.index)]).toEqual([-MAX_WEI, MAX_WEI / 2]);
    expect([netWei(market, 'burnt'), netWei(market, 'requester')]).toEqual([MAX_WEI / 2, 0]);
  });
});

describe('the random assignment', () => {
  it('pays the posted price, at which a fifth of the capacity is willing', () => {
    const market = runOneJob(RELIABLE, 1, (open) => new RandomFallback(open));
    expect(market.jobs[0]!.deliveredBy?.prover.index).toBe(0);
    expect(netWei(market, 0)).toBe(1_020_000);
  });

  it('draws another prover at half of the time', () => {
    const failing = { failing: FAILING };
    const provers = [proverOf(0, 60_000, failing), proverOf(1, 60_000, failing)];
    const market = runOneJob(provers, seedOfFirstLost(provers), (open) => new RandomFallback(open));
    const [first, second] = market.jobs[0]!.works;
    expect(first!.state).toBe('vanished');
    expect(second!.startedMs).toBe(DEADLINE_MS / 2);
    expect(second!.prover).not.toBe(first!.prover);
  });
});

describe('the all-pay race', () => {
  it('is entered while it pays, and pays one prize to the first', () => {
    const market = runOneJob(RELIABLE, 1, (open) => new AllPayRace(open));
    const { works, deliveredBy } = market.jobs[0]!;
    expect(works.length).toBeGreaterThan(0);
    const prizeWei = Math.round(1.33 * 1_020_000);
    expect(netWei(market, deliveredBy!.prover.index)).toBe(prizeWei);
    expect(netWei(market, 'requester')).toBe(-prizeWei);
  });
});

describe('bids of provers that are paid their bids', () => {
  it('follow the equilibrium for evenly spread costs: one part in n + 1 of what is left to the max price', () => {
    const costs = Array.from({ length: 999 }, (_, index) => (index + 1) * 1_000);
    const bids = shadedBids(costs, 4, 1_000_000);
    for (const at of [0, 300, 700]) expect(bids[at]! / (costs[at]! + (1_000_000 - costs[at]!) / 5)).toBeCloseTo(1, 2);
  });

  it('never fall below cost, nor rise above the max price, nor change the order', () => {
    const bids = shadedBids([30, 10, 70, 120], 2, 100);
    expect(bids[3]).toBe(120);
    expect(bids[1]).toBeGreaterThan(10);
    expect(bids[1]).toBeLessThanOrEqual(bids[0]!);
    expect(bids[2]).toBeLessThanOrEqual(100);
  });
});

/** A seed under which whoever is drawn first loses the job. */
function seedOfFirstLost(provers: Parameters<typeof runOneJob>[0]): number {
  for (let seed = 0; ; seed += 1) {
    const market = runOneJob(provers, seed, (open) => new RandomFallback(open));
    if (market.jobs[0]!.works[0]!.willVanish) return seed;
  }
}
