import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { adaptivePriceWei, CLEARED_MIN } from '#agent/bidding/adaptivePrice.js';
import { BondsAtRisk } from '#agent/bidding/bondsAtRisk.js';
import { type Clearing, winningWei } from '#agent/bidding/clearedPrices.js';
import { type CostSettings, PLAIN_COSTS, pricesOf, ratesOf } from '#agent/bidding/costModel.js';
import { StandbyRecord, standbyPriceWei } from '#agent/bidding/standbyPrice.js';
import type { Address } from '#protocol/units.js';
import { BLOCK_ID, OTHER, sideOf } from './agentFixtures.js';

const CIRCUIT = `0x${'cc'.repeat(32)}`;
const REQUESTER: Address = `0x${'0e'.repeat(20)}`;
const costs = (more: Partial<CostSettings> = {}): CostSettings => ({ ...PLAIN_COSTS, ...more });
const work = (promisedMs: number, slots = 1) => {
  return { circuitId: CIRCUIT, circuitName: 'transferRollup', requester: REQUESTER, promisedMs, slots };
};

const wei = fc.bigInt({ min: 0n, max: 10n ** 18n });
const anyCosts = fc.record({
  pricePerSecondWei: wei,
  priceWei: fc.option(wei),
  standbyWei: fc.constant(null),
  fixedWei: wei,
  marginPercent: fc.double({ min: 0, max: 500, noNaN: true }),
  minPriceWei: wei,
  weiPerMoney: fc.option(wei),
  powerWatts: fc.double({ min: 0, max: 5_000, noNaN: true }),
  moneyPerKwh: fc.double({ min: 0, max: 10, noNaN: true }),
  hardwarePerMonth: fc.double({ min: 0, max: 10_000, noNaN: true }),
  rentPerMonth: fc.double({ min: 0, max: 10_000, noNaN: true }),
  busyPercent: fc.double({ min: 0.1, max: 100, noNaN: true }),
  overrides: fc.constant({}),
});
const anyMs = fc.integer({ min: 1, max: 3_600_000 });

describe('the cost model', () => {
  it('adds a fixed part, time and margin, and asks the minimum at least', () => {
    const prices = (more: Partial<CostSettings>) =>
      pricesOf(costs({ pricePerSecondWei: 1_000n, ...more }), work(10_001));
    expect(prices({})).toEqual({ costWei: 10_001n, energyWei: 0n, priceWei: 10_001n });
    expect(prices({ fixedWei: 99n, marginPercent: 10 })).toEqual({
      costWei: 10_100n,
      energyWei: 0n,
      priceWei: 11_110n,
    });
    expect(prices({ minPriceWei: 50_000n })).toMatchObject({ priceWei: 50_000n });
    expect(prices({ priceWei: 7n, marginPercent: 10 })).toMatchObject({ costWei: 7n, priceWei: 7n });
  });

  it('works out a second from electricity, hardware and rent in the operator’s money', () => {
    const settings = costs({
      weiPerMoney: 10n ** 18n,
      powerWatts: 360,
      moneyPerKwh: 0.1,
      hardwarePerMonth: 18,
      rentPerMonth: 7.92,
      busyPercent: 50,
    });
    // 360 W for a second are a ten-thousandth of a kWh; 25.92 a month are a 100,000th a second, twice that when half busy.
    const [energyWei, standingWei] = [10n ** 13n, 2n * 10n ** 13n];
    expect(ratesOf(settings, 1)).toEqual({ perSecondWei: energyWei + standingWei, energyPerSecondWei: energyWei });
    expect(ratesOf(settings, 2)).toEqual({
      perSecondWei: (energyWei + standingWei) / 2n,
      energyPerSecondWei: energyWei / 2n,
    });
    expect(pricesOf(settings, work(2_000))).toMatchObject({ energyWei: 2n * energyWei });
  });

  it('takes what is said of circuit and requester together before requester, circuit, and all', () => {
    const overrides = {
      both: { circuit: 'transferRollup', requester: REQUESTER, priceWei: 1n },
      requester: { requester: REQUESTER, priceWei: 2n, marginPercent: 5 },
      circuit: { circuit: CIRCUIT, priceWei: 3n },
      others: { requester: OTHER, priceWei: 4n },
    };
    const priced = (more: object) => pricesOf(costs({ priceWei: 5n, overrides }), { ...work(1), ...more }).priceWei;
    expect(priced({})).toBe(1n);
    expect(priced({ circuitId: 'another', circuitName: 'another' })).toBe(2n);
    expect(priced({ requester: null })).toBe(3n);
    expect(priced({ requester: OTHER, circuitId: 'another', circuitName: 'another' })).toBe(4n);
    expect(priced({ requester: null, circuitId: 'another', circuitName: 'another' })).toBe(5n);
  });

  it('lets a price by time that is said of some work replace a fixed price and costs in money there', () => {
    const overrides = { one: { requester: REQUESTER, pricePerSecondWei: 9n } };
    const settings = costs({ priceWei: 5n, weiPerMoney: 10n ** 18n, rentPerMonth: 100, overrides });
    expect(pricesOf(settings, work(1_000)).priceWei).toBe(9n);
  });

  it('never asks below cost or minimum, and asks no less for more time', () => {
    fc.assert(
      fc.property(anyCosts, anyMs, anyMs, fc.integer({ min: 1, max: 64 }), (settings, ms, moreMs, slots) => {
        const { costWei, energyWei, priceWei } = pricesOf(settings, work(ms, slots));
        expect(priceWei >= costWei && costWei >= settings.minPriceWei && costWei >= energyWei).toBe(true);
        expect(pricesOf(settings, work(ms + moreMs, slots)).priceWei >= priceWei).toBe(true);
      }),
    );
  });
});

