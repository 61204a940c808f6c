import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { missCurve } from '#market/record.js';
import { scoreOf } from '#market/score.js';
import { NEVER, type Outcome, type ProverRecord } from '#market/state.js';
import { DEFAULT_PARAMETERS } from '#protocol/parameters.js';
import { logFlaws, replayFlaws, throughText } from '../setup/invariants.js';
import { MarketDriver, MemoryExecutor, type Party, party } from '../setup/marketDriver.js';

const NOW_MS = 1_800_000_000_000;

function recordOf(outcomes: readonly Partial<Outcome>[]): ProverRecord {
  const full = outcomes.map((one) => ({ atMs: NOW_MS, latenessPct: null, reachable: true, ...one }));
  return { prover: '0x', circuitId: '0x', accepted: 0, outcomes: full, provingMs: [], receivedAtMs: [] };
}
const late = (...latenessPct: (number | null)[]) => recordOf(latenessPct.map((one) => ({ latenessPct: one })));

describe('the on-time curve', () => {
  const parameters = {
    ...DEFAULT_PARAMETERS,
    latenessPct: [100, 150, 300],
    priorJobs: 10,
    priorOnTimePpm: [800_000, 900_000, 900_000],
  };

  it('is the prior without a record', () => {
    expect(missCurve(undefined, parameters, NOW_MS)).toEqual([200_000, 100_000, 100_000]);
  });

  it('counts what was delivered by each point of the grid; what never had to be proven does not count', () => {
    const record = late(90, 100, 101, 150, 151, NEVER, null, null, 300, 60);
    // Eight outcomes; by 100 %: three, by 150 %: five, by 300 %: seven.
    const onTime = [(8 + 3) / 18, (9 + 5) / 18, (9 + 7) / 18].map((share) => Math.floor(share * 1_000_000));
    expect(missCurve(record, parameters, NOW_MS)).toEqual(onTime.map((ppm) => 1_000_000 - ppm));
  });

  it('forgets what is older than the window', () => {
    const { recordWindowMs } = parameters;
    const old = recordOf([{ atMs: NOW_MS - recordWindowMs - 1, latenessPct: NEVER }]);
    const kept = recordOf([{ atMs: NOW_MS - recordWindowMs, latenessPct: NEVER }]);
    expect(missCurve(old, parameters, NOW_MS)).toEqual(missCurve(undefined, parameters, NOW_MS));
    expect(missCurve(kept, parameters, NOW_MS)[0]).toBeGreaterThan(200_000);
  });

  it('never rises, and stays a chance', () => {
    const outcomes = fc.array(fc.option(fc.oneof(fc.integer({ min: 0, max: 700 }), fc.constant(NEVER))));
    const property = fc.property(outcomes, (list) => {
      const curve = missCurve(late(...list), DEFAULT_PARAMETERS, NOW_MS);
      expect(curve).toHaveLength(DEFAULT_PARAMETERS.latenessPct.length);
      expect(curve).toEqual([...curve].sort((a, b) => b - a));
      for (const ppm of curve) expect(ppm >= 0 && ppm <= 1_000_000).toBe(true);
    });
    fc.assert(property, { numRuns: 500 });
  });
});

describe('a score', () => {
  const parameters = { ...DEFAULT_PARAMETERS, scoreOutcomesMin: 5 };
  const score = (record: ProverRecord | undefined) => scoreOf(record, parameters, NOW_MS);

  it('lets those in who have no record yet', () => {
    expect(score(undefined)).toMatchObject({ isEligible: true, outcomes: 0, onTimePpm: null, latencyPct: null });
    expect(score(late(NEVER, NEVER, NEVER, NEVER))).toMatchObject({ isEligible: true, onTimePpm: 0 });
  });

  it('holds the rates against the line once there are enough outcomes', () => {
    expect(score(late(80, 90, 100, NEVER, NEVER))).toMatchObject({ isEligible: true, onTimePpm: 600_000 });
    expect(score(late(80, 90, 120, NEVER, NEVER))).toMatchObject({ flaws: ['onTime'], onTimePpm: 400_000 });
    // Standing by is no proof of being on time, nor against it.
    expect(score(late(NEVER, null, null, null, null))).toMatchObject({ isEligible: true, proven: 1, outcomes: 5 });
    const silent = recordOf([true, false, false, false, true].map((reachable) => ({ reachable })));
    expect(score(silent)).toMatchObject({ flaws: ['reachable'], reachable: 2, reachablePpm: 400_000 });
  });

  it('measures latency by the median, without what lies far off', () => {
    expect(score(late(90, 92, 94, 96, 5_000, NEVER))).toMatchObject({ delivered: 5, outliers: 1, latencyPct: 92 });
    const slow = { ...parameters, scoreOnTimePpmMin: 0, scoreLatencyPctMax: 150 };
    expect(scoreOf(late(150, 151, 152, 153, 154), slow, NOW_MS)).toMatchObject({ flaws: ['latency'], latencyPct: 152 });
    expect(score(late(90, 90, 90, 90, 500)).outliers).toBe(0);
  });
});

