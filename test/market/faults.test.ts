/** Fault before penalty: who is not to blame pays nothing, and who only says so pays. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { wakeUpsOfJob } from '#market/wakeUps.js';
import { DEFAULT_PARAMETERS } from '#protocol/parameters.js';
import { logFlaws, replayFlaws, throughText } from '../setup/invariants.js';
import { ETH, entriesOf, MarketDriver, MemoryExecutor, type Party, party } from '../setup/marketDriver.js';

let memory: MemoryExecutor;
let market: MarketDriver;
let requester: Party;
let cheap: Party;
let solid: Party;

beforeEach(async () => {
  memory = new MemoryExecutor();
  market = await new MarketDriver(memory).open();
  requester = party(1);
  await market.fund(requester.address);
  [cheap, solid] = [await market.prover(10), await market.prover(11)];
});

afterEach(() => {
  const log = throughText(memory.entries);
  expect(replayFlaws(log)).toEqual([]);
  expect(logFlaws(log)).toEqual([]);
});

/** A cleared round with two bids: cheap wins every job, solid stands by. */
async function award(jobCount = 1): Promise<string[]> {
  const { roundId, jobIds } = await market.submitBlock(requester, jobCount);
  await market.bid(cheap, roundId, { priceWei: 100_000n, standbyWei: 50_000n });
  await market.bid(solid, roundId, { priceWei: 200_000n, standbyWei: 1_000n });
  await market.advance(1_000);
  return jobIds;
}

const noteInput = (jobId: string, { address: prover }: Party, served: boolean) =>
  market.run({ kind: 'noteInput', jobId, prover, served });
const recordWitness = (jobId: string, satisfiable: boolean | null) =>
  market.run({ kind: 'recordWitness', jobId, satisfiable, error: satisfiable ? '' : 'line 12' });
const assignedOf = ({ address }: Party) =>
  [...market.state.records.values()].find(({ prover }) => prover === address)?.outcomes.length ?? 0;

/** What a primary loses to a backup that asks 200,000 wei: dearer cover, standby fee, late damage of an ether. */
function lostWei(jobId: string): bigint {
  const lateWei = (ETH * BigInt(DEFAULT_PARAMETERS.lateDamageBps)) / 10_000n;
  const { priceWei, standbyFeeWei } = market.job(jobId);
  return (priceWei < 200_000n ? 200_000n - priceWei : 0n) + standbyFeeWei + lateWei;
}

