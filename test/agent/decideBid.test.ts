import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PLAIN_COSTS } from '#agent/bidding/costModel.js';
import { type BidInput, decideBid, type Pricing } from '#agent/bidding/decideBid.js';
import { ANY_WORK } from '#agent/bidding/priceOverride.js';
import { bidFlaw } from '#market/commands/placeBid.js';
import { finishAtMs } from '#market/load.js';
import { bondMaxWei } from '#protocol/bonds.js';
import { bidSchema } from '#protocol/messages.js';
import { DEFAULT_PARAMETERS } from '#protocol/parameters.js';
import type { Address } from '#protocol/units.js';
import { BLOCK_ID, OTHER } from './agentFixtures.js';

const REQUESTER: Address = `0x${'0e'.repeat(20)}`;
const PRICING: Pricing = {
  ...PLAIN_COSTS,
  ...ANY_WORK,
  pricePerSecondWei: 1_000n,
  strategy: 'cost-plus',
  maxBondWei: null,
};

const input = (more: Partial<BidInput> = {}, round: Partial<BidInput['round']> = {}): BidInput => ({
  round: {
    roundId: `${BLOCK_ID}.r0`,
    circuitId: `0x${'cc'.repeat(32)}`,
    jobIds: Array.from({ length: 32 }, (_, i) => `${BLOCK_ID}.${i}`),
    parametersVersion: 1,
    sealing: 'receipt',
    maxPriceWei: '1000000',
    deadlineMs: 103_000,
    closesAtMs: 1_000,
    ...round,
  },
  prover: OTHER,
  request: { requester: REQUESTER, pricing: 'vickrey', maxPriceWei: 1_000_000n },
  pricing: PRICING,
  circuitName: 'transferRollup',
  odds: { calledPpm: 50_000, missedPpm: 50_000 },
  cleared: [],
  atRiskWei: 0n,
  promisedMs: 10_000,
  slots: 1,
  committedMs: 0,
  freeWei: 10n ** 18n,
  parameters: DEFAULT_PARAMETERS,
  nowMs: 500,
  salt: `0x${'5a'.repeat(32)}`,
  ...more,
});
const codeOf = (more: Partial<BidInput>, round: Partial<BidInput['round']> = {}) => {
  const decision = decideBid(input(more, round));
  return decision.ok ? 'bid' : decision.code;
};

