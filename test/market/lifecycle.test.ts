import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NEVER } from '#market/state.js';
import { DEFAULT_PARAMETERS } from '#protocol/parameters.js';
import { logFlaws, replayFlaws, throughText } from '../setup/invariants.js';
import { ETH, entriesOf, MarketDriver, MemoryExecutor, type Party, party } from '../setup/marketDriver.js';

let memory: MemoryExecutor;
let market: MarketDriver;
let requester: Party;
let cheap: Party;
let solid: Party;
let third: Party;

beforeEach(async () => {
  memory = new MemoryExecutor();
  market = await new MarketDriver(memory).open();
  requester = party(1);
  await market.fund(requester.address);
  [cheap, solid, third] = [await market.prover(10), await market.prover(11), await market.prover(12)];
});

afterEach(() => {
  const log = throughText(memory.entries);
  expect(replayFlaws(log)).toEqual([]);
  expect(logFlaws(log)).toEqual([]);
});

/** The late damage of a job whose max price is one ether, by the default. */
const LATE_WEI = (ETH * BigInt(DEFAULT_PARAMETERS.lateDamageBps)) / 10_000n;

/** A cleared round with three bids: cheap wins, solid stands by. */
async function award(jobCount = 1) {
  const block = await market.submitBlock(requester, jobCount);
  await market.bid(cheap, block.roundId, { priceWei: 100_000n, standbyWei: 50_000n });
  await market.bid(solid, block.roundId, { priceWei: 200_000n, standbyWei: 1_000n });
  await market.bid(third, block.roundId, { priceWei: 300_000n, standbyWei: 30_000n });
  await market.advance(1_000);
  return { ...block, jobId: block.jobIds[0]! };
}

describe('circuits', () => {
  it('are taken up to the number that the parameters allow', async () => {
    const full = await new MarketDriver(new MemoryExecutor()).open({ circuitsMax: 1 });
    const circuit = { ...[...full.state.circuits.values()][0]!, circuitId: `0x${'cc'.repeat(32)}` as const };
    const refused = await full.run({ kind: 'registerCircuit', circuit, registration: null });
    expect(refused).toMatchObject({ ok: false, code: 'tooManyCircuits' });
  });
});

describe('a proven job', () => {
  it('pays the primary its price, the backup its standby fee, and refunds the rest', async () => {
    const { jobId, blockId } = await award();
    const { priceWei, standbyFeeWei } = market.job(jobId);
    expect(market.job(jobId).primary?.prover).toBe(cheap.address);
    expect(market.job(jobId).backup?.prover).toBe(solid.address);
    expect(priceWei).toBeGreaterThanOrEqual(100_000n);
    expect(standbyFeeWei).toBeGreaterThanOrEqual(1_000n);
    await market.advance(4_000);
    const accepted = await market.prove(cheap, jobId);
    expect(entriesOf(accepted, 'blockCompleted')).toMatchObject([{ blockId, proven: 1, expired: 0 }]);
    expect(market.freeWei(cheap)).toBe(100n * ETH + priceWei);
    expect(market.freeWei(solid)).toBe(100n * ETH + standbyFeeWei);
    expect(market.freeWei(requester)).toBe(100n * ETH - priceWei - standbyFeeWei);
  });

  it('is worth nothing to anybody else, and to the backup before its activation', async () => {
    const { jobId } = await award();
    expect(await market.prove(third, jobId)).toMatchObject({ ok: false, code: 'notAssigned' });
    expect(await market.prove(solid, jobId)).toMatchObject({ ok: false, code: 'notActivated' });
  });

  it('ends once: the second valid zkProof earns nothing', async () => {
    const { jobId } = await award();
    await market.advanceTo(market.job(jobId).backupStartMs!);
    const first = await market.deliver(cheap, jobId);
    const second = await market.deliver(solid, jobId);
    expect(await market.judge(jobId, second.submissionId, true)).toMatchObject({ ok: true, entries: [] });
    const accepted = await market.judge(jobId, first.submissionId, true);
    expect(entriesOf(accepted, 'proofAccepted')[0]?.prover).toBe(cheap.address);
    expect(await market.judge(jobId, second.submissionId, true)).toMatchObject({ ok: true, entries: [] });
  });
});

