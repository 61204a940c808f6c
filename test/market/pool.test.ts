import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { scheduleOf } from '#protocol/blockTerms.js';
import type { BlockRequest } from '#protocol/messages.js';
import { logFlaws, replayFlaws, throughText } from '../setup/invariants.js';
import { ETH, entriesOf, MarketDriver, MemoryExecutor, type Party, party } from '../setup/marketDriver.js';
import { idleFlaws, moneyFlaws } from './marketChecks.js';

/** What a commitment locks: 5 percent of the max price. */
const BOND = ETH / 20n;
const REVEAL_MS = 5_000;

let memory: MemoryExecutor;
let market: MarketDriver;
let requester: Party;
let cheap: Party;
let solid: Party;
let third: Party;
let fourth: Party;

beforeEach(async () => {
  memory = new MemoryExecutor();
  market = await new MarketDriver(memory).open({ lateDamageBps: 2_000, slashRescuerBps: 5_000 });
  requester = party(1);
  await market.fund(requester.address);
  [cheap, solid, third] = [await market.prover(10), await market.prover(11), await market.prover(12)];
  fourth = await market.prover(13);
});

afterEach(() => {
  const log = throughText(memory.entries);
  expect(replayFlaws(log)).toEqual([]);
  expect(logFlaws(log)).toEqual([]);
  expect([...moneyFlaws(market.state), ...idleFlaws(market.state)]).toEqual([]);
});

/** A job whose primary is cheap and whose backup is solid. */
async function sold(terms: Partial<BlockRequest> = {}): Promise<string> {
  const { roundId, jobIds } = await market.submitBlock(requester, 1, { missCostWei: (2n * ETH).toString(), ...terms });
  await market.bid(cheap, roundId, { priceWei: ETH / 5n, standbyWei: ETH / 10n });
  await market.bid(solid, roundId, { priceWei: ETH / 2n, standbyWei: ETH / 1_000n });
  await market.advance(1_000);
  return jobIds[0]!;
}

/** The same, handed back by both. */
async function spent(terms: Partial<BlockRequest> = {}): Promise<string> {
  const jobId = await sold(terms);
  await market.giveUp(cheap, jobId);
  await market.giveUp(solid, jobId);
  return jobId;
}

/** A job that nobody bought, in the pool for a price that rises from a fifth of the max price. */
async function unsold(terms: Partial<BlockRequest> = {}): Promise<string> {
  const { jobIds } = await market.submitBlock(requester, 1, { ...scheduleOf(1_000, ETH / 5n, ETH, 2), ...terms });
  await market.advance(3_000);
  return jobIds[0]!;
}

const lastOf = (type: string) => memory.entries.findLast((entry) => entry.type === type);

