import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Candidate, type ClearingInput, clear } from '#market/clear.js';
import { closeRound } from '#market/commands/closeRound.js';
import type { Award } from '#protocol/entries.js';
import { DEFAULT_PARAMETERS } from '#protocol/parameters.js';
import { ETH, MarketDriver, MemoryExecutor, party } from '../setup/marketDriver.js';
import { afterWay, ClearingModel, type Way, type Won, waysOf } from './clearingModel.js';
import { addressOf, candidate, MAX_WEI, PLAIN, round, roundArbitrary, tieOf } from './clearingRounds.js';

/** A run that fails prints its seed and path. */
const check = <Ts>(property: fc.IProperty<Ts>, numRuns: number): void => fc.assert(property, { numRuns });

const awardOf = (input: ClearingInput) => clear(input).awards[0]!;
const reasonOf = (input: ClearingInput) => clear(input).unawarded[0]?.reason;
const sidesOf = ({ primary, backup }: Award) => (backup ? [primary, backup] : [primary]);

const anyRound = roundArbitrary({ jobsMax: 7, provers: 7 });
const smallRound = roundArbitrary({ jobsMax: 4, provers: 6 });
const largeRound = roundArbitrary({ jobsMin: 5, jobsMax: 8, provers: 7 });
const fastestRound = roundArbitrary({ jobsMax: 8, provers: 7, fastest: true });

/** The order in which the ways to sell the next job are preferred. */
function byPreference(input: ClearingInput) {
  const isFastest = input.policy.award === 'fastest';
  const tie = (at: number) => (at < 0 ? '' : tieOf(input, at));
  return (a: Way, b: Way): number => {
    const byTime = isFastest ? a.unmet.length - b.unmet.length || a.finishMs - b.finishMs : 0;
    if (byTime !== 0) return byTime;
    if (a.charged !== b.charged) return a.charged < b.charged ? -1 : 1;
    if (a.primary !== b.primary) return tie(a.primary) < tie(b.primary) ? -1 : 1;
    if (a.backup !== b.backup) return tie(a.backup) < tie(b.backup) ? -1 : 1;
    return (b.startMs ?? 0) - (a.startMs ?? 0);
  };
}

describe('rounds that are sold job by job', () => {
  it('fastest: every job goes to the best of all ways that are left', () => {
    let sold = 0;
    const property = fc.property(fastestRound, (input) => {
      const model = new ClearingModel(input);
      let won = input.candidates.map((): Won => [0, 0]);
      const { awards, unawarded } = clear(input);
      expect([...awards, ...unawarded].map(({ jobId }) => jobId)).toEqual(input.jobIds);
      for (const award of awards) {
        const best = model.waysAfter(won).sort(byPreference(input))[0]!;
        expect(model.wayOf(award, won)).toEqual(best);
        won = afterWay(won, best);
        sold += 1;
      }
      if (unawarded.length > 0) expect(model.waysAfter(won)).toEqual([]);
    });
    check(property, 2_000);
    expect(sold).toBeGreaterThan(1_000);
  });

  it('large: costs no more than if every job went to the best of all ways that are left', () => {
    let [improved, same] = [0, 0];
    const property = fc.property(largeRound, (input) => {
      const model = new ClearingModel(input);
      const { awards, unawarded } = clear(input);
      expect([...awards, ...unawarded].map(({ jobId }) => jobId)).toEqual(input.jobIds);
      const cost = costOf(model, waysOf(model, awards));
      let won = input.candidates.map((): Won => [0, 0]);
      const oneByOne: Way[] = [];
      for (let job = 0; job < input.jobIds.length; job += 1) {
        const best = model.waysAfter(won).sort(byPreference(input))[0];
        if (!best) break;
        oneByOne.push(best);
        won = afterWay(won, best);
      }
      const simpleCost = costOf(model, oneByOne);
      expect(cost <= simpleCost).toBe(true);
      if (cost < simpleCost) improved += 1;
      else same += 1;
    });
    check(property, 2_000);
    expect([improved, same].every((count) => count > 50)).toBe(true);
  });
});

function costOf(model: ClearingModel, ways: readonly Way[]): bigint {
  const unsold = BigInt(model.input.jobIds.length - ways.length) * model.nobody;
  return ways.reduce((sum, { charged }) => sum + charged, unsold);
}