describe('what the log keeps of an assignment', () => {
  let memory: MemoryExecutor;
  let market: MarketDriver;
  let requester: Party;
  let cheap: Party;
  let solid: Party;

  beforeEach(async () => {
    memory = new MemoryExecutor();
    market = await new MarketDriver(memory).open({ newcomerJobs: 0 });
    requester = party(1);
    await market.fund(requester.address);
    [cheap, solid] = [await market.prover(10), await market.prover(11)];
  });

  afterEach(() => {
    const log = throughText(memory.entries);
    expect([...replayFlaws(log), ...logFlaws(log)]).toEqual([]);
  });

  async function sell(): Promise<string> {
    const { roundId, jobIds } = await market.submitBlock(requester, 1);
    await market.bid(cheap, roundId, { priceWei: 100_000n, standbyWei: 50_000n, provingMsP95: 10_000 });
    await market.bid(solid, roundId, { priceWei: 200_000n, standbyWei: 1_000n, provingMsP95: 10_000 });
    await market.advance(1_000);
    expect(market.job(jobIds[0]!).backup?.prover).toBe(solid.address);
    return jobIds[0]!;
  }

  const latenessOf = ({ address }: Party) =>
    [...market.state.records.values()].find(({ prover }) => prover === address)?.outcomes.map((one) => one.latenessPct);

  it('a primary: its time in percent of the promised, the delivery margin off; a backup that waited: nothing', async () => {
    const jobId = await sell();
    await market.advance(7_501);
    await market.prove(cheap, jobId);
    expect(latenessOf(cheap)).toEqual([56]);
    expect(latenessOf(solid)).toEqual([null]);
  });

  it('a primary whose job another ended never delivered; a called backup is timed from its call', async () => {
    const jobId = await sell();
    await market.giveUp(cheap, jobId);
    await market.advance(12_000);
    await market.prove(solid, jobId);
    expect(latenessOf(cheap)).toEqual([NEVER]);
    expect(latenessOf(solid)).toEqual([100]);
  });

  it('a called backup that its late primary overtook is not judged', async () => {
    const jobId = await sell();
    await market.advanceTo(market.job(jobId).backupStartMs! + 1_000);
    await market.prove(cheap, jobId);
    expect(latenessOf(cheap)![0]).toBeGreaterThan(100);
    expect(latenessOf(solid)).toEqual([null]);
  });

  it('whoever is at fault in a job that nobody delivers never delivered, and downtime counts for nobody', async () => {
    const jobId = await sell();
    await market.advanceTo(market.job(jobId).deadlineMs);
    expect([latenessOf(cheap), latenessOf(solid)]).toEqual([[NEVER], [NEVER]]);
    const again = await sell();
    const lastSignMs = market.nowMs;
    market.nowMs += 3_000;
    await market.run({ kind: 'startCoordinator', lastSignMs, cause: 'stall' });
    await market.advance(12_000);
    await market.prove(cheap, again);
    expect(latenessOf(cheap)).toEqual([NEVER, 100]);
  });

  it('the newest outcomes only', async () => {
    await market.run({
      kind: 'setParameters',
      version: 2,
      parameters: { ...DEFAULT_PARAMETERS, newcomerJobs: 0, outcomesMax: 1 },
      reason: 'test',
    });
    for (let block = 0; block < 2; block += 1) {
      const jobId = await sell();
      await market.advance(block * 5_000 + 3_000);
      await market.prove(cheap, jobId);
    }
    expect(latenessOf(cheap)).toEqual([60]);
  });
});
