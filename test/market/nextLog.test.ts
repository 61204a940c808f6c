import { beforeEach, describe, expect, it } from 'vitest';
import { evolve } from '#market/evolve.js';
import { logAt, logsOf } from '#market/logChain.js';
import { emptyState } from '#market/state.js';
import type { EntryOf } from '#protocol/entries.js';
import { coordinatorIdOf } from '#protocol/log/coordinatorId.js';
import { throughText } from '../setup/invariants.js';
import { DOMAIN, ETH, MarketDriver, MemoryExecutor, type Party, party, partyOf } from '../setup/marketDriver.js';
import { checkpointOver, openNext, operatorOf, rotate } from '../setup/nextLogs.js';
import { OPERATOR } from '../setup/testOperator.js';
import { flawOf } from './honestLog.js';

const SECOND = operatorOf(7, 'test.example/second');
const OTHER = operatorOf(9, 'other.example/market');
const NEW_DOMAIN = { ...DOMAIN, coordinatorId: coordinatorIdOf(OTHER.logKey) };

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
  [cheap, solid] = [await market.prover(10), await market.prover(11, party(20))];
});

const total = () => [...market.state.balances.values()].reduce((sum, wei) => sum + wei, 0n);
const bondOf = ({ address }: Party) => market.state.balances.get(`bond:${address}`) ?? 0n;
const importNow = () => openNext(market, memory.entries, OTHER, { cause: 'import' });

/** A round with two bids, cleared: cheap is primary, solid backup. */
async function sellOne(): Promise<string> {
  const { roundId, jobIds } = await market.submitBlock(requester, 1, { missCostWei: (2n * ETH).toString() });
  await market.bid(cheap, roundId, { priceWei: ETH / 5n, standbyWei: ETH / 10n });
  await market.bid(solid, roundId, { priceWei: ETH / 2n, standbyWei: ETH / 1_000n });
  await market.advance(1_000);
  expect(market.job(jobIds[0]!).backup?.prover).toBe(solid.address);
  return jobIds[0]!;
}

describe('a rotation', () => {
  it('goes on in the next log with everything as it was', async () => {
    const jobId = await sellOne();
    const before = structuredClone(market.state);
    expect((await rotate(market, memory.entries, SECOND)).ok).toBe(true);
    const { market: named, earlierLogs, logFirstIndex, size, lastAtMs, ...rest } = market.state;
    const { market: was, earlierLogs: _e, logFirstIndex: _f, size: sizeBefore, lastAtMs: _l, ...restBefore } = before;
    expect(rest).toEqual(restBefore);
    expect(named).toEqual({ ...was, origin: SECOND.origin, logKey: SECOND.logKey });
    expect([logFirstIndex, size]).toEqual([sizeBefore + 1, sizeBefore + 2]);
    expect(earlierLogs).toMatchObject([{ origin: OPERATOR.origin, size: sizeBefore + 1, isAnnounced: true }]);
    expect(logsOf(market.state).map(({ number, size: entries }) => [number, entries])).toEqual([
      [0, sizeBefore + 1],
      [1, null],
    ]);
    expect(logAt(market.state, sizeBefore).number).toBe(0);
    expect(logAt(market.state, sizeBefore + 1).number).toBe(1);
    await market.prove(cheap, jobId);
    expect(market.state.jobs.get(jobId)?.outcome).toBe('proven');
    expect(flawOf(throughText(memory.entries))).toBeNull();
  });

  it('lets nothing follow in a log that is closed', async () => {
    const { origin, logKey } = SECOND;
    await market.run({ kind: 'closeLog', next: { origin, logKey }, reason: 'it is long' });
    const refused = await market.run({
      kind: 'deposit',
      account: cheap.address,
      amountWei: 1n,
      source: 'faucet',
      reference: 'x',
    });
    expect(refused).toEqual({ ok: false, code: 'unavailable' });
  });

  it('charges nobody for a bid that it has not opened', async () => {
    const { roundId } = await market.submitBlock(requester, 1, { sealing: 'commitReveal' });
    await market.commit(cheap, roundId, { priceWei: ETH / 4n });
    expect(bondOf(cheap)).toBeGreaterThan(0n);
    await rotate(market, memory.entries, SECOND);
    await market.advance(30_000);
    expect(bondOf(cheap)).toBe(0n);
    expect(market.state.balances.get(`account:${cheap.address}`)).toBe(100n * ETH);
    expect(flawOf(throughText(memory.entries))).toBeNull();
  });

  it.each([
    ['a log of the same name', { origin: OPERATOR.origin, logKey: OPERATOR.logKey }],
    ['a key of another name', { origin: SECOND.origin, logKey: OTHER.logKey }],
    ['a key that is none', { origin: SECOND.origin, logKey: 'x' }],
    ['a name with spaces', { origin: 'a b', logKey: SECOND.logKey }],
  ])('is refused for %s', async (_name, next) => {
    expect(await market.run({ kind: 'closeLog', next, reason: 'why' })).toEqual({ ok: false, code: 'badRequest' });
  });

  it.each([
    ['without a logClosed', {}, false],
    ['under another key than announced', { origin: OTHER.origin, logKey: OTHER.logKey }, true],
    ['behind another size', { previous: { ...checkpointOver([]), size: 3 } }, true],
  ])('is refused %s', async (_name, bent, isClosed) => {
    const { origin, logKey } = SECOND;
    if (isClosed) await market.run({ kind: 'closeLog', next: { origin, logKey }, reason: 'it is long' });
    expect(await openNext(market, memory.entries, SECOND, bent)).toEqual({ ok: false, code: 'badRequest' });
  });

  it('is refused with a checkpoint that another key has signed, or of another root', async () => {
    const { origin, logKey } = SECOND;
    await market.run({ kind: 'closeLog', next: { origin, logKey }, reason: 'it is long' });
    const forged = operatorOf(5, OPERATOR.origin);
    expect((await openNext(market, memory.entries, SECOND, { before: forged })).ok).toBe(false);
    const previous = { ...checkpointOver(memory.entries), rootHash: `0x${'11'.repeat(32)}` as const };
    expect((await openNext(market, memory.entries, SECOND, { previous })).ok).toBe(false);
    expect((await openNext(market, memory.entries, SECOND)).ok).toBe(true);
  });
});