describe('every round', () => {
  it('never pays less than the bids, nor more than the max price, nor locks money that is not there', () => {
    const property = fc.property(fc.oneof(anyRound, fastestRound), (input) => {
      const bids = new Map(input.candidates.map((one) => [one.bid.prover, one]));
      const lockedWei = new Map<string, bigint>();
      const taken = new Map<string, number>();
      for (const award of clear(input).awards) {
        const { primary, backup } = award;
        const price = BigInt(award.priceWei);
        const fee = BigInt(award.standbyFeeWei);
        expect(price).toBeGreaterThanOrEqual(BigInt(bids.get(primary.prover)!.bid.priceWei));
        expect(price + fee).toBeLessThanOrEqual(input.maxPriceWei);
        if (backup) expect(fee).toBeGreaterThanOrEqual(BigInt(bids.get(backup.prover)!.bid.standbyWei));
        else expect(fee).toBe(0n);
        expect(backup?.owner).not.toBe(primary.owner);
        const late = 200n;
        expect(BigInt(primary.bondWei)).toBe(MAX_WEI - price + fee + late);
        if (backup) expect(BigInt(backup.bondWei)).toBe(late);
        for (const side of sidesOf(award)) {
          lockedWei.set(side.prover, (lockedWei.get(side.prover) ?? 0n) + BigInt(side.bondWei));
          taken.set(side.prover, (taken.get(side.prover) ?? 0) + 1);
        }
      }
      for (const [prover, { bid, freeWei }] of bids) {
        expect(lockedWei.get(prover) ?? 0n).toBeLessThanOrEqual(freeWei);
        expect(taken.get(prover) ?? 0).toBeLessThanOrEqual(bid.maxJobs);
      }
    });
    check(property, 3_000);
  });

  it('does not depend on the order of the bids', () => {
    const shuffled = fc
      .oneof(anyRound, fastestRound)
      .chain((input) => fc.tuple(fc.constant(input), shuffledOf(input.candidates.map((_, at) => at))));
    const property = fc.property(shuffled, ([input, order]) => {
      const [result, other] = [clear(input), clear({ ...input, candidates: order.map((at) => input.candidates[at]!) })];
      expect(other.awards).toEqual(result.awards);
      expect(other.unawarded).toEqual(result.unawarded);
      expect(other.explanations).toEqual(order.map((at) => result.explanations[at]));
    });
    check(property, 1_500);
  });

  it('does not depend on how dear a bid is that changes nothing by being there', () => {
    // Among newcomers it does not hold: whether they are held to their rule hangs on who bids, at whatever price.
    const oneKind = smallRound.map((input) => ({
      ...input,
      candidates: input.candidates.map((one) => ({ ...one, isNewcomer: false })),
    }));
    const raised = fc.tuple(oneKind, fc.nat(), fc.bigInt(0n, 500n), fc.bigInt(0n, 500n));
    let compared = 0;
    const property = fc.property(raised, ([input, pick, dearerWei, dearerStandbyWei]) => {
      if (input.candidates.length < 2) return;
      const at = pick % input.candidates.length;
      const result = clear(input);
      const without = clear({ ...input, candidates: input.candidates.filter((_, index) => index !== at) });
      if (JSON.stringify(without.awards) !== JSON.stringify(result.awards)) return;
      compared += result.awards.length > 0 ? 1 : 0;
      const { bid } = input.candidates[at]!;
      const priceWei = String(BigInt(bid.priceWei) + dearerWei);
      const standbyWei = String(BigInt(bid.standbyWei) + dearerStandbyWei);
      const candidates = input.candidates.with(at, { ...input.candidates[at]!, bid: { ...bid, priceWei, standbyWei } });
      const { awards, unawarded } = clear({ ...input, candidates });
      expect(awards).toEqual(result.awards);
      expect(unawarded.map(({ jobId }) => jobId)).toEqual(result.unawarded.map(({ jobId }) => jobId));
    });
    check(property, 4_000);
    expect(compared).toBeGreaterThan(100);
  });
});

const shuffledOf = (places: number[]) => fc.shuffledSubarray(places, { minLength: places.length });

/** One job, every prover its own owner, and a miss that costs so little that the max price binds nobody. */
const unboundArbitrary = fc
  .array(
    fc.record({
      priceWei: fc.bigInt(0n, 400n),
      standbyWei: fc.bigInt(0n, 60n),
      missPpm: fc.constantFrom(0, 50_000, 150_000, 300_000),
      provingMsP95: fc.constantFrom(5_000, 20_000, 35_000),
    }),
    { minLength: 1, maxLength: 6 },
  )
  .map((terms) =>
    round(
      terms.map((one, index) => candidate(index, one)),
      1,
      { maxPriceWei: 100_000n, missCostWei: 2_000n },
    ),
  );