describe('the price to stand by', () => {
  const price = (more: object = {}, chances: object = {}) =>
    standbyPriceWei(
      { priceWei: 100_000n, energyWei: 20_000n, ...more },
      { odds: { calledPpm: 100_000, missedPpm: 200_000 }, busyPercent: 25, damageWei: 50_000n, ...chances },
    );

  it('is what the slot kept free would have earned, and the damage of a miss, each by its chance', () => {
    // 0.9 * 0.25 * 80,000 + 0.1 * 0.2 * 50,000
    expect(price()).toBe(19_000n);
    expect(price({}, { odds: { calledPpm: 0, missedPpm: 1_000_000 } })).toBe(20_000n);
    expect(price({}, { odds: { calledPpm: 1_000_000, missedPpm: 0 } })).toBe(0n);
  });

  it('is close to a twentieth of the price for an agent that nothing else is known of', () => {
    const { odds } = new StandbyRecord();
    const plain = price({ energyWei: 0n }, { odds, busyPercent: PLAIN_COSTS.busyPercent });
    expect(plain).toBeGreaterThan(4_500n);
    expect(plain).toBeLessThan(5_500n);
  });

  it('rises with price, load and damage, and falls with the energy that is not spent', () => {
    const some = fc.bigInt({ min: 0n, max: 10n ** 12n });
    fc.assert(
      fc.property(some, some, fc.integer({ min: 1, max: 99 }), (a, b, busyPercent) => {
        const base = { priceWei: a, energyWei: 0n };
        const chances = { busyPercent, damageWei: b };
        expect(price({ ...base, priceWei: a + b }, chances) >= price(base, chances)).toBe(true);
        expect(price(base, { ...chances, busyPercent: 100 }) >= price(base, chances)).toBe(true);
        expect(price(base, { ...chances, damageWei: a + b }) >= price(base, chances)).toBe(true);
        expect(price({ ...base, energyWei: b }, chances) <= price(base, chances)).toBe(true);
      }),
    );
  });

  it('learns from how standing by went', () => {
    const record = new StandbyRecord();
    for (let i = 0; i < 30; i += 1) record.stood();
    for (let i = 0; i < 9; i += 1) record.called();
    record.missed();
    expect(record.odds).toEqual({ calledPpm: 200_000, missedPpm: Math.round((2 / 29) * 1_000_000) });
  });
});