describe('an import', () => {
  it('keeps money, records and parameters, and changes the name that messages are signed for', async () => {
    const jobId = await sellOne();
    await market.prove(cheap, jobId);
    const before = structuredClone(market.state);
    market.nowMs += 3_600_000;
    expect((await importNow()).ok).toBe(true);
    const { balances, records, parameters, requesters, provers } = market.state;
    const { balances: b, records: r, parameters: p, requesters: q, provers: o } = before;
    expect({ balances, records, parameters, requesters, provers }).toEqual({
      ...{ balances: b, records: r, parameters: p, requesters: q, provers: o },
    });
    expect(market.state.market!.coordinatorId).toBe(NEW_DOMAIN.coordinatorId);
    expect(logsOf(market.state)[0]).toMatchObject({ followedBy: 'import', isAnnounced: false });
    expect(flawOf(throughText(memory.entries))).toBeNull();
  });

  it('takes messages for the new market only, and old ones as they were', async () => {
    await importNow();
    const old = await market.submitBlock(requester, 1);
    const again = await market.submitBlock(partyOf(1, NEW_DOMAIN), 1);
    expect(again.executed.ok).toBe(true);
    const [good, bad] = [memory.entries.toSpliced(-4, 2), memory.entries].map(throughText);
    expect(flawOf(bad!)).toMatch(/signature|block id/);
    expect(old.blockId).not.toBe(again.blockId);
    expect(good!.length).toBe(bad!.length - 2);
  });

  it('begins rounds anew and gives deposits back; nobody forfeits', async () => {
    const committed = await market.submitBlock(requester, 1, { sealing: 'commitReveal' });
    const { bid } = await market.commit(cheap, committed.roundId, { priceWei: ETH / 4n });
    await market.commit(solid, committed.roundId, { priceWei: ETH / 4n });
    await market.advance(1_000);
    await market.openBid(cheap, bid);
    const receipt = await market.submitBlock(requester, 1);
    await market.bid(cheap, receipt.roundId, { priceWei: ETH / 4n });
    market.nowMs += 50_000;
    await importNow();
    expect([bondOf(cheap), bondOf(solid)]).toEqual([0n, 0n]);
    const round = market.state.rounds.get(committed.roundId)!;
    expect(round).toMatchObject({ sealedAtMs: null, revealsUntilMs: null, closesAtMs: market.nowMs + 1_000 });
    expect(round.bids.size + round.opened.size).toBe(0);
    expect(market.state.rounds.get(receipt.roundId)!.bids.size).toBe(0);
    const again = [10, 11].map((seed) => partyOf(seed, NEW_DOMAIN));
    const bids = [];
    for (const one of again) bids.push(await market.commit(one, committed.roundId, { priceWei: ETH / 4n }));
    await market.advance(1_000);
    for (const [at, one] of again.entries()) expect((await market.openBid(one, bids[at]!.bid)).ok).toBe(true);
    await market.advance(300_000);
    expect([...market.state.jobs.values()].map(({ status }) => status)).toEqual(['ended', 'ended']);
    expect(total()).toBe(0n);
    expect([bondOf(cheap), bondOf(solid)]).toEqual([0n, 0n]);
    expect(flawOf(throughText(memory.entries))).toBeNull();
  });

  it('lets an awarded job end with its primary, in time until the deadline', async () => {
    const jobId = await sellOne();
    market.nowMs += 20_000;
    await importNow();
    await market.advanceTo(market.job(jobId).deadlineMs - 1_000);
    await market.run({ kind: 'missLease', jobId, prover: cheap.address, lastSeenMs: 0 });
    expect(market.job(jobId).primary!.leaseMissed).toBe(false);
    const { priceWei } = market.job(jobId);
    const before = market.state.balances.get(`account:${cheap.address}`)!;
    const bondWei = bondOf(cheap);
    await market.prove(partyOf(10, NEW_DOMAIN), jobId);
    expect(market.state.balances.get(`account:${cheap.address}`)).toBe(before + priceWei + bondWei);
    expect(flawOf(throughText(memory.entries))).toBeNull();
  });

  it.each([60_000, 40 * 86_400_000])('slashes nobody for a job that nobody can deliver, after %i ms', async (gapMs) => {
    const jobId = await sellOne();
    market.nowMs += gapMs;
    await importNow();
    const expired = market.state.blocks.size;
    await market.advance(400_000);
    expect(expired).toBe(1);
    const ending = memory.entries.findLast((entry) => entry.type === 'jobExpired') as EntryOf<'jobExpired'>;
    expect(ending).toMatchObject({ jobId, excused: expect.arrayContaining([cheap.address, solid.address]) });
    for (const one of [cheap, solid]) expect(market.state.balances.get(`account:${one.address}`)).toBe(100n * ETH);
    expect(market.state.balances.get(`account:${requester.address}`)).toBe(100n * ETH);
    expect(flawOf(throughText(memory.entries))).toBeNull();
  });

  it('excuses no side that had failed before', async () => {
    const jobId = await sellOne();
    await market.giveUp(cheap, jobId);
    market.nowMs += 60_000;
    await importNow();
    await market.advance(400_000);
    const ending = memory.entries.findLast((entry) => entry.type === 'jobExpired') as EntryOf<'jobExpired'>;
    expect(ending.excused).toEqual([solid.address]);
    expect(flawOf(throughText(memory.entries))).toBeNull();
  });

  it('gives back what is locked for zkProofs that the pool still waits for', async () => {
    const { jobIds } = await market.submitBlock(requester, 1);
    await market.advance(40_000);
    await market.commitToPool(cheap, jobIds[0]!);
    expect(bondOf(cheap)).toBeGreaterThan(0n);
    market.nowMs += 1_000;
    await importNow();
    expect(bondOf(cheap)).toBe(0n);
    expect(market.job(jobIds[0]!).pool!.commitments).toEqual([]);
    await market.advance(300_000);
    expect(market.state.balances.get(`account:${cheap.address}`)).toBe(100n * ETH);
    expect(flawOf(throughText(memory.entries))).toBeNull();
  });

  it('judges a zkProof that was received before', async () => {
    const jobId = await sellOne();
    const { submissionId } = await market.deliver(cheap, jobId);
    market.nowMs += 300_000;
    await importNow();
    await market.judge(jobId, submissionId, true);
    expect(market.state.balances.get(`account:${cheap.address}`)).toBeGreaterThan(100n * ETH);
    expect(flawOf(throughText(memory.entries))).toBeNull();
  });

  it('lets a challenge be asked for again at once', async () => {
    memory = new MemoryExecutor();
    const sample = { publicSignals: ['1', '2', '3'], inputHash: `0x${'dd'.repeat(32)}` as const };
    market = await new MarketDriver(memory).open({ newcomerJobs: 1 }, [sample]);
    const prover = await market.prover(10);
    const { challengeId } = await market.requestChallenge(prover);
    await market.submitChallenge(prover, challengeId);
    await importNow();
    const { executed } = await market.requestChallenge(partyOf(10, NEW_DOMAIN));
    expect(executed.ok).toBe(true);
    expect(flawOf(throughText(memory.entries))).toBeNull();
  });
});

it('is folded the same from text', async () => {
  await sellOne();
  market.nowMs += 60_000;
  await importNow();
  const folded = throughText(memory.entries).reduce((state, entry) => evolve(state, entry), emptyState());
  expect(folded).toEqual(market.state);
});