/** The round with other prices in the bid at `at`. */
function misstate(input: ClearingInput, at: number, priceWei: bigint, standbyWei: bigint): ClearingInput {
  const honest = input.candidates[at]!;
  const bid = { ...honest.bid, priceWei: String(priceWei), standbyWei: String(standbyWei) };
  return { ...input, candidates: input.candidates.with(at, { ...honest, bid }) };
}

/** What a prover expects to gain, times 10^6, when `honest` holds its true costs. */
function gainPpm(input: ClearingInput, honest: Candidate): bigint {
  const award = clear(input).awards[0];
  const { prover } = honest.bid;
  const costWei = BigInt(honest.bid.priceWei);
  if (award?.primary.prover === prover) return (BigInt(award.priceWei) - costWei) * 1_000_000n;
  if (award?.backup?.prover !== prover) return 0n;
  const called = BigInt(award.primary.missPpm) * (BigInt(award.backup.priceBidWei) - costWei);
  return (BigInt(award.standbyFeeWei) - BigInt(honest.bid.standbyWei)) * 1_000_000n + called;
}

describe('what a bid can do for its bidder (vickrey, one job an owner, max price not binding)', () => {
  it('a winner’s own bid does not set its pay', () => {
    const raised = fc.tuple(unboundArbitrary, fc.bigInt(0n, 500n), fc.bigInt(0n, 80n));
    let stayed = 0;
    const property = fc.property(raised, ([input, priceWei, standbyWei]) => {
      const award = clear(input).awards[0];
      if (!award) return;
      const indexOf = (prover: string) => input.candidates.findIndex(({ bid }) => bid.prover === prover);
      const primaryAt = indexOf(award.primary.prover);
      const { bid } = input.candidates[primaryAt]!;
      const again = clear(misstate(input, primaryAt, priceWei, BigInt(bid.standbyWei))).awards[0];
      if (again?.primary.prover === award.primary.prover) {
        stayed += 1;
        expect(again.priceWei).toBe(award.priceWei);
      }
      if (!award.backup) return;
      const backupAt = indexOf(award.backup.prover);
      const own = input.candidates[backupAt]!.bid;
      const next = clear(misstate(input, backupAt, BigInt(own.priceWei), standbyWei)).awards[0];
      if (next?.backup?.prover === award.backup.prover) expect(next.standbyFeeWei).toBe(award.standbyFeeWei);
    });
    check(property, 1_000);
    expect(stayed).toBeGreaterThan(200);
  });

  it('nor in rounds of several jobs, one an owner', () => {
    const several = fc.tuple(unboundArbitrary, fc.integer({ min: 2, max: 3 })).map(([{ candidates }, jobCount]) =>
      round(
        candidates.map((one) => ({ ...one, bid: { ...one.bid, maxJobs: 1 } })),
        jobCount,
        { maxPriceWei: 100_000n, missCostWei: 2_000n },
      ),
    );
    const raised = fc.tuple(several, fc.nat(), fc.bigInt(0n, 500n), fc.bigInt(0n, 80n));
    let stayed = 0;
    const property = fc.property(raised, ([input, pick, priceWei, standbyWei]) => {
      const at = pick % input.candidates.length;
      const { prover, priceWei: ownWei, standbyWei: ownStandbyWei } = input.candidates[at]!.bid;
      const pay = (result: ClearingInput) => {
        const { awards } = clear(result);
        const primary = awards.find((award) => award.primary.prover === prover);
        const backup = awards.find((award) => award.backup?.prover === prover);
        return primary ? `primary ${primary.priceWei}` : backup ? `backup ${backup.standbyFeeWei}` : null;
      };
      const honest = pay(input);
      if (!honest) return;
      const isPrimary = honest.startsWith('primary');
      const other = isPrimary
        ? misstate(input, at, priceWei, BigInt(ownStandbyWei))
        : misstate(input, at, BigInt(ownWei), standbyWei);
      const again = pay(other);
      if (again?.split(' ')[0] !== honest.split(' ')[0]) return;
      stayed += 1;
      expect(again).toBe(honest);
    });
    check(property, 2_000);
    expect(stayed).toBeGreaterThan(200);
  });

  it('nobody gains by misstating either price', () => {
    const misstated = fc.tuple(unboundArbitrary, fc.nat(), fc.bigInt(0n, 2_500n), fc.bigInt(0n, 500n));
    const property = fc.property(misstated, ([input, pick, priceWei, standbyWei]) => {
      const at = pick % input.candidates.length;
      const honest = input.candidates[at]!;
      const roundingPpm = 1_000_000n;
      const gain = gainPpm(misstate(input, at, priceWei, standbyWei), honest);
      expect(gain).toBeLessThanOrEqual(gainPpm(input, honest) + roundingPpm);
    });
    check(property, 8_000);
  });
});

