import { beforeEach, describe, expect, it } from 'vitest';
import type { Bid } from '#protocol/messages.js';
import { DEFAULT_PARAMETERS } from '#protocol/parameters.js';
import { logFlaws, replayFlaws, throughText } from '../setup/invariants.js';
import { ETH, entriesOf, MarketDriver, MemoryExecutor, type Party, party } from '../setup/marketDriver.js';
import { moneyFlaws } from './marketChecks.js';

const DEPOSIT_WEI = (ETH * BigInt(DEFAULT_PARAMETERS.bidForfeitBps)) / 10_000n;
const START_WEI = 100n * ETH;

let memory: MemoryExecutor;
let market: MarketDriver;
let requester: Party;
let cheap: Party;
let dear: Party;
let blockId: string;
let roundId: string;

const round = () => market.state.rounds.get(roundId)!;
const commit = (prover: Party, priceWei: bigint) => market.commit(prover, roundId, { priceWei });
const postingsOf = (why: string) =>
  memory.entries.flatMap((entry) => ('postings' in entry ? entry.postings.filter((one) => one.why === why) : []));
const cleared = () => memory.entries.find((entry) => entry.type === 'roundCleared');

/** The window closes, and the wake-ups of that moment are handled. */
const seal = () => market.advanceTo(round().closesAtMs);

beforeEach(async () => {
  memory = new MemoryExecutor();
  market = await new MarketDriver(memory).open();
  requester = party(1);
  await market.fund(requester.address);
  [cheap, dear] = [await market.prover(10), await market.prover(11)];
  ({ blockId, roundId } = await market.submitBlock(requester, 1, { sealing: 'commitReveal' }));
});

/** Whatever happened, the books are right and the log replays. */
async function settle(): Promise<void> {
  await market.advance(300_000);
  expect(moneyFlaws(market.state)).toEqual([]);
  const log = throughText(memory.entries);
  expect(replayFlaws(log)).toEqual([]);
  expect(logFlaws(log)).toEqual([]);
  const bonds = [...market.state.balances].filter(([account, wei]) => account.startsWith('bond:') && wei !== 0n);
  expect(bonds).toEqual([]);
}