describe('escalation', () => {
  it('names the reason and counts the bids at every step, and ends in a refund', async () => {
    const terms = { ...scheduleOf(1_000, ETH / 5n, ETH, 2), missCostWei: (10n * ETH).toString() };
    const { blockId, roundId, jobIds } = await market.submitBlock(requester, 2, terms);
    const poor = await market.prover(14, undefined, ETH / 10n);
    await market.bid(poor, roundId, { priceWei: 1n });
    await market.bid(third, roundId, { priceWei: ETH / 5n, provingMsP95: 86_000_000 });
    await market.bid(fourth, roundId, { priceWei: ETH / 5n, lifeMs: 1_000 });
    const lastSignMs = market.nowMs;
    market.nowMs += 2_500;
    await market.run({ kind: 'startCoordinator', lastSignMs, cause: 'start' });
    await market.advance(200_000);
    const steps = memory.entries.filter((entry) => entry.type === 'jobsEscalated');
    expect(steps.map(({ next }) => next)).toEqual(['round', 'pool', 'expiry', 'expiry']);
    expect(steps[0]).toMatchObject({
      roundId,
      jobIds,
      reasons: [{ reason: 'noBond', jobs: 2 }],
      counts: { bids: 3, expired: 1, notInTime: 1, noBond: 1, ineligible: 0, aboveMaxPrice: 0 },
    });
    expect(steps[1]).toMatchObject({ reasons: [{ reason: 'noBids', jobs: 2 }], counts: { bids: 0 } });
    expect(steps[3]).toMatchObject({ reasons: [{ reason: 'noPoolCommit', jobs: 1 }], counts: { commits: 0 } });
    const last = market.state.rounds.get(`${blockId}.r1`)!;
    expect(last.escalations).toMatchObject([
      { next: 'pool', jobIds },
      { next: 'expiry', jobIds, reasons: [{ reason: 'noPoolCommit', jobs: 2 }] },
    ]);
    expect(market.freeWei(requester)).toBe(100n * ETH);
  });

  it('counts a winner that wants no more', async () => {
    const { roundId } = await market.submitBlock(requester, 3, { backup: 'none', pool: 'none' });
    await market.bid(third, roundId, { priceWei: ETH / 5n, maxJobs: 2 });
    await market.advance(1_000);
    const { counts, jobIds } = lastOf('jobsEscalated') as { counts: object; jobIds: string[] };
    expect(jobIds).toHaveLength(1);
    expect(counts).toMatchObject({ bids: 1, won: 1 });
  });

  it('opens no pool where the requester wants none, nor where a miss costs nothing', async () => {
    await unsold({ pool: 'none' });
    expect(lastOf('jobExpired')).toMatchObject({ reason: 'noBids' });
    await unsold({ missCostWei: '0' });
    expect(lastOf('poolOpened')).toBeUndefined();
  });
});

describe('an unsold job in the pool', () => {
  it('pays what the price had risen to at the commitment, and no bond is at stake but the commitment’s', async () => {
    const jobId = await unsold({ missCostWei: (ETH / 2n).toString() });
    const { pool, deadlineMs } = market.job(jobId);
    expect(pool).toMatchObject({ fromWei: ETH / 5n, toWei: ETH / 2n, atFault: [] });
    await market.advanceTo((pool!.openedAtMs + deadlineMs) / 2);
    const price = (ETH / 5n + ETH / 2n) / 2n;
    expect(entriesOf(await market.commitToPool(third, jobId), 'poolCommitted')).toMatchObject([
      { priceWei: `${price}` },
    ]);
    expect(market.freeWei(third)).toBe(100n * ETH - BOND);
    await market.advance(4_000);
    expect(entriesOf(await market.prove(third, jobId), 'proofAccepted')).toMatchObject([{ role: 'pool' }]);
    expect(market.freeWei(third)).toBe(100n * ETH + price);
    expect(market.freeWei(requester)).toBe(100n * ETH - price);
  });

  it('is open to whoever is registered and allowed, once the pool is', async () => {
    const jobId = await unsold({ allowedOwners: [third.address] });
    expect(await market.commitToPool(fourth, jobId)).toMatchObject({ code: 'notEligible' });
    expect(await market.commitToPool(party(77), jobId)).toMatchObject({ code: 'unknownProver' });
    expect(await market.commitToPool(third, jobId)).toMatchObject({ ok: true });
    const waiting = await sold();
    expect(await market.commitToPool(third, waiting)).toMatchObject({ code: 'poolClosed' });
  });
});