describe('a primary that is late', () => {
  it('and first after the activation gives its late share to the backup', async () => {
    const { jobId } = await award();
    const { priceWei, standbyFeeWei, backupStartMs } = market.job(jobId);
    await market.advanceTo(backupStartMs!);
    expect(market.job(jobId).activationCause).toBe('startTime');
    await market.prove(cheap, jobId);
    const lateWei = priceWei / 5n;
    expect(market.freeWei(cheap)).toBe(100n * ETH + priceWei - lateWei);
    expect(market.freeWei(solid)).toBe(100n * ETH + standbyFeeWei + lateWei);
    expect(market.freeWei(requester)).toBe(100n * ETH - priceWei - standbyFeeWei);
  });

  it('and beaten by the backup pays for the cover; the requester pays no more', async () => {
    const { jobId } = await award();
    const { priceWei, standbyFeeWei, primary } = market.job(jobId);
    await market.run({ kind: 'missLease', jobId, prover: cheap.address, lastSeenMs: market.nowMs });
    await market.advance(10_000);
    await market.run({ kind: 'missLease', jobId, prover: cheap.address, lastSeenMs: 0 });
    expect(market.job(jobId).activationCause).toBe('leaseMissed');
    await market.prove(solid, jobId);
    const dearerWei = priceWei < 200_000n ? 200_000n - priceWei : 0n;
    expect(market.freeWei(cheap)).toBe(100n * ETH - dearerWei - standbyFeeWei - LATE_WEI);
    expect(primary!.bondWei).toBeGreaterThan(dearerWei + standbyFeeWei + LATE_WEI);
    expect(market.freeWei(solid)).toBeGreaterThanOrEqual(100n * ETH + standbyFeeWei + 200_000n);
    expect(market.freeWei(requester)).toBeGreaterThanOrEqual(100n * ETH - priceWei - standbyFeeWei);
    const all = market.freeWei(cheap) + market.freeWei(solid) + market.freeWei(requester);
    expect(all).toBe(300n * ETH);
  });

  it('calls the backup at once by giving up, or by an invalid zkProof', async () => {
    const { jobIds } = await award(2);
    expect(entriesOf(await market.giveUp(cheap, jobIds[0]!), 'backupActivated')).toMatchObject([{ cause: 'gaveUp' }]);
    expect(await market.prove(cheap, jobIds[0]!)).toMatchObject({ ok: false, code: 'notAssigned' });
    const { submissionId } = await market.deliver(cheap, jobIds[1]!);
    const rejected = await market.judge(jobIds[1]!, submissionId, false);
    expect(entriesOf(rejected, 'backupActivated')).toMatchObject([{ cause: 'invalidZkProof' }]);
    await market.prove(cheap, jobIds[1]!).then((again) => expect(again.ok).toBe(true));
    await market.prove(solid, jobIds[0]!);
  });
});