describe('a round that is sealed by commitReveal', () => {
  it('takes commitments, then openings, and is cleared as soon as all are open', async () => {
    const [one, two] = [await commit(cheap, ETH / 4n), await commit(dear, ETH / 2n)];
    expect(market.freeWei(cheap)).toBe(START_WEI - DEPOSIT_WEI);
    await seal();
    expect(entriesOf({ ok: true, entries: memory.entries }, 'bidsSealed')).toMatchObject([{ count: 2 }]);
    expect(round().revealsUntilMs).toBe(market.nowMs + DEFAULT_PARAMETERS.bidRevealMs);
    await market.openBid(cheap, one.bid);
    await market.advance(10);
    expect(cleared()).toBeUndefined();
    await market.openBid(dear, two.bid);
    await market.advance(0);
    expect(cleared()).toMatchObject({
      awards: [{ primary: { prover: cheap.address } }],
      bids: [{ message: one.bid }, { message: two.bid }],
    });
    expect(postingsOf('bidDepositReturned')).toHaveLength(2);
    await market.prove(cheap, `${blockId}.0`);
    await settle();
  });

  it('is cleared at the end of its time without those who did not open: their deposits are the requester’s', async () => {
    const { bid } = await commit(dear, ETH / 2n);
    await commit(cheap, ETH / 4n);
    await seal();
    await market.openBid(dear, bid);
    await market.advanceTo(round().revealsUntilMs!);
    expect(cleared()).toMatchObject({ awards: [{ primary: { prover: dear.address } }], bids: [{ message: bid }] });
    expect(postingsOf('bidForfeited')).toEqual([
      {
        from: `bond:${cheap.address}`,
        to: `account:${requester.address}`,
        amountWei: DEPOSIT_WEI.toString(),
        why: 'bidForfeited',
      },
    ]);
    await settle();
    expect(market.freeWei(cheap)).toBe(START_WEI - DEPOSIT_WEI);
  });

  it('locks one deposit however often the commitment is replaced, and only the last one can be opened', async () => {
    const first = await commit(cheap, ETH / 4n);
    const second = await commit(cheap, ETH / 8n);
    expect(market.freeWei(cheap)).toBe(START_WEI - DEPOSIT_WEI);
    await seal();
    expect(await market.openBid(cheap, first.bid)).toMatchObject({ code: 'notCommitted' });
    expect(await market.openBid(cheap, second.bid)).toMatchObject({ ok: true });
    expect(await market.openBid(cheap, first.bid)).toMatchObject({ code: 'notCommitted' });
    await settle();
  });

  it('opens no other bid than the one committed to, none of another, none early, none late, and none twice', async () => {
    const { bid } = await commit(cheap, ETH / 4n);
    const copied = { roundId, prover: dear.address, commitment: round().bids.get(cheap.address)! };
    const { digest, signature } = await dear.sign('BidCommitment', copied);
    await market.run({ kind: 'commitBid', message: copied, signature, digest }, digest);
    expect(await market.openBid(cheap, bid)).toMatchObject({ code: 'notSealed' });
    await seal();
    expect(await market.openBid(cheap, { ...bid, priceWei: '1' })).toMatchObject({ code: 'notCommitted' });
    expect(await market.openBid(dear, { ...bid, prover: dear.address })).toMatchObject({ code: 'notCommitted' });
    const opened = await market.openBid(cheap, bid);
    expect(await market.openBid(cheap, bid)).toEqual(opened);
    const again = await cheap.sign('Bid', bid);
    expect(await market.run({ kind: 'openBid', message: bid, ...again })).toEqual({ ok: true, entries: [] });
    const late = await market.submitBlock(requester, 1, { sealing: 'commitReveal' });
    const other = await market.commit(cheap, late.roundId, { priceWei: ETH / 4n });
    await market.advanceTo(market.state.rounds.get(late.roundId)!.closesAtMs);
    market.nowMs = market.state.rounds.get(late.roundId)!.revealsUntilMs!;
    expect(await market.openBid(cheap, other.bid)).toMatchObject({ code: 'revealClosed' });
    await settle();
  });

  it('refuses what it cannot take: no money for the deposit, the other way of sealing, a closed window', async () => {
    const poor = await market.prover(12, undefined, DEPOSIT_WEI - 1n);
    expect((await commit(poor, 1n)).executed).toMatchObject({ code: 'insufficientFunds' });
    expect(await market.bid(cheap, roundId, { priceWei: 1n })).toMatchObject({ code: 'wrongSealing' });
    const receipt = await market.submitBlock(requester, 1);
    expect((await market.commit(cheap, receipt.roundId, { priceWei: 1n })).executed).toMatchObject({
      code: 'wrongSealing',
    });
    const { bid } = await commit(cheap, 2n * ETH);
    expect((await market.commit(party(40), roundId, { priceWei: 1n })).executed).toMatchObject({
      code: 'unknownProver',
    });
    await seal();
    expect((await commit(dear, 1n)).executed).toMatchObject({ code: 'roundClosed' });
    expect(await market.openBid(cheap, bid)).toMatchObject({ code: 'aboveMaxPrice' });
    await settle();
    expect(postingsOf('bidForfeited')).toHaveLength(1);
  });

  it('is not held up when nobody commits, and needs time to open bids before the deadline', async () => {
    await seal();
    await market.advance(0);
    expect(cleared()).toMatchObject({ unawarded: [{ reason: 'noBids' }] });
    const windowMs = 1_000;
    const { bidRevealMs, provingTimeMsMin, deliveryMarginMs } = DEFAULT_PARAMETERS;
    const leastMs = windowMs + bidRevealMs + provingTimeMsMin + deliveryMarginMs;
    const submit = (ms: number) =>
      market.submitBlock(requester, 1, { sealing: 'commitReveal', deadlineMs: market.nowMs + ms });
    expect((await submit(leastMs - 1)).executed).toMatchObject({ code: 'deadlineTooNear' });
    expect((await submit(leastMs)).executed).toMatchObject({ ok: true });
    await settle();
  });

  it('lets a prover whose whole money is the bond win, since its deposit comes back first', async () => {
    const bondMaxWei = 2n * ETH + (ETH * BigInt(market.state.parameters.get(1)!.lateDamageBps)) / 10_000n;
    const tight = await market.prover(13, undefined, bondMaxWei);
    const { bid } = await commit(tight, ETH / 100n);
    await seal();
    await market.openBid(tight, bid);
    await market.advance(0);
    expect(cleared()).toMatchObject({ awards: [{ primary: { prover: tight.address } }] });
    await settle();
  });

  it('breaks ties by the commitments, those that were never opened included', async () => {
    const seeds: string[] = [];
    for (const isOpened of [true, false]) {
      memory = new MemoryExecutor();
      market = await new MarketDriver(memory).open();
      await market.fund(requester.address);
      await market.prover(10);
      await market.prover(11);
      ({ roundId } = await market.submitBlock(requester, 1, { sealing: 'commitReveal' }));
      const bids: [Party, Bid][] = [];
      for (const prover of [cheap, dear]) bids.push([prover, (await commit(prover, ETH / 4n)).bid]);
      await seal();
      for (const [prover, bid] of bids) if (isOpened || prover === cheap) await market.openBid(prover, bid);
      await market.advance(10_000);
      const entry = cleared();
      if (entry?.type === 'roundCleared') seeds.push(entry.tieSeed);
    }
    expect(seeds[0]).toBe(seeds[1]);
  });
});