describe('the pool of an awarded job', () => {
  it('opens when both sides have handed it back, and the bonds of both pay the dearer price', async () => {
    const jobId = await spent();
    const { priceWei, primary, backup, pool } = market.job(jobId);
    expect(pool).toMatchObject({ cause: 'sidesSpent', fromWei: priceWei, atFault: [cheap.address, solid.address] });
    expect(await market.commitToPool(cheap, jobId)).toMatchObject({ code: 'notEligible' });
    await market.advance(40_000);
    const [committed] = entriesOf(await market.commitToPool(third, jobId), 'poolCommitted');
    const earnsWei = BigInt(committed!.priceWei);
    expect(earnsWei).toBeGreaterThan(priceWei);
    await market.prove(third, jobId);
    const dearerWei = earnsWei - priceWei;
    const bondsWei = primary!.bondWei + backup!.bondWei;
    const lateWei = ETH / 5n;
    const fromPrimaryWei = dearerWei < primary!.bondWei ? dearerWei : primary!.bondWei;
    const least = (one: bigint, other: bigint) => (one < other ? one : other);
    const damagesWei = [
      least(primary!.bondWei - fromPrimaryWei, lateWei),
      least(backup!.bondWei - (dearerWei - fromPrimaryWei), lateWei),
    ];
    const rescuerWei = damagesWei.reduce((sum, wei) => sum + wei / 2n, 0n);
    expect(market.freeWei(third)).toBe(100n * ETH + earnsWei + rescuerWei);
    expect(market.freeWei(requester)).toBeGreaterThanOrEqual(100n * ETH - priceWei);
    const lostWei = 200n * ETH - market.freeWei(cheap) - market.freeWei(solid);
    expect(lostWei).toBe(dearerWei + damagesWei.reduce((sum, wei) => sum + wei, 0n));
    expect(lostWei).toBeLessThanOrEqual(bondsWei);
  });

  it('opens when the time is over that the backup had promised, and a late side may still come first', async () => {
    const jobId = await sold();
    await market.advanceTo(market.job(jobId).backupStartMs!);
    const { activatedAtMs, backup } = market.job(jobId);
    const overMs = Math.max(activatedAtMs!, backup!.freeFromMs) + backup!.promisedMs + 2_000;
    await market.advanceTo(overMs - 1);
    expect(market.job(jobId).pool).toBeNull();
    await market.advance(1);
    expect(market.job(jobId).pool).toMatchObject({ openedAtMs: overMs, atFault: [cheap.address, solid.address] });
    const late = await market.deliver(solid, jobId);
    await market.commitToPool(third, jobId);
    const second = await market.deliver(third, jobId);
    expect(await market.judge(jobId, second.submissionId, true)).toMatchObject({ entries: [] });
    const ended = await market.judge(jobId, late.submissionId, true);
    expect(entriesOf(ended, 'proofAccepted')).toMatchObject([{ role: 'backup', prover: solid.address }]);
    expect(market.freeWei(third)).toBe(100n * ETH);
  });

  it('waits for the verdict on a zkProof of a side', async () => {
    const jobId = await sold();
    const { submissionId } = await market.deliver(cheap, jobId);
    await market.giveUp(solid, jobId);
    await market.giveUp(cheap, jobId);
    expect(market.job(jobId).pool).toBeNull();
    const rejected = await market.judge(jobId, submissionId, false);
    expect(entriesOf(rejected, 'poolOpened')).toMatchObject([{ jobId, cause: 'sidesSpent' }]);
  });

  it('opens when the invalid zkProofs of a lone primary are used up', async () => {
    const { roundId, jobIds } = await market.submitBlock(requester, 1, { backup: 'none' });
    const jobId = jobIds[0]!;
    await market.bid(cheap, roundId, { priceWei: ETH / 5n });
    await market.advance(1_000);
    for (const variant of [1, 2, 3]) {
      const { submissionId } = await market.deliver(cheap, jobId, variant);
      await market.judge(jobId, submissionId, false);
    }
    expect(market.job(jobId).pool).toMatchObject({ atFault: [cheap.address] });
  });

  it('costs whom downtime excuses nothing, and then pays the job’s price', async () => {
    memory = new MemoryExecutor();
    market = await new MarketDriver(memory).open({ leaseMs: 2_000 });
    await market.fund(requester.address);
    for (const seed of [10, 11, 12]) await market.prover(seed);
    const jobId = await sold();
    const { priceWei, standbyFeeWei } = market.job(jobId);
    const lastSignMs = market.nowMs;
    market.nowMs += 93_000;
    await market.run({ kind: 'startCoordinator', lastSignMs, cause: 'start' });
    await market.advance(2_000);
    for (const side of [cheap, solid]) {
      await market.run({ kind: 'missLease', jobId, prover: side.address, lastSeenMs: 0 });
    }
    expect(market.job(jobId).pool).toMatchObject({ atFault: [], fromWei: priceWei, toWei: priceWei });
    await market.advance(1_000);
    await market.commitToPool(third, jobId);
    await market.prove(third, jobId);
    expect([cheap, solid, third].map((one) => market.freeWei(one))).toEqual([
      100n * ETH,
      100n * ETH,
      100n * ETH + priceWei,
    ]);
    expect(market.freeWei(requester)).toBe(100n * ETH - priceWei);
    expect(standbyFeeWei).toBeGreaterThan(0n);
  });

  it('that nobody uses ends at the deadline as ever', async () => {
    const jobId = await spent();
    const { standbyFeeWei } = market.job(jobId);
    await market.advance(200_000);
    expect(lastOf('jobExpired')).toMatchObject({ reason: 'deadlinePassed', excused: [] });
    expect(market.freeWei(requester)).toBe(100n * ETH + (2n * ETH) / 5n + standbyFeeWei);
  });
});