describe('time', () => {
  it('queues a prover behind itself, and takes no more jobs than fit', () => {
    const alone = round([candidate(0, { provingMsP95: 20_000 })], 5);
    const { awards, unawarded } = clear(alone);
    expect(awards).toHaveLength(3);
    expect(unawarded.map(({ reason }) => reason)).toEqual(['noneInTime', 'noneInTime']);
  });

  it('calls a backup as late as it costs nothing, but early enough for its other duties', () => {
    const cheap = candidate(0, { priceWei: 10n, provingMsP95: 1_000 });
    const backup = candidate(1, { priceWei: 900n, standbyWei: 1n, provingMsP95: 10_000 });
    const { awards } = clear(round([cheap, backup], 4, { missCostWei: 50_000n }));
    expect(awards.map(({ backupStartMs }) => backupStartMs! - round([]).nowMs)).toEqual([
      7_000, 12_000, 17_000, 14_000,
    ]);
  });

  it('proves several at once in a prover’s slots', () => {
    const wide = (slots: number) => round([candidate(0, { provingMsP95: 20_000, slots })], 12);
    expect(clear(wide(1)).awards).toHaveLength(3);
    expect(clear(wide(2)).awards).toHaveLength(5);
  });

  it('puts committed load of earlier rounds in front', async () => {
    const memory = new MemoryExecutor();
    const market = await new MarketDriver(memory).open();
    const requester = party(1);
    await market.fund(requester.address);
    const prover = await market.prover(10);
    const first = await market.submitBlock(requester, 4, { bidWindowsMs: [1_000, 1_000, 1_000] });
    await market.bid(prover, first.roundId, { priceWei: 5n, provingMsP95: 20_000 });
    await market.advance(1_000);
    const second = await market.submitBlock(requester, 1);
    await market.bid(prover, second.roundId, { priceWei: 5n, provingMsP95: 20_000 });
    await market.advance(1_000);
    const cleared = memory.entries.filter((entry) => entry.type === 'roundCleared');
    expect(cleared.map(({ awards }) => awards.length)).toEqual([4, 0]);
    expect(cleared[1]?.unawarded[0]?.reason).toBe('noneInTime');
  });
});

describe('policies', () => {
  const unsure = [candidate(0, { priceWei: 10n, missPpm: 300_000 }), candidate(1, { priceWei: 300n, standbyWei: 20n })];

  it('backup "market" buys cover when it is worth it, and not otherwise', () => {
    expect(awardOf(round(unsure, 1, { missCostWei: 2_000n })).backup?.prover).toBe(addressOf(2));
    const dear = [unsure[0]!, candidate(1, { priceWei: 300n, standbyWei: 900n })];
    expect(awardOf(round(dear)).backup).toBeNull();
  });

  it('backup "none" never buys cover, "required" never sells without', () => {
    const policy = PLAIN;
    expect(awardOf(round(unsure, 1, { policy: { ...policy, backup: 'none' } })).backup).toBeNull();
    const required = { policy: { ...policy, backup: 'required' as const } };
    const sure = [candidate(0, { missPpm: 0 }), candidate(1, { missPpm: 0, standbyWei: 5n })];
    expect(awardOf(round(sure, 1, required)).backup).not.toBeNull();
    expect(awardOf(round([sure[0]!], 1, required))).toMatchObject({ backup: null, unmet: ['backup'] });
    const oneOwner = [candidate(0, { owner: 7 }), candidate(1, { owner: 7 })];
    expect(awardOf(round(oneOwner, 1, required))).toMatchObject({ backup: null, unmet: ['backup'] });
  });

  it('award "fastest" takes the earliest finish at its own price', () => {
    const policy = { ...PLAIN, backup: 'none', award: 'fastest', pricing: 'first' } as const;
    const quick = [
      candidate(0, { priceWei: 1n, provingMsP95: 9_000 }),
      candidate(1, { priceWei: 999n, provingMsP95: 8_999 }),
    ];
    expect(awardOf(round(quick, 1, { policy }))).toMatchObject({ primary: { prover: addressOf(2) }, priceWei: '999' });
  });

  it('ties fall by the seed: another seed, another winner', () => {
    const twins = [candidate(0), candidate(1), candidate(2)];
    const winners = Array.from(
      { length: 40 },
      (_, seed) => awardOf(round(twins, 1, { tieSeed: new Uint8Array(32).fill(seed) })).primary.prover,
    );
    expect(new Set(winners).size).toBe(3);
  });

  it('fits price and standby fee under the max price when a miss costs much more', () => {
    const input = round([candidate(0, { priceWei: 100n }), candidate(1, { priceWei: 1_000n })], 1, {
      missCostWei: 100_000n,
    });
    const award = awardOf(input);
    expect(BigInt(award.priceWei) + BigInt(award.standbyFeeWei)).toBe(MAX_WEI);
  });
});

