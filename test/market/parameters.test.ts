import { describe, expect, it } from 'vitest';
import { DEFAULT_PARAMETERS, type Parameters } from '#protocol/parameters.js';
import { logFlaws, replayFlaws, throughText } from '../setup/invariants.js';
import { ETH, MarketDriver, MemoryExecutor, party } from '../setup/marketDriver.js';

/** Everything that a round reads, changed as far as it goes. */
const HARSH: Parameters = {
  ...DEFAULT_PARAMETERS,
  deliveryMarginMs: 60_000,
  leaseMs: 1_000,
  lateBps: 10_000,
  lateDamageBps: 10_000,
  slashRescuerBps: 0,
  latenessPct: [100],
  priorOnTimePpm: [1],
  bidRevealMs: 60_000,
  bidForfeitBps: 10_000,
  provingSamplesMax: 1,
  provingSamplesMin: 1,
  invalidProofsMax: 1,
  bidsPerRoundMax: 1,
  newcomerJobs: 1_000,
  poolForfeitBps: 10_000,
  poolRevealMs: 60_000,
  provingTimeMsMin: 60_000,
};

/**
 * A block of each kind of sealing goes through every ending, and the parameters change after so many steps.
 * @param changeAt - the step before which they change; null for never
 */
async function story(sealing: 'receipt' | 'commitReveal', changeAt: number | null) {
  const memory = new MemoryExecutor();
  const market = await new MarketDriver(memory).open();
  const requester = party(1);
  await market.fund(requester.address, 1_000n * ETH);
  const provers = [await market.prover(10), await market.prover(11), await market.prover(12)];
  const [cheap, solid] = provers;
  const { roundId, jobIds } = await market.submitBlock(requester, 5, { sealing, backup: 'required' });
  const [onTime, gaveUp, invalid, late, nobody] = jobIds as [string, string, string, string, string];
  const terms = [ETH / 4n, ETH / 2n, ETH / 3n].map((priceWei) => ({
    priceWei,
    standbyWei: ETH / 100n,
    maxConcurrent: 4,
  }));
  const committed: Awaited<ReturnType<typeof market.commit>>[] = [];
  const holderOf = (jobId: string, role: 'primary' | 'backup') =>
    provers.find(({ address }) => address === market.job(jobId)[role]!.prover)!;
  const steps: (() => Promise<unknown>)[] = [
    async () => {
      for (const [at, prover] of provers.entries()) {
        if (sealing === 'receipt') await market.bid(prover, roundId, terms[at]!);
        else committed.push(await market.commit(prover, roundId, terms[at]!));
      }
    },
    () => market.advance(1_000),
    async () => {
      if (sealing === 'commitReveal') for (const at of [0, 1]) await market.openBid(provers[at]!, committed[at]!.bid);
      await market.advance(4_000);
    },
    () => market.prove(holderOf(onTime, 'primary'), onTime),
    () => market.giveUp(holderOf(gaveUp, 'primary'), gaveUp),
    () => market.prove(holderOf(gaveUp, 'backup'), gaveUp),
    async () => {
      for (const variant of [1, 2]) {
        const { submissionId } = await market.deliver(holderOf(invalid, 'primary'), invalid, variant);
        await market.judge(invalid, submissionId, false);
      }
    },
    async () => {
      const lastSeenMs = market.nowMs - 5_000;
      await market.run({ kind: 'missLease', jobId: nobody, prover: market.job(nobody).primary!.prover, lastSeenMs });
      await market.advanceTo(market.job(late).backupStartMs! + 1);
      await market.prove(holderOf(late, 'primary'), late);
      await market.advance(200_000);
    },
  ];
  for (const [at, step] of steps.entries()) {
    if (at === changeAt) await market.run({ kind: 'setParameters', version: 2, parameters: HARSH, reason: 'harsh' });
    await step();
  }
  const entries = throughText(memory.entries);
  expect(replayFlaws(entries)).toEqual([]);
  expect(logFlaws(entries)).toEqual([]);
  expect([cheap, solid]).toHaveLength(2);
  return { market, requester, entries };
}