describe('the adaptive price', () => {
  const of = (...wei: number[]) => wei.map((one) => ({ winningWei: BigInt(one) }));
  const terms = { costWei: 100n, priceWei: 120n, maxPriceWei: 1_000n };

  it('is the ordinary one until enough rounds are known', () => {
    expect(adaptivePriceWei(of(...Array(CLEARED_MIN - 1).fill(500)), terms)).toBe(120n);
  });

  it('rises to what the market has paid, and comes down to its cost at most', () => {
    expect(adaptivePriceWei(of(...Array(10).fill(500)), terms)).toBe(500n);
    expect(adaptivePriceWei(of(...Array(10).fill(110)), terms)).toBe(110n);
    expect(adaptivePriceWei(of(...Array(10).fill(50)), terms)).toBe(120n);
    expect(adaptivePriceWei(of(...Array(10).fill(5_000)), terms)).toBe(1_000n);
  });

  it('weighs what it earns against how often it would have won', () => {
    // 400 in a third of the rounds earns more than 150 in all of them; 160 does not.
    expect(adaptivePriceWei(of(400, 150, 150, 400, 150, 150, 400, 150, 150), terms)).toBe(400n);
    expect(adaptivePriceWei(of(160, 150, 150, 160, 150, 150, 160, 150, 150), terms)).toBe(150n);
  });

  it('is never below cost', () => {
    const rounds = fc.array(fc.record({ winningWei: wei }), { maxLength: 60 });
    fc.assert(
      fc.property(rounds, wei, wei, wei, (cleared, costWei, margin, maxPriceWei) => {
        const asked = adaptivePriceWei(cleared, { costWei, priceWei: costWei + margin, maxPriceWei });
        expect(asked >= costWei).toBe(true);
      }),
    );
  });
});