describe('a job that nobody delivers', () => {
  it('refunds the requester in full and compensates it out of both bonds', async () => {
    const { jobId, blockId } = await award();
    const { standbyFeeWei } = market.job(jobId);
    await market.advance(100_000);
    expect(market.state.blocks.get(blockId)?.expiredCount).toBe(1);
    expect(market.freeWei(requester)).toBe(100n * ETH + 2n * LATE_WEI + standbyFeeWei);
  });

  it('costs a backup nothing that was never called', async () => {
    const { jobId } = await award();
    await market.advanceTo(market.job(jobId).backupStartMs! - 1);
    const { submissionId } = await market.deliver(cheap, jobId);
    const standing = market.job(jobId).backup!;
    expect(standing.status).toBe('standby');
    await market.judge(jobId, submissionId, true);
    expect(market.freeWei(solid)).toBeGreaterThan(100n * ETH);
  });

  it('waits for the verdict on a zkProof received in time', async () => {
    const { jobId, blockId } = await award();
    await market.advanceTo(market.job(jobId).deadlineMs - 1);
    const { submissionId } = await market.deliver(cheap, jobId);
    await market.advance(5_000);
    expect(market.job(jobId).status).toBe('awarded');
    await market.judge(jobId, submissionId, false);
    expect(market.state.blocks.get(blockId)?.expiredCount).toBe(1);
  });

  it('is refunded when nobody bids, with the reason', async () => {
    const { blockId, jobIds } = await market.submitBlock(requester, 2, { pool: 'none' });
    await market.advance(100_000);
    expect(market.state.blocks.get(blockId)?.completedAtMs).not.toBeNull();
    expect(jobIds.map((jobId) => market.job(jobId).outcomeReason)).toEqual(['noBids', 'noBids']);
    expect(market.freeWei(requester)).toBe(100n * ETH);
  });
});

describe('downtime of the coordinator', () => {
  it('shifts due times, and excuses whoever it left no time', async () => {
    const { jobId } = await award();
    const before = market.job(jobId).primary!.dueMs;
    const lastSignMs = market.nowMs;
    market.nowMs += 90_000;
    await market.run({ kind: 'startCoordinator', lastSignMs, cause: 'start' });
    expect(market.job(jobId).primary!.dueMs).toBe(before + 90_000);
    await market.advance(20_000);
    const expired = memory.entries.find((entry) => entry.type === 'jobExpired')!;
    expect(expired).toMatchObject({ excused: [cheap.address, solid.address] });
    for (const prover of [cheap, solid]) expect(market.freeWei(prover)).toBe(100n * ETH);
    expect(market.freeWei(requester)).toBe(100n * ETH);
  });

  it('counts a gap once, however many replicas come back from it', async () => {
    const { jobId } = await award();
    const before = market.job(jobId).primary!.dueMs;
    const lastSignMs = market.nowMs;
    market.nowMs += 30_000;
    await market.run({ kind: 'startCoordinator', lastSignMs, cause: 'start' });
    await market.run({ kind: 'startCoordinator', lastSignMs, cause: 'start' });
    expect(market.job(jobId).primary!.dueMs).toBe(before + 30_000);
    await market.prove(cheap, jobId);
  });

  it('adds up starts that each failed too soon to count, and counts their sum once', async () => {
    const { jobId } = await award();
    const before = market.job(jobId).primary!.dueMs;
    const lastSignMs = market.nowMs;
    for (let start = 1; start <= 3; start += 1) {
      market.nowMs += 1_000;
      await market.run({ kind: 'startCoordinator', lastSignMs, cause: 'start' });
    }
    expect(market.job(jobId).primary!.dueMs).toBe(before + 2_000);
    market.nowMs += 1_000;
    await market.run({ kind: 'startCoordinator', lastSignMs, cause: 'start' });
    expect(market.job(jobId).primary!.dueMs).toBe(before + 4_000);
  });

  it('takes short lives between failures for a part of the gap, and a longer one for its end', async () => {
    const { jobId } = await award();
    const before = market.job(jobId).primary!.dueMs;
    const comeBackAfter = async (livedMs: number, awayMs: number) => {
      market.nowMs += livedMs;
      const lastSignMs = market.nowMs;
      market.nowMs += awayMs;
      await market.run({ kind: 'startCoordinator', lastSignMs, cause: 'start' });
    };
    await comeBackAfter(5_000, 1_400);
    expect(market.job(jobId).primary!.dueMs).toBe(before);
    await comeBackAfter(50, 1_300);
    expect(market.job(jobId).primary!.dueMs).toBe(before + 2_750);
    await comeBackAfter(2_000, 1_400);
    expect(market.job(jobId).primary!.dueMs).toBe(before + 2_750);
  });
});

