/** A requester withdraws a block: what nobody has been awarded ends with its escrow, the rest goes on. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { BlockRequest } from '#protocol/messages.js';
import { replayFlaws, throughText } from '../setup/invariants.js';
import { ETH, entriesOf, MarketDriver, MemoryExecutor, type Party, party } from '../setup/marketDriver.js';
import { moneyFlaws } from './marketChecks.js';

let memory: MemoryExecutor;
let market: MarketDriver;
let requester: Party;
let prover: Party;
let heldWei: bigint;

beforeEach(async () => {
  memory = new MemoryExecutor();
  market = await new MarketDriver(memory).open();
  requester = party(1);
  await market.fund(requester.address);
  prover = await market.prover(10);
  await market.prover(11);
  heldWei = market.freeWei(requester);
});

const submit = (after: number[][], terms: Partial<BlockRequest> = {}) =>
  market.submitBlock(requester, after.length, terms, after);

const sound = () => {
  expect(moneyFlaws(market.state)).toEqual([]);
  expect(replayFlaws(throughText(memory.entries), true)).toEqual([]);
};

describe('a withdrawal', () => {
  it('ends a block before its window closes, and its bids with it', async () => {
    const { blockId, roundId, jobIds } = await submit([[], []]);
    await market.bid(prover, roundId, { priceWei: ETH / 4n });
    const withdrawn = await market.withdraw(requester, blockId);
    expect(entriesOf(withdrawn, 'blockWithdrawn')).toMatchObject([{ jobIds, roundIds: [roundId], postings: [] }]);
    expect(entriesOf(withdrawn, 'jobExpired').map(({ reason }) => reason)).toEqual(['withdrawn', 'withdrawn']);
    expect(entriesOf(withdrawn, 'blockCompleted')).toMatchObject([{ proven: 0, expired: 2 }]);
    expect(market.freeWei(requester)).toBe(heldWei);
    const before = memory.entries.length;
    await market.advance(200_000);
    expect(memory.entries.length).toBe(before);
    expect(await market.bid(prover, roundId, { priceWei: ETH / 4n })).toMatchObject({ ok: false, code: 'roundClosed' });
    sound();
  });

  it('gives the deposits of commitments back', async () => {
    const { blockId, roundId } = await submit([[]], { sealing: 'commitReveal' });
    const freeWei = market.freeWei(prover);
    await market.commit(prover, roundId, { priceWei: ETH / 4n });
    expect(market.freeWei(prover)).toBeLessThan(freeWei);
    expect((await market.withdraw(requester, blockId)).ok).toBe(true);
    expect(market.freeWei(prover)).toBe(freeWei);
    sound();
  });

  it('leaves a round whose window has closed to its clearing, and auctions nothing of it again', async () => {
    const { blockId, roundId, jobIds } = await submit([[]]);
    market.nowMs += 1_500;
    const withdrawn = await market.withdraw(requester, blockId);
    expect(entriesOf(withdrawn, 'blockWithdrawn')).toMatchObject([{ jobIds: [], roundIds: [] }]);
    await market.advance(1);
    expect(market.state.rounds.get(roundId)!.escalations).toMatchObject([{ next: 'expiry' }]);
    expect(market.job(jobIds[0]!).outcomeReason).toBe('noBids');
    sound();
  });

  it('leaves awarded jobs to their provers, and ends those that wait for them', async () => {
    const { blockId, roundId, jobIds } = await submit([[], [0], [1]]);
    await market.bid(prover, roundId, { priceWei: ETH / 4n, provingMsP95: 500 });
    await market.advance(1_000);
    expect(entriesOf(await market.withdraw(requester, blockId), 'blockWithdrawn')).toMatchObject([
      { jobIds: jobIds.slice(1) },
    ]);
    const proven = await market.prove(prover, jobIds[0]!);
    expect(entriesOf(proven, 'blockCompleted')).toMatchObject([{ proven: 1, expired: 2 }]);
    sound();
  });

  it('empties a pool that nobody has committed to, and leaves one that somebody has', async () => {
    const { blockId, jobIds } = await submit([[], []]);
    await market.advance(10_000);
    expect(market.job(jobIds[0]!).status).toBe('pooled');
    expect((await market.commitToPool(prover, jobIds[0]!)).ok).toBe(true);
    expect(entriesOf(await market.withdraw(requester, blockId), 'blockWithdrawn')).toMatchObject([
      { jobIds: [jobIds[1]] },
    ]);
    await market.prove(prover, jobIds[0]!);
    expect(market.state.blocks.get(blockId)).toMatchObject({ provenCount: 1, expiredCount: 1 });
    sound();
  });

  it('is refused from others, a second time, and when all is awarded or over', async () => {
    const { blockId, roundId } = await submit([[], [0]]);
    expect(await market.withdraw(party(2), blockId)).toMatchObject({ ok: false, code: 'notRequester' });
    expect(await market.withdraw(requester, blockId, market.nowMs - 700_000)).toMatchObject({ code: 'messageExpired' });
    await market.bid(prover, roundId, { priceWei: ETH / 4n, provingMsP95: 500 });
    await market.advance(1_000);
    expect((await market.withdraw(requester, blockId)).ok).toBe(true);
    market.nowMs += 1;
    expect(await market.withdraw(requester, blockId)).toMatchObject({ ok: false, code: 'nothingToWithdraw' });
    const other = await submit([[]]);
    await market.bid(prover, other.roundId, { priceWei: ETH / 4n, provingMsP95: 500 });
    await market.advance(1_000);
    expect(await market.withdraw(requester, other.blockId)).toMatchObject({ ok: false, code: 'nothingToWithdraw' });
    expect(await market.withdraw(requester, `0x${'ab'.repeat(32)}`)).toMatchObject({ code: 'unknownBlock' });
  });
});
