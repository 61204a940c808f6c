import { describe, expect, it } from 'vitest';
import { type ClearingInput, clear } from '#market/clear.js';
import { DEFAULT_PARAMETERS } from '#protocol/parameters.js';
import { OUR_NAMES, OUR_POLICIES, type OurName } from '../../../coordinator/simulator/mechanisms/mechanisms.js';
import { OurMarket } from '../../../coordinator/simulator/mechanisms/ourMarket.js';
import { drawProvers } from '../../../coordinator/simulator/mechanisms/population.js';
import { BASE_SCENARIO } from '../../../coordinator/simulator/mechanisms/scenario.js';
import { SimMarket } from '../../../coordinator/simulator/mechanisms/simMarket.js';
import { drawWorkload } from '../../../coordinator/simulator/mechanisms/workload.js';
import { FAILING, netWei, proverOf, runOneJob, SEED_LOST } from './tinyMarket.js';

/** Runs one job through a variant of ours. @returns the market, with the award that `clear` gives to what it was asked */
function runOurs(provers: Parameters<typeof runOneJob>[0], seed: number, name: OurName) {
  const inputs: ClearingInput[] = [];
  const market = runOneJob(provers, seed, (open) => {
    const ours = new OurMarket(open, OUR_POLICIES[name]);
    ours.onClearing = (input) => inputs.push(structuredClone(input));
    return ours;
  });
  return { market, award: clear(inputs[0]!).awards[0]! };
}

const indexOf = (address: string) => Number(address.slice(2)) - 1;

describe('a job that its primary delivers', () => {
  const provers = [proverOf(0, 1_020_000), proverOf(1, 1_200_000), proverOf(2, 1_980_000)];

  it.each(OUR_NAMES)('costs what the clearing says: %s', (name) => {
    const { market, award } = runOurs(provers, 1, name);
    const paidWei = Number(award.priceWei) + Number(award.standbyFeeWei);
    expect(netWei(market, 'requester')).toBe(-paidWei);
    expect(netWei(market, indexOf(award.primary.prover))).toBe(Number(award.priceWei));
    expect(award.primary.prover).toBe(provers[0]!.address);
    expect(award.backup === null).toBe(OUR_POLICIES[name].backup === 'none');
    if (award.backup) expect(netWei(market, indexOf(award.backup.prover))).toBe(Number(award.standbyFeeWei));
  });

  it('is paid at least its cost, and by first price what it asked', () => {
    const { award } = runOurs(provers, 1, 'vickrey + backup + pool');
    expect(Number(award.priceWei)).toBeGreaterThanOrEqual(1_020_000);
    const first = runOurs(provers, 1, 'first + backup + pool').award;
    expect(first.priceWei).toBe(first.primary.priceBidWei);
  });
});

/** Late damage, of the max price of five million, and the rescuer's part of it. */
const LATE_WEI = (5_000_000 * DEFAULT_PARAMETERS.lateDamageBps) / 10_000;
const RESCUER_WEI = (LATE_WEI * DEFAULT_PARAMETERS.slashRescuerBps) / 10_000;

describe('a job whose primary vanishes', () => {
  const provers = [proverOf(0, 360_000, { failing: FAILING }), proverOf(1, 1_980_000), proverOf(2, 2_100_000)];

  it('is delivered by the backup, which is called one lease later, and paid for by the one at fault', () => {
    const { market, award } = runOurs(provers, SEED_LOST, 'vickrey + backup + pool');
    const job = market.jobs[0]!;
    const [lost, saved] = job.works;
    expect(award.primary.prover).toBe(provers[0]!.address);
    expect(job.deliveredBy).toMatchObject({ prover: { address: award.backup!.prover }, as: 'backup' });
    expect(saved!.startedMs).toBe(lost!.startedMs! + lost!.durationMs + 10_000);
    const [priceWei, feeWei] = [Number(award.priceWei), Number(award.standbyFeeWei)];
    const backupBidWei = Number(award.backup!.priceBidWei);
    const dearerWei = Math.max(0, backupBidWei - priceWei);
    expect(netWei(market, indexOf(award.backup!.prover))).toBe(backupBidWei + feeWei + RESCUER_WEI);
    expect(netWei(market, 0)).toBe(-dearerWei - feeWei - LATE_WEI);
    expect(netWei(market, 'requester')).toBe(-Math.min(backupBidWei, priceWei) + LATE_WEI - RESCUER_WEI);
  });

  it('is a miss without a backup and a pool', () => {
    const { market } = runOurs(provers, SEED_LOST, 'vickrey alone');
    expect(market.jobs[0]!.deliveredBy).toBeNull();
    expect(netWei(market, 'requester')).toBe(LATE_WEI);
  });
});

describe('a job whose primary and backup vanish', () => {
  it('is delivered from the pool, dearer than its price at the cost of those at fault', () => {
    const provers = [
      proverOf(0, 360_000, { failing: FAILING }),
      proverOf(0, 360_000, { failing: FAILING, index: 1, address: addressOf(2), owner: 1, ownerAddress: ownerOf(2) }),
      proverOf(2, 2_100_000),
      proverOf(3, 2_160_000),
    ];
    const { market, award } = runOurs(provers, SEED_LOST, 'vickrey + backup + pool');
    const { deliveredBy, works } = market.jobs[0]!;
    expect([award.primary.prover, award.backup!.prover].sort()).toEqual([provers[0]!.address, provers[1]!.address]);
    expect(works.slice(0, 2).map(({ state }) => state)).toEqual(['vanished', 'vanished']);
    expect(deliveredBy!.as).toBe('pool');
    expect(netWei(market, deliveredBy!.prover.index)).toBeGreaterThanOrEqual(Number(award.priceWei));
    expect(netWei(market, 0) + netWei(market, 1)).toBeLessThan(0);
    expect(-netWei(market, 'requester')).toBeLessThanOrEqual(Number(award.priceWei));
  });
});

it('is handed the records that build up: whoever vanishes more often is expected to miss more often', () => {
  const scenario = { ...BASE_SCENARIO, provers: 10, failing: 0.2, failingSpread: 1 };
  const provers = drawProvers(scenario, 3);
  const length = { warmUpJobs: 200, measuredJobs: 200 };
  const market = new SimMarket(scenario, 3, provers, drawWorkload(scenario, provers, 3, length));
  const ours = new OurMarket(market, OUR_POLICIES['vickrey + backup + pool']);
  let last: ClearingInput | null = null;
  ours.onClearing = (input) => {
    last = input;
  };
  market.run(ours);
  const known = last!.candidates.filter(({ bid }) => {
    const record = ours.rules.recordOf(bid.prover);
    return (record?.outcomes.length ?? 0) >= 20;
  });
  expect(known.length).toBeGreaterThan(2);
  const failingOf = (prover: string) => provers.find(({ address }) => address === prover)!.failing;
  const sorted = [...known].sort((a, b) => failingOf(a.bid.prover) - failingOf(b.bid.prover));
  expect(sorted.at(-1)!.missPpm[0]).toBeGreaterThan(sorted[0]!.missPpm[0]!);
});

function addressOf(number: number): `0x${string}` {
  return `0x${String(number).padStart(40, '0')}`;
}

function ownerOf(number: number): `0x${string}` {
  return `0x${String(number).padStart(40, 'a')}`;
}