describe('what a cleared round shows', () => {
  const prover = (index: number): Address => `0x${String(index).padStart(2, '0').repeat(20)}`;
  const [me, dear, cheap] = [prover(1), prover(2), prover(3)];
  const bid = (by: Address, priceWei: number, maxJobs = 1) => ({
    message: {
      ...{ roundId: `${BLOCK_ID}.r0`, prover: by, priceWei: String(priceWei), standbyWei: '1', maxJobs },
      ...{ maxConcurrent: 1, provingMsP95: 1, expiresAtMs: 1, salt: `0x${'00'.repeat(32)}` as const },
    },
    signature: `0x${'00'.repeat(65)}` as const,
  });
  const side = (by: Address, priceBidWei: number) => {
    const { owner, bondWei, provingMsP95, slots, promisedMs, freeFromMs, missPpm } = sideOf(by);
    const times = { provingMsP95, slots, promisedMs, freeFromMs, missPpm };
    return { prover: by, owner, bondWei, priceBidWei: String(priceBidWei), ...times };
  };
  const award = (by: Address, priceBidWei: number): Clearing['awards'][number] => ({
    ...{ jobId: `${BLOCK_ID}.0`, primary: side(by, priceBidWei), backup: null, priceWei: String(priceBidWei) },
    ...{ standbyFeeWei: '0', primaryDueMs: 1, backupStartMs: null, unmet: [] },
  });
  const won = { code: 'wonPrimary', primaryJobs: 1 } as const;

  it('is just below the dearest winner for who did not bid', () => {
    const round = { bids: [bid(dear, 9), bid(cheap, 4)], awards: [award(dear, 9), award(cheap, 4)] };
    expect(winningWei({ ...round, explanations: [won, won], unawarded: [] }, me, 50n)).toBe(8n);
  });

  it('is its own price less what it was too dear by, for who lost', () => {
    const round = { bids: [bid(me, 30), bid(cheap, 400)], awards: [award(cheap, 400)], unawarded: [] };
    const tooDear = { code: 'outbid', seat: 'primary', byWei: '12' } as const;
    expect(winningWei({ ...round, explanations: [tooDear, won] }, me, 50n)).toBe(17n);
    const notWorthIt = { code: 'notWorthIt', costWei: '33', missCostWei: '30' } as const;
    expect(winningWei({ ...round, explanations: [notWorthIt, won] }, me, 50n)).toBe(26n);
    const asBackup = { code: 'outbid', seat: 'backup', byWei: '12' } as const;
    expect(winningWei({ ...round, explanations: [asBackup, won] }, me, 50n)).toBe(27n);
    const stoodBy = { code: 'wonBackup', backupJobs: 1 } as const;
    expect(winningWei({ ...round, explanations: [stoodBy, won] }, me, 50n)).toBe(27n);
  });

  it('leaves a winner room up to the closest of the others, or to all that the round pays', () => {
    const bids = [bid(me, 3), bid(cheap, 7), bid(dear, 9)];
    const round = { bids, awards: [award(me, 3)], unawarded: [] };
    const by = (wei: number) => ({ code: 'outbid', seat: 'primary', byWei: String(wei) }) as const;
    expect(winningWei({ ...round, explanations: [won, by(5), by(6)] }, me, 50n)).toBe(7n);
    const late = { code: 'notInTime', finishMs: 2, dueMs: 1 } as const;
    expect(winningWei({ ...round, explanations: [won, late, late] }, me, 50n)).toBe(50n);
    const both = { ...round, awards: [award(me, 3), award(cheap, 7)] };
    expect(winningWei({ ...both, explanations: [won, won, late] }, me, 50n)).toBe(50n);
    const roomy = { ...both, bids: [bid(me, 3), bid(cheap, 7, 2), bid(dear, 9)] };
    expect(winningWei({ ...roomy, explanations: [won, won, late] }, me, 50n)).toBe(6n);
  });

  it('is all that the round pays where jobs were left over, and nothing where none was worth its cost', () => {
    const left = (reason: 'noCapacity' | 'notWorthIt') => ({
      ...{ bids: [bid(cheap, 4)], awards: [award(cheap, 4)], explanations: [won] },
      unawarded: [{ jobId: `${BLOCK_ID}.1`, reason }],
    });
    expect(winningWei(left('noCapacity'), me, 50n)).toBe(50n);
    expect(winningWei(left('notWorthIt'), me, 50n)).toBeNull();
  });
});

describe('bonds at risk', () => {
  it('count a bid from before it is sent until an account shows what became of it', () => {
    const bonds = new BondsAtRisk();
    const before = bonds.mark();
    bonds.reserve('r0', 10n);
    bonds.reserve('r1', 5n);
    expect(bonds.openWei(before)).toBe(15n);
    expect(bonds.openWei(before, 'r1')).toBe(10n);
    bonds.release('r0');
    expect(bonds.openWei(before)).toBe(15n);
    expect(bonds.openWei(bonds.mark())).toBe(5n);
    bonds.reserve('r2', 2n);
    expect(bonds.openWei(bonds.mark())).toBe(7n);
  });

  it('count a bid that was taken until the one that takes its place is', () => {
    const bonds = new BondsAtRisk();
    bonds.reserve('r0', 10n);
    bonds.accept('r0');
    bonds.reserve('r0', 4n);
    expect(bonds.openWei(bonds.mark())).toBe(10n);
    bonds.refuse('r0');
    expect(bonds.openWei(bonds.mark())).toBe(10n);
    bonds.reserve('r0', 4n);
    bonds.accept('r0');
    expect(bonds.openWei(bonds.mark())).toBe(4n);
    bonds.reserve('r1', 5n);
    bonds.refuse('r1');
    expect(bonds.openWei(bonds.mark())).toBe(4n);
  });
});