describe('the coordinator’s downtime', () => {
  const away = async (ms: number) => {
    const lastSignMs = market.nowMs;
    market.nowMs += ms;
    await market.run({ kind: 'startCoordinator', lastSignMs, cause: 'start' });
  };

  it('puts off the end of the time to open bids', async () => {
    const { bid } = await commit(cheap, ETH / 4n);
    await commit(dear, ETH / 2n);
    await seal();
    const untilMs = round().revealsUntilMs!;
    await market.advance(1_000);
    await away(30_000);
    expect(round().revealsUntilMs).toBe(untilMs + 30_000);
    expect(await market.openBid(cheap, bid)).toMatchObject({ ok: true });
    await settle();
  });

  it.each([500, 30_000])('of %i ms charges nobody for a bid that was not opened', async (ms) => {
    await commit(cheap, ETH / 4n);
    await seal();
    await away(ms);
    await market.advanceTo(round().revealsUntilMs!);
    expect(postingsOf('bidForfeited')).toEqual([]);
    expect(postingsOf('bidDepositReturned')).toHaveLength(1);
    await settle();
    expect(market.freeWei(cheap)).toBe(START_WEI);
  });

  it('after the time was over excuses nobody', async () => {
    await commit(cheap, ETH / 4n);
    await seal();
    market.nowMs = round().revealsUntilMs! + 1;
    await away(30_000);
    await market.advance(100);
    expect(postingsOf('bidForfeited')).toHaveLength(1);
    await settle();
  });

  it('makes a bid that has expired meanwhile bind nobody, and charges nobody for it', async () => {
    const { bid } = await market.commit(cheap, roundId, { priceWei: ETH / 4n, lifeMs: 5_000 });
    await commit(dear, ETH / 2n);
    await seal();
    await market.openBid(cheap, bid);
    await away(60_000);
    await market.advanceTo(round().revealsUntilMs!);
    expect(cleared()).toMatchObject({ awards: [], bids: [{ message: bid }] });
    expect(postingsOf('bidForfeited')).toEqual([]);
    await settle();
  });
});