describe('an input that the coordinator did not serve', () => {
  it('excuses whoever hands the job back for it: no bond, no record, and the backup is called', async () => {
    const [jobId] = (await award()) as [string];
    const { priceWei, standbyFeeWei } = market.job(jobId);
    await noteInput(jobId, cheap, false);
    const handedBack = await market.giveUp(cheap, jobId, 'inputUnavailable', 'no answer');
    expect(entriesOf(handedBack, 'gaveUp')).toMatchObject([{ excuse: 'inputNotServed' }]);
    expect(entriesOf(handedBack, 'backupActivated')).toMatchObject([{ cause: 'gaveUp' }]);
    await market.prove(solid, jobId);
    expect(market.freeWei(cheap)).toBe(100n * ETH);
    const paidWei = priceWei < 200_000n ? priceWei : 200_000n;
    expect(market.freeWei(solid)).toBe(100n * ETH + standbyFeeWei + paidWei);
    expect(assignedOf(cheap)).toBe(0);
    expect(assignedOf(solid)).toBe(1);
  });

  it('excuses whoever still waits for it at the end', async () => {
    const [jobId] = (await award()) as [string];
    await noteInput(jobId, cheap, false);
    await noteInput(jobId, solid, false);
    await market.advance(100_000);
    expect(memory.entries.find(({ type }) => type === 'jobExpired')).toMatchObject({
      excused: [cheap.address, solid.address],
    });
    for (const one of [cheap, solid, requester]) expect(market.freeWei(one)).toBe(100n * ETH);
  });

  it('is no excuse for a prover that never asked, gives another reason, or was served in the end', async () => {
    const jobIds = await award(3);
    const lost = jobIds.map((jobId) => lostWei(jobId));
    const excuses = [];
    excuses.push(entriesOf(await market.giveUp(cheap, jobIds[0]!, 'inputUnavailable'), 'gaveUp')[0]!.excuse);
    await noteInput(jobIds[1]!, cheap, false);
    excuses.push(entriesOf(await market.giveUp(cheap, jobIds[1]!, 'overloaded'), 'gaveUp')[0]!.excuse);
    await noteInput(jobIds[2]!, cheap, false);
    await noteInput(jobIds[2]!, cheap, true);
    excuses.push(entriesOf(await market.giveUp(cheap, jobIds[2]!, 'inputUnavailable'), 'gaveUp')[0]!.excuse);
    expect(excuses).toEqual([null, null, null]);
    for (const jobId of jobIds) await market.prove(solid, jobId);
    expect(market.freeWei(cheap)).toBe(100n * ETH - lost.reduce((sum, wei) => sum + wei, 0n));
  });

  it('is noted once, and gives the prover the time back that it waited', async () => {
    const [jobId] = (await award()) as [string];
    const { dueMs } = market.job(jobId).primary!;
    expect(await noteInput(jobId, cheap, true)).toMatchObject({ entries: [] });
    await noteInput(jobId, cheap, false);
    await market.advanceTo(dueMs - 1_000);
    expect(await noteInput(jobId, cheap, false)).toMatchObject({ entries: [] });
    await noteInput(jobId, cheap, true);
    const { dueMs: shiftedMs, activeSinceMs } = market.job(jobId).primary!;
    expect(shiftedMs).toBeGreaterThan(dueMs);
    expect(activeSinceMs).toBe(market.nowMs);
    // Its backup starts on time all the same; the primary is not late for that.
    await market.advanceTo(dueMs + 500);
    expect(market.job(jobId).activationCause).toBe('startTime');
    const { priceWei } = market.job(jobId);
    await market.prove(cheap, jobId);
    expect(market.freeWei(cheap)).toBe(100n * ETH + priceWei);
  });

  it('costs nobody anything in a job that nobody else delivers either', async () => {
    const [jobId] = (await award()) as [string];
    await noteInput(jobId, cheap, false);
    await market.giveUp(cheap, jobId, 'inputUnavailable');
    const { bondWei } = market.job(jobId).backup!;
    await market.advance(100_000);
    expect(market.freeWei(cheap)).toBe(100n * ETH);
    expect(market.freeWei(requester)).toBe(100n * ETH + bondWei);
  });
});

describe('a job that is said to have no witness', () => {
  it('ends when the coordinator finds so too, and nobody pays', async () => {
    const [jobId] = (await award()) as [string];
    await market.giveUp(cheap, jobId, 'witnessFailed', 'Error in template T_1 line: 12');
    expect(wakeUpsOfJob(market.job(jobId)).map(({ kind }) => kind)).toContain('checkWitness');
    const found = await recordWitness(jobId, false);
    expect(entriesOf(found, 'witnessChecked')).toMatchObject([{ satisfiable: false, error: 'line 12' }]);
    expect(entriesOf(found, 'jobExpired')).toMatchObject([{ reason: 'unsatisfiable' }]);
    expect(entriesOf(found, 'blockCompleted')).toHaveLength(1);
    for (const one of [cheap, solid, requester]) expect(market.freeWei(one)).toBe(100n * ETH);
    expect([assignedOf(cheap), assignedOf(solid)]).toEqual([0, 0]);
  });

  it('is an ordinary give-up when there is a witness, or when nobody can tell', async () => {
    const jobIds = await award(2);
    const lost = jobIds.map((jobId) => lostWei(jobId));
    for (const [index, satisfiable] of [true, null].entries()) {
      await market.giveUp(cheap, jobIds[index]!, 'witnessFailed');
      await recordWitness(jobIds[index]!, satisfiable);
      expect(await recordWitness(jobIds[index]!, false)).toMatchObject({ entries: [] });
      await market.prove(solid, jobIds[index]!);
    }
    expect(market.freeWei(cheap)).toBe(100n * ETH - lost[0]! - lost[1]!);
  });

  it('does not end at its deadline before that was looked into', async () => {
    const jobIds = await award(2);
    for (const jobId of jobIds) await market.giveUp(cheap, jobId, 'witnessFailed');
    await market.advance(200_000);
    expect(jobIds.map((jobId) => market.job(jobId).status)).toEqual(['awarded', 'awarded']);
    expect(entriesOf(await recordWitness(jobIds[0]!, true), 'jobExpired')).toMatchObject([
      { reason: 'deadlinePassed' },
    ]);
    expect(entriesOf(await recordWitness(jobIds[1]!, false), 'jobExpired')).toMatchObject([
      { reason: 'unsatisfiable', excused: [cheap.address, solid.address] },
    ]);
  });

  it('does not end over a zkProof that is being checked', async () => {
    const [jobId] = (await award()) as [string];
    await market.giveUp(cheap, jobId, 'witnessFailed');
    const { submissionId } = await market.deliver(solid, jobId);
    expect(await recordWitness(jobId, false)).toMatchObject({ entries: [] });
    await market.advance(200_000);
    await market.judge(jobId, submissionId, false);
    expect(market.job(jobId).status).toBe('awarded');
    expect(entriesOf(await recordWitness(jobId, false), 'jobExpired')).toHaveLength(1);
    for (const one of [cheap, solid]) expect(market.freeWei(one)).toBe(100n * ETH);
  });

  it('is not asked about when nobody claims it', async () => {
    const [jobId] = (await award()) as [string];
    expect(await recordWitness(jobId, false)).toMatchObject({ entries: [] });
    await market.giveUp(cheap, jobId, 'provingFailed');
    expect(await recordWitness(jobId, false)).toMatchObject({ entries: [] });
  });
});