describe('a thief', () => {
  it('that commits to a zkProof it has seen comes after its maker', async () => {
    const jobId = await unsold();
    await market.commitToPool(third, jobId);
    const made = await market.deliver(third, jobId);
    // A copy, or one that was re-randomised: another commitment, but a later one.
    await market.commitToPool(fourth, jobId, 0, third.address);
    const stolen = await market.deliver(fourth, jobId, 0, undefined, third.address);
    expect(stolen.executed.ok).toBe(true);
    expect(await market.judge(jobId, stolen.submissionId, true)).toMatchObject({ entries: [] });
    await market.advance(60_000);
    expect(await market.judge(jobId, stolen.submissionId, true)).toMatchObject({ entries: [] });
    const ended = await market.judge(jobId, made.submissionId, true);
    expect(entriesOf(ended, 'proofAccepted')).toMatchObject([{ prover: third.address }]);
    expect(market.freeWei(fourth)).toBe(100n * ETH);
  });

  it('gains nothing by another’s commitment, by a zkProof without one, or by another zkProof', async () => {
    const jobId = await unsold();
    await market.commitToPool(third, jobId);
    expect((await market.deliver(fourth, jobId)).executed).toMatchObject({ code: 'noPoolCommitment' });
    const { commitment } = market.job(jobId).pool!.commitments[0]!;
    const message = { jobId, prover: fourth.address, commitment };
    const { digest, signature } = await fourth.sign('PoolCommit', message);
    const copied = await market.run({ kind: 'commitToPool', message, signature, digest }, digest);
    expect(copied).toMatchObject({ ok: true });
    const shown = await market.deliver(fourth, jobId, 0, undefined, third.address);
    expect(shown.executed).toMatchObject({ code: 'noPoolCommitment' });
    expect((await market.deliver(third, jobId, 1)).executed).toMatchObject({ code: 'noPoolCommitment' });
  });
});