describe.each(['receipt', 'commitReveal'] as const)('a change of parameters in a round sealed by %s', (sealing) => {
  it('changes nothing for it, whenever it comes', async () => {
    const { entries: unchanged } = await story(sealing, null);
    for (let changeAt = 0; changeAt < 8; changeAt += 1) {
      const { entries } = await story(sealing, changeAt);
      const set = entries.findIndex(({ type }) => type === 'parametersSet');
      expect(set).toBeGreaterThan(0);
      // What the ended jobs point at by index in the log is no part of the entries.
      expect(entries.filter(({ type }) => type !== 'parametersSet')).toEqual(unchanged);
    }
  });
});

describe('what begins after a change of parameters', () => {
  it('goes by the new ones: requests, rounds, and the next round of an open block', async () => {
    const { market, requester } = await story('receipt', 1);
    const tooNear = await market.submitBlock(requester, 1, { deadlineMs: market.nowMs + 50_000 });
    expect(tooNear.executed).toMatchObject({ ok: false, code: 'deadlineTooNear' });
    const deadlineMs = market.nowMs + 500_000;
    const { roundId } = await market.submitBlock(requester, 1, { deadlineMs });
    expect(market.state.rounds.get(roundId)!.parametersVersion).toBe(2);
    await market.bid(party(10), roundId, { priceWei: 1n });
    expect(await market.bid(party(11), roundId, { priceWei: 1n })).toMatchObject({ code: 'roundFull' });
    const version = 3;
    await market.run({ kind: 'setParameters', version, parameters: DEFAULT_PARAMETERS, reason: 'back' });
    const next = await market.submitBlock(requester, 1, {
      deadlineMs,
      bidWindowsMs: [1_000, 1_000],
      roundPricesWei: [`${ETH}`, `${ETH}`],
    });
    await market.run({ kind: 'setParameters', version: 4, parameters: HARSH, reason: 'harsh again' });
    await market.advance(1_000);
    expect(market.state.rounds.get(next.roundId)!.parametersVersion).toBe(3);
    expect(market.state.rounds.get(next.roundId.replace('.r0', '.r1'))!.parametersVersion).toBe(4);
  });

  it('is not asked of who bids in a round that was open before', async () => {
    const samples = [{ publicSignals: ['1', '2', '3'], inputHash: `0x${'dd'.repeat(32)}` }] as never;
    const market = await new MarketDriver(new MemoryExecutor()).open({ newcomerJobs: 0 }, samples);
    const [requester, prover] = [party(1), await market.prover(10)];
    await market.fund(requester.address);
    const { roundId } = await market.submitBlock(requester, 1);
    const parameters = { ...market.state.parameters.get(1)!, newcomerJobs: 3 };
    await market.run({ kind: 'setParameters', version: 2, parameters, reason: 'no strangers' });
    expect(await market.bid(prover, roundId, { priceWei: 1n })).toMatchObject({ ok: true });
    const next = await market.submitBlock(requester, 1);
    expect(await market.bid(prover, next.roundId, { priceWei: 1n })).toMatchObject({ code: 'challengeNeeded' });
  });

  it('is refused when it is out of turn, contradicts itself or gives no reason', async () => {
    const { market } = await story('receipt', null);
    const set = (change: object, version = 2, reason = 'a test') =>
      market.run({ kind: 'setParameters', version, parameters: { ...DEFAULT_PARAMETERS, ...change }, reason });
    expect(await set({}, 1)).toMatchObject({ code: 'badRequest' });
    expect(await set({}, 3)).toMatchObject({ code: 'badRequest' });
    expect(await set({}, 2, '')).toMatchObject({ code: 'badRequest' });
    expect(await set({ lateBps: 20_000 })).toMatchObject({ code: 'badRequest' });
    expect(await set({ latenessPct: [100] })).toMatchObject({ code: 'badRequest' });
    expect(await set({ unknown: 1 })).toMatchObject({ code: 'badRequest' });
    expect(await set({ lateBps: 1 })).toMatchObject({ ok: true });
  });
});