describe('a miss that the primary itself expects', () => {
  const predict = (jobId: string, expectedEndMs: number) => market.run({ kind: 'predictMiss', jobId, expectedEndMs });

  it('calls the backup at once, when it is by more than the margin', async () => {
    const [jobId] = (await award()) as [string];
    const { dueMs } = market.job(jobId).primary!;
    expect(await predict(jobId, dueMs + 2_000)).toMatchObject({ entries: [] });
    const called = await predict(jobId, dueMs + 2_001);
    expect(entriesOf(called, 'backupActivated')).toMatchObject([
      { cause: 'predictedMiss', expectedEndMs: dueMs + 2_001, prover: solid.address },
    ]);
    expect(await predict(jobId, dueMs + 9_000)).toMatchObject({ entries: [] });
    await market.prove(solid, jobId);
    expect(market.job(jobId).deliveredBy).toBe('backup');
  });

  it('costs a primary nothing that is on time after all, and its backup nothing either', async () => {
    const [jobId] = (await award()) as [string];
    const { priceWei, standbyFeeWei, primary } = market.job(jobId);
    await predict(jobId, primary!.dueMs + 60_000);
    await market.advanceTo(primary!.dueMs - 1);
    await market.prove(cheap, jobId);
    expect(market.freeWei(cheap)).toBe(100n * ETH + priceWei);
    expect(market.freeWei(solid)).toBe(100n * ETH + standbyFeeWei);
  });

  it('leaves a primary that comes at its due time late', async () => {
    const [jobId] = (await award()) as [string];
    const { priceWei, primary } = market.job(jobId);
    await predict(jobId, primary!.dueMs + 60_000);
    await market.advanceTo(primary!.dueMs);
    await market.prove(cheap, jobId);
    expect(market.freeWei(cheap)).toBe(100n * ETH + priceWei - priceWei / 5n);
  });

  it('is not heard of a primary that has delivered or gone, nor after the start', async () => {
    const jobIds = await award(3);
    const farMs = market.job(jobIds[0]!).deadlineMs * 2;
    await market.deliver(cheap, jobIds[0]!);
    await market.giveUp(cheap, jobIds[1]!);
    expect(await predict(jobIds[0]!, farMs)).toMatchObject({ entries: [] });
    expect(await predict(jobIds[1]!, farMs)).toMatchObject({ entries: [] });
    market.nowMs = market.job(jobIds[2]!).backupStartMs!;
    expect(entriesOf(await predict(jobIds[2]!, farMs), 'backupActivated')).toMatchObject([
      { cause: 'startTime', expectedEndMs: null },
    ]);
    for (const jobId of jobIds.slice(1)) await market.prove(solid, jobId);
    await market.judge(jobIds[0]!, market.job(jobIds[0]!).submissions[0]!.submissionId, true);
  });
});