describe('why a job stays unsold', () => {
  it.each<[string, ClearingInput]>([
    ['noBids', round([])],
    ['allAboveMaxPrice', round([candidate(0, { priceWei: MAX_WEI + 1n })])],
    ['noneInTime', round([candidate(0, { provingMsP95: 60_001 })])],
    ['noBond', round([candidate(0, { freeWei: 2_199n })])],
    ['notWorthIt', round([candidate(0, { priceWei: 500n })], 1, { missCostWei: 499n })],
  ])('%s', (reason, input) => {
    expect(reasonOf(input)).toBe(reason);
    expect(clear(input).awards).toEqual([]);
  });

  it('notWorthIt also where a backup is required and there is one', () => {
    const policy = { ...PLAIN, backup: 'required' } as const;
    const dear = [candidate(0, { priceWei: 500n }), candidate(1, { priceWei: 500n })];
    expect(reasonOf(round(dear, 1, { policy, missCostWei: 400n }))).toBe('notWorthIt');
  });

  it('noCapacity once all units of all bids are awarded', () => {
    const { awards, unawarded } = clear(round([candidate(0, { maxJobs: 2 })], 3));
    expect(awards).toHaveLength(2);
    expect(unawarded).toEqual([{ jobId: 'job 2', reason: 'noCapacity' }]);
  });

  it('sells when a job unsold costs exactly as much', () => {
    const sure = candidate(0, { priceWei: 500n, missPpm: 0 });
    expect(clear(round([sure], 1, { missCostWei: 500n })).awards).toHaveLength(1);
    expect(reasonOf(round([sure], 1, { missCostWei: 499n }))).toBe('notWorthIt');
  });
});

describe('bonds', () => {
  it('can be locked even at their largest: dear cover and a dear standby', async () => {
    const memory = new MemoryExecutor();
    const market = await new MarketDriver(memory).open();
    const requester = party(1);
    await market.fund(requester.address);
    const [primary, backup] = [await market.prover(10, undefined, 0n), await market.prover(11)];
    const { roundId } = await market.submitBlock(requester, 1, { missCostWei: (100n * ETH).toString() });
    await market.bid(primary, roundId, { priceWei: ETH / 10n });
    await market.bid(backup, roundId, { priceWei: ETH });
    await market.fund(primary.address, (12n * ETH) / 10n);
    market.nowMs += 1_000;
    const poor = closeRound(market.state, { kind: 'closeRound', roundId, bids: memory.sealedBids() }, market.nowMs);
    expect(poor.ok && poor.entries[0]).toMatchObject({ awards: [{ primary: { prover: backup.address } }] });
    await market.fund(primary.address, ETH);
    await market.advance(0);
    const [award] = memory.entries.flatMap((entry) => (entry.type === 'roundCleared' ? entry.awards : []));
    expect(award).toMatchObject({ primary: { prover: primary.address }, backup: { prover: backup.address } });
    expect(BigInt(award!.primary.bondWei)).toBeGreaterThan(ETH + BigInt(DEFAULT_PARAMETERS.lateDamageBps));
    expect(market.freeWei(primary)).toBeGreaterThanOrEqual(0n);
  });
});