describe('fault before penalty', () => {
  it('judges a primary by the receipt, not by the verdict', async () => {
    const { jobId } = await award();
    const { priceWei, standbyFeeWei, backupStartMs } = market.job(jobId);
    await market.advanceTo(backupStartMs! - 1);
    const { submissionId } = await market.deliver(cheap, jobId);
    await market.advance(1_000);
    expect(market.job(jobId).activationCause).toBe('startTime');
    await market.judge(jobId, submissionId, true);
    expect(market.freeWei(cheap)).toBe(100n * ETH + priceWei);
    expect(market.freeWei(solid)).toBe(100n * ETH + standbyFeeWei);
    const outcomes = [...market.state.records.values()].flatMap((record) => record.outcomes);
    expect(outcomes).toHaveLength(2);
    for (const { latenessPct } of outcomes) expect(latenessPct ?? 0).toBeLessThan(NEVER);
  });

  it('calls the backup with whatever comes at its start, though its wake-up is late', async () => {
    const { jobIds } = await award(2);
    market.nowMs = Math.max(...jobIds.map((jobId) => market.job(jobId).backupStartMs!));
    const { executed } = await market.deliver(cheap, jobIds[0]!);
    expect(entriesOf(executed, 'backupActivated')).toMatchObject([{ cause: 'startTime' }]);
    const { executed: byBackup } = await market.deliver(solid, jobIds[1]!);
    expect(entriesOf(byBackup, 'proofReceived')).toMatchObject([{ role: 'backup' }]);
    for (const jobId of jobIds) {
      for (const { submissionId } of market.job(jobId).submissions) await market.judge(jobId, submissionId, true);
    }
  });

  it('slashes no backup that was called too late', async () => {
    const { jobId } = await award();
    const { standbyFeeWei, backup, deadlineMs } = market.job(jobId);
    // What it promised fits no more; the delivery margin has been taken up already.
    market.nowMs = deadlineMs - backup!.promisedMs + 1;
    const calledAtMs = market.nowMs;
    await market.advance(100_000);
    expect(market.job(jobId).activatedAtMs).toBe(calledAtMs);
    expect(memory.entries.find((entry) => entry.type === 'jobExpired')).toMatchObject({ excused: [solid.address] });
    expect(market.freeWei(solid)).toBe(100n * ETH);
    expect(market.freeWei(cheap)).toBe(100n * ETH - LATE_WEI - standbyFeeWei);
  });

  it('calls nobody after the deadline: no give-up counts, no lease', async () => {
    const { jobId } = await award();
    const { deadlineMs, backupStartMs } = market.job(jobId);
    market.nowMs = backupStartMs! - 1;
    const { submissionId } = await market.deliver(cheap, jobId);
    market.nowMs = deadlineMs;
    expect(await market.giveUp(cheap, jobId)).toMatchObject({ ok: false, code: 'jobEnded' });
    for (const { address } of [cheap, solid]) {
      await market.run({ kind: 'missLease', jobId, prover: address, lastSeenMs: 0 });
    }
    expect(await market.run({ kind: 'activateBackup', jobId })).toMatchObject({ entries: [] });
    expect(await market.run({ kind: 'expireJob', jobId })).toMatchObject({ entries: [] });
    expect(market.job(jobId)).toMatchObject({ status: 'awarded', activatedAtMs: null });
    await market.judge(jobId, submissionId, false);
    expect(market.job(jobId).outcome).toBe('expired');
    expect(market.freeWei(solid)).toBe(100n * ETH);
  });

  it('does not reopen by downtime what was late before it', async () => {
    const { jobId } = await award();
    const { primary, standbyFeeWei, backupStartMs } = market.job(jobId);
    await market.advanceTo(backupStartMs! + 1_000);
    const lastSignMs = market.nowMs;
    market.nowMs += 6_000;
    await market.run({ kind: 'startCoordinator', lastSignMs, cause: 'start' });
    expect(market.job(jobId).primary!.dueMs).toBe(primary!.dueMs);
    await market.advance(100_000);
    expect(market.freeWei(cheap)).toBe(100n * ETH - LATE_WEI - standbyFeeWei);
    // Its backup had its promised time and more, and a coordinator to deliver to.
    expect(market.freeWei(solid)).toBe(100n * ETH - LATE_WEI);
  });

  it.each([6_000, 40 * 86_400_000])('charges nobody for what fell due while it was away for %i ms', async (gapMs) => {
    const { jobId } = await award();
    const lastSignMs = market.nowMs;
    market.nowMs = Math.max(lastSignMs + gapMs, market.job(jobId).deadlineMs);
    await market.run({ kind: 'startCoordinator', lastSignMs, cause: 'start' });
    await market.advance(100_000);
    expect(market.job(jobId).outcome).toBe('expired');
    for (const one of [cheap, solid]) expect(market.freeWei(one)).toBe(100n * ETH);
  });

  it.each([
    ['long before the deadline, excuses nobody who had the time all the same', 30_000, false],
    ['just before the deadline, excuses whoever was cut off', 12_000, true],
  ])('takes downtime for what it was: over %s', async (_what, beforeMs, isExcused) => {
    const { jobId } = await award();
    const { deadlineMs, standbyFeeWei, backupStartMs } = market.job(jobId);
    await market.advanceTo(backupStartMs!);
    market.nowMs = deadlineMs - beforeMs + 1;
    await market.run({ kind: 'startCoordinator', lastSignMs: market.nowMs - 6_000, cause: 'stall' });
    await market.advance(100_000);
    expect(market.freeWei(solid)).toBe(isExcused ? 100n * ETH : 100n * ETH - LATE_WEI);
    expect(market.freeWei(cheap)).toBe(100n * ETH - LATE_WEI - standbyFeeWei);
  });

  it('leaves the late share with the requester when the backup has gone', async () => {
    const { jobId } = await award();
    const { priceWei, backupStartMs } = market.job(jobId);
    await market.run({ kind: 'missLease', jobId, prover: solid.address, lastSeenMs: 0 });
    await market.advance(10_000);
    await market.run({ kind: 'missLease', jobId, prover: solid.address, lastSeenMs: 0 });
    await market.advanceTo(backupStartMs!);
    await market.prove(cheap, jobId);
    expect(market.freeWei(cheap)).toBe(100n * ETH + priceWei - priceWei / 5n);
    expect(market.freeWei(solid)).toBe(100n * ETH);
    expect(market.freeWei(requester)).toBe(100n * ETH - priceWei + priceWei / 5n);
  });

  it('binds nobody to a bid that expired while the closing was put off', async () => {
    const { roundId } = await market.submitBlock(requester, 1);
    await market.bid(cheap, roundId, { priceWei: 1_000n, lifeMs: 1_000 });
    await market.bid(solid, roundId, { priceWei: 2_000n });
    const lastSignMs = market.nowMs;
    market.nowMs += 5_000;
    await market.run({ kind: 'startCoordinator', lastSignMs, cause: 'start' });
    await market.advance(1_000);
    const cleared = memory.entries.find((entry) => entry.type === 'roundCleared')!;
    expect(cleared.bids).toHaveLength(2);
    expect(cleared.awards).toMatchObject([{ primary: { prover: solid.address } }]);
  });
});

describe('a backup that refuses', () => {
  it('loses its standby fee and has it on its record, though the primary delivers', async () => {
    const { jobId } = await award();
    await market.giveUp(solid, jobId);
    await market.prove(cheap, jobId);
    expect(market.freeWei(solid)).toBe(100n * ETH);
    const records = [...market.state.records.values()];
    expect(records.find(({ prover }) => prover === solid.address)).toMatchObject({
      outcomes: [{ latenessPct: NEVER }],
    });
    expect(records.find(({ prover }) => prover === cheap.address)).toMatchObject({
      accepted: 1,
      outcomes: [{ latenessPct: 0 }],
    });
  });
});