describe('a committer that shows nothing', () => {
  it('holds up a later one for its reveal time only, and pays for it', async () => {
    const jobId = await unsold();
    await market.commitToPool(third, jobId);
    await market.advance(1_000);
    await market.commitToPool(fourth, jobId);
    const { submissionId } = await market.deliver(fourth, jobId);
    expect(await market.judge(jobId, submissionId, true)).toMatchObject({ entries: [] });
    await market.advance(REVEAL_MS - 1_001);
    expect(await market.judge(jobId, submissionId, true)).toMatchObject({ entries: [] });
    await market.advance(1);
    expect((await market.deliver(third, jobId)).executed).toMatchObject({ code: 'revealTooLate' });
    const price = market.job(jobId).pool!.commitments[1]!.priceWei;
    await market.judge(jobId, submissionId, true);
    expect(market.freeWei(third)).toBe(100n * ETH - BOND);
    expect(market.freeWei(fourth)).toBe(100n * ETH + price);
    expect(market.freeWei(requester)).toBe(100n * ETH - price + BOND);
  });

  it('may do it twice for a job, one after the other', async () => {
    const jobId = await unsold();
    await market.commitToPool(third, jobId, 0);
    expect(await market.commitToPool(third, jobId, 1)).toMatchObject({ code: 'commitPending' });
    await market.advance(REVEAL_MS);
    expect(await market.commitToPool(third, jobId, 1)).toMatchObject({ ok: true });
    await market.advance(REVEAL_MS);
    expect(await market.commitToPool(third, jobId, 2)).toMatchObject({ code: 'poolFailures' });
    await market.advance(200_000);
    expect(lastOf('jobsEscalated')).toMatchObject({ counts: { commits: 2, unrevealed: 2, invalid: 0 } });
    expect(market.job(jobId).outcomeReason).toBe('noPoolReveal');
    expect(market.freeWei(third)).toBe(100n * ETH - 2n * BOND);
  });

  it('is one of so many at a time', async () => {
    const small = await new MarketDriver(new MemoryExecutor()).open({ poolOpenMax: 1 });
    market = small;
    await small.fund(requester.address);
    for (const seed of [12, 13]) await small.prover(seed);
    const jobId = await unsold();
    expect(await small.commitToPool(third, jobId)).toMatchObject({ ok: true });
    expect(await small.commitToPool(fourth, jobId)).toMatchObject({ code: 'poolFull' });
    await small.advance(REVEAL_MS);
    expect(await small.commitToPool(fourth, jobId)).toMatchObject({ ok: true });
  });

  it('pays nothing for a time that the coordinator was away, or that the deadline cut short', async () => {
    const jobId = await unsold();
    await market.commitToPool(third, jobId);
    const lastSignMs = market.nowMs;
    market.nowMs += 30_000;
    await market.run({ kind: 'startCoordinator', lastSignMs, cause: 'start' });
    const { deadlineMs } = market.job(jobId);
    expect((await market.deliver(third, jobId, 1)).executed).toMatchObject({ code: 'noPoolCommitment' });
    await market.advanceTo(deadlineMs - 3_000);
    await market.commitToPool(fourth, jobId);
    await market.advance(10_000);
    expect(market.job(jobId).outcome).toBe('expired');
    expect(market.freeWei(third)).toBe(100n * ETH - BOND);
    expect(market.freeWei(fourth)).toBe(100n * ETH);
  });

  it('pays nothing when the deadline kept its zkProof out, however late the job ends for a verdict', async () => {
    const jobId = await unsold();
    await market.advanceTo(market.job(jobId).deadlineMs - 2_000);
    await market.commitToPool(third, jobId, 1);
    await market.commitToPool(fourth, jobId, 2);
    const { submissionId } = await market.deliver(third, jobId, 1);
    await market.advance(2 * REVEAL_MS);
    await market.judge(jobId, submissionId, false);
    expect(market.job(jobId).outcome).toBe('expired');
    expect(market.freeWei(third)).toBe(100n * ETH - BOND);
    expect(market.freeWei(fourth)).toBe(100n * ETH);
  });
});

describe('an invalid zkProof from the pool', () => {
  it('forfeits its commitment, lets the next one go on at once, and counts as a failure', async () => {
    const jobId = await unsold();
    await market.commitToPool(third, jobId, 1);
    const wrong = await market.deliver(third, jobId, 1);
    await market.commitToPool(fourth, jobId);
    const right = await market.deliver(fourth, jobId);
    expect(await market.commitToPool(third, jobId, 2)).toMatchObject({ code: 'submissionPending' });
    await market.judge(jobId, wrong.submissionId, false);
    const ended = await market.judge(jobId, right.submissionId, true);
    expect(entriesOf(ended, 'proofAccepted')).toMatchObject([{ prover: fourth.address }]);
    expect(market.freeWei(third)).toBe(100n * ETH - BOND);
  });

  it('that is judged last ends the job after its deadline', async () => {
    const jobId = await unsold();
    await market.advanceTo(market.job(jobId).deadlineMs - 1);
    await market.commitToPool(third, jobId, 1);
    const { submissionId } = await market.deliver(third, jobId, 1);
    await market.advance(5_000);
    expect(market.job(jobId).status).toBe('pooled');
    await market.judge(jobId, submissionId, false);
    expect(market.job(jobId)).toMatchObject({ outcome: 'expired', outcomeReason: 'noPoolProof' });
    expect(market.freeWei(third)).toBe(100n * ETH - BOND);
  });
});