describe('the decision to bid', () => {
  it.each([
    ['circuitUnknown', { promisedMs: null }, {}],
    ['roundClosed', { nowMs: 1_000 }, {}],
    ['tooLittleTime', {}, { deadlineMs: 12_999 }],
    ['tooLittleTime', { committedMs: 90_001 }, {}],
    ['aboveMaxPrice', {}, { maxPriceWei: '9999' }],
    ['noBond', { freeWei: 2_099_999n }, {}],
    ['bid', { freeWei: 2_100_000n }, {}],
    [
      'noBond',
      { freeWei: 2_100_000n, request: { requester: REQUESTER, pricing: 'first', maxPriceWei: 1_000_001n } },
      {},
    ],
    ['notWanted', { pricing: { ...PRICING, denyRequesters: [REQUESTER] } }, {}],
    ['notWanted', { pricing: { ...PRICING, allowRequesters: [OTHER] } }, {}],
    ['notWanted', { pricing: { ...PRICING, denyCircuits: ['transferRollup'] } }, {}],
    ['notWanted', { pricing: { ...PRICING, allowCircuits: ['another'] } }, {}],
    ['bid', { pricing: { ...PRICING, allowCircuits: ['transferRollup'], allowRequesters: [REQUESTER] } }, {}],
    ['bondAtRisk', { pricing: { ...PRICING, maxBondWei: 2_099_999n } }, {}],
    ['bondAtRisk', { pricing: { ...PRICING, maxBondWei: 3_000_000n }, atRiskWei: 900_001n }, {}],
    ['bid', { pricing: { ...PRICING, maxBondWei: 3_000_000n }, atRiskWei: 900_000n }, {}],
    ['bid', {}, { deadlineMs: 13_000 }],
    ['bid', { committedMs: 90_000 }, {}],
  ] as const)('says %s where it should', (code, more, round) => {
    expect(codeOf(more, round)).toBe(code);
  });

  it('offers as many jobs as fit behind what is held, in every slot', () => {
    const jobs = (more: Partial<BidInput>) => {
      const decision = decideBid(input(more));
      return decision.ok ? decision.bid.maxJobs : 0;
    };
    expect(jobs({})).toBe(10);
    expect(jobs({ committedMs: 30_000 })).toBe(7);
    expect(jobs({ slots: 2 })).toBe(19);
    expect(jobs({ promisedMs: 100 })).toBe(32);
  });

  it('never asks above the max price to stand by', () => {
    const decision = decideBid(input({ pricing: { ...PRICING, priceWei: 1n, standbyWei: 2_000_000n } }));
    expect(decision.ok && decision.bid.standbyWei).toBe('1000000');
  });

  it('makes only bids that the market takes, and whose last job the market finds in time', () => {
    const arbitrary = fc.record({
      promisedMs: fc.integer({ min: 1, max: 100_000 }),
      slots: fc.integer({ min: 1, max: 8 }),
      committedMs: fc.integer({ min: 0, max: 500_000 }),
      freeWei: fc.bigInt({ min: 0n, max: 10n ** 19n }),
    });
    fc.assert(
      fc.property(arbitrary, fc.integer({ min: 1_001, max: 400_000 }), (more, deadlineMs) => {
        const { round, ...rest } = input(more, { deadlineMs });
        const decision = decideBid({ round, ...rest });
        if (!decision.ok) return;
        expect(bidSchema.safeParse(decision.bid).success).toBe(true);
        expect(bidFlaw(decision.bid, { ...round, maxPriceWei: BigInt(round.maxPriceWei) } as never)).toBeNull();
        expect(rest.freeWei >= bondMaxWei(BigInt(round.maxPriceWei), DEFAULT_PARAMETERS)).toBe(true);
        const before = rest.committedMs + (decision.bid.maxJobs - 1) * rest.promisedMs!;
        const load = { runningMs: before, standbyMs: 0, slots: rest.slots };
        const finishMs = finishAtMs(load, round.closesAtMs, rest.promisedMs!);
        expect(finishMs).toBeLessThanOrEqual(deadlineMs - DEFAULT_PARAMETERS.deliveryMarginMs);
      }),
    );
  });

  it('never lets bonds come to more than the operator risks, and offers more jobs the more that is', () => {
    const wei = fc.bigInt({ min: 0n, max: 10n ** 8n });
    const jobs = (maxBondWei: bigint, atRiskWei: bigint) => {
      const decision = decideBid(input({ pricing: { ...PRICING, maxBondWei }, atRiskWei }));
      if (decision.ok) expect(atRiskWei + decision.bondsWei <= maxBondWei).toBe(true);
      const perJobWei = bondMaxWei(1_000_000n, DEFAULT_PARAMETERS);
      if (decision.ok) expect(decision.bondsWei).toBe(perJobWei * BigInt(decision.bid.maxJobs));
      return decision.ok ? decision.bid.maxJobs : 0;
    };
    fc.assert(
      fc.property(wei, wei, wei, (cap, atRisk, more) => {
        expect(jobs(cap + more, atRisk)).toBeGreaterThanOrEqual(jobs(cap, atRisk));
        expect(jobs(cap, atRisk + more)).toBeLessThanOrEqual(jobs(cap, atRisk));
      }),
    );
  });

  it('gives the figures with a no', () => {
    expect(decideBid(input({}, { maxPriceWei: '9999' }))).toMatchObject({
      code: 'aboveMaxPrice',
      figures: { priceWei: '10000', costWei: '10000', maxPriceWei: '9999' },
    });
    expect(decideBid(input({ committedMs: 90_001 }))).toMatchObject({
      code: 'tooLittleTime',
      figures: { promisedMs: 10_000, committedMs: 90_001, leftMs: 100_000 },
    });
  });

  it('asks its bare cost where the market sets the price, when it is adaptive', () => {
    const asked = (more: Partial<Pricing>) => {
      const decision = decideBid(input({ pricing: { ...PRICING, marginPercent: 25, ...more } }));
      return decision.ok && decision.bid.priceWei;
    };
    expect(asked({})).toBe('12500');
    expect(asked({ strategy: 'adaptive' })).toBe('10000');
  });
});
