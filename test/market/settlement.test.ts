import { beforeEach, describe, expect, it } from 'vitest';
import { entitlementsOf, voucherWei } from '#market/settlement.js';
import { entitlementOf } from '#protocol/packedBalanceTree.js';
import { ChainDriver, TERMS } from '../setup/chainDriver.js';
import { replayFlaws, throughText } from '../setup/invariants.js';
import { ETH, entriesOf, MarketDriver, MemoryExecutor, type Party, party } from '../setup/marketDriver.js';

let executor: MemoryExecutor;
let market: ChainDriver;
const requester = party(1);

beforeEach(async () => {
  executor = new MemoryExecutor();
  market = await new ChainDriver(executor).open();
});

const settlement = () => market.state.settlement!;
const sumOf = (entitlements: Map<string, bigint>) => [...entitlements.values()].reduce((sum, wei) => sum + wei, 0n);
const expectReplays = () => expect(replayFlaws(throughText(executor.entries))).toEqual([]);

async function provers(): Promise<Party[]> {
  return [await market.prover(10), await market.prover(11), await market.prover(12)];
}

/** A block that its primaries prove, all of it. */
async function provenBlock(sellers: Party[], jobCount: number, terms: { settlement?: 'chain' } = {}) {
  const block = await market.submitBlock(requester, jobCount, terms);
  for (const [at, one] of sellers.entries()) {
    await market.bid(one, block.roundId, { priceWei: BigInt(1_000 + at * 500), provingMsP95: 500 });
  }
  await market.advance(1_000);
  for (const jobId of block.jobIds) {
    await market.prove(sellers.find(({ address }) => address === market.job(jobId).primary!.prover)!, jobId);
  }
  return block;
}

describe('a market and its chain', () => {
  it('is bound once, to a chain of its own signing domain, and never beside a faucet', async () => {
    expect(await market.run({ kind: 'attachChain', terms: TERMS })).toEqual({ ok: true, entries: [] });
    const moved = { ...TERMS, contract: `0x${'c1'.repeat(20)}` as const };
    expect(await market.run({ kind: 'attachChain', terms: moved })).toEqual({ ok: false, code: 'chainRefused' });
    const demo = await new MarketDriver(new MemoryExecutor()).open();
    expect(await demo.run({ kind: 'attachChain', terms: TERMS })).toEqual({ ok: false, code: 'chainRefused' });
    const faucet = { kind: 'deposit' as const, account: requester.address, amountWei: 1n, source: 'faucet' as const };
    expect(await market.run({ ...faucet, reference: 'demo' })).toEqual({ ok: false, code: 'faucetClosed' });
    expectReplays();
  });

  it('refuses everything of a chain where there is none', async () => {
    const demo = await new MarketDriver(new MemoryExecutor()).open();
    const deposit = market.depositOf(requester.address, 5n);
    expect(await demo.run(deposit)).toEqual({ ok: false, code: 'noChain' });
    expect((await demo.submitBlock(requester, 1, { settlement: 'chain' })).executed).toEqual({
      ok: false,
      code: 'noChain',
    });
  });
});

describe('deposits', () => {
  it('are credited once, in their order on the contract’s line of deposits', async () => {
    const [one, two, three] = [1n, 2n, 4n].map((wei) => market.depositOf(requester.address, wei));
    expect(entriesOf(await market.run(one!), 'deposited')).toMatchObject([{ amountWei: '1', source: 'chain' }]);
    // A provider that leaves one out, and a chain that brings one again at another place.
    expect(await market.run(three!)).toEqual({ ok: false, code: 'depositGap' });
    expect(await market.run({ ...one!, deposit: { ...one!.deposit, blockNumber: 70 } })).toEqual({
      ok: true,
      entries: [],
    });
    await market.run(two!);
    await market.run(three!);
    expect(market.freeWei(requester)).toBe(7n);
    expect(settlement().depositedWei).toBe(7n);
    expectReplays();
  });
});

describe('withdrawals', () => {
  beforeEach(() => market.fund(requester.address, 10n));

  it('leave the ledger at once, and the contract once a posted root promises them', async () => {
    expect(entriesOf(await market.takeOut(requester, 4n), 'withdrawalRequested')).toHaveLength(1);
    expect(market.freeWei(requester)).toBe(6n);
    expect(voucherWei(settlement(), requester.address)).toBe(0n);
    await market.computeRoot();
    expect(voucherWei(settlement(), requester.address)).toBe(0n);
    await market.postRoot();
    expect(voucherWei(settlement(), requester.address)).toBe(4n);
    // What the root has promised already needs no further one.
    await market.takeOut(requester, 9n);
    expect(voucherWei(settlement(), requester.address)).toBe(9n);
    // The same message gets its first answer again.
    expect(entriesOf(await market.takeOut(requester, 9n), 'withdrawalRequested')).toHaveLength(1);
    expect(market.freeWei(requester)).toBe(1n);
    market.nowMs += 1;
    expect(await market.takeOut(requester, 9n)).toEqual({ ok: false, code: 'alreadyWithdrawn' });
    expect(await market.takeOut(requester, 11n)).toEqual({ ok: false, code: 'insufficientFunds' });
    expectReplays();
  });

  it('pay nobody out of money that moved after the newest root', async () => {
    await market.computeRoot();
    await market.postRoot();
    const sellers = await provers();
    await market.fund(requester.address, 100n * ETH);
    await provenBlock(sellers, 2);
    const winner = sellers.find((one) => market.freeWei(one) > 100n * ETH)!;
    await market.takeOut(winner, market.freeWei(winner));
    // The root knows nothing of the winner yet.
    expect(voucherWei(settlement(), winner.address)).toBe(0n);
    await market.computeRoot();
    await market.postRoot();
    expect(voucherWei(settlement(), winner.address)).toBe(settlement().withdrawn.get(winner.address));
    expectReplays();
  });
});

describe('balance roots', () => {
  it('come once an epoch, one after the other, and sum to what the contract owes', async () => {
    const sellers = await provers();
    await market.fund(requester.address, 100n * ETH);
    await market.submitBlock(requester, 3);
    expect(await market.run({ kind: 'computeBalanceRoot' })).toEqual({ ok: true, entries: [] });
    const [first] = entriesOf(await market.computeRoot(), 'balanceRootComputed');
    // Escrow of the open block is the requester's.
    expect(entitlementOf(settlement().computed!.entitlements, requester.address)).toBe(100n * ETH);
    expect(first).toMatchObject({ epoch: 1, sumWei: (400n * ETH).toString(), accounts: 1 + sellers.length });
    expect(await market.computeRoot()).toEqual({ ok: true, entries: [] });
    expect(await market.postRoot(2)).toEqual({ ok: true, entries: [] });
    await market.postRoot();
    expect(await market.postRoot()).toEqual({ ok: true, entries: [] });
    const [second] = entriesOf(await market.computeRoot(), 'balanceRootComputed');
    expect(second).toMatchObject({ epoch: 2 });
    expectReplays();
  });

  it('are recomputed by every replay', async () => {
    await market.fund(requester.address, 10n);
    await market.computeRoot();
    const lie = throughText(executor.entries);
    const root = lie.findLast(({ type }) => type === 'balanceRootComputed') as { balanceRoot: string; sumWei: string };
    root.sumWei = '9';
    expect(replayFlaws(lie)).toEqual([expect.stringContaining('balanceRootComputed')]);
    root.sumWei = '10';
    root.balanceRoot = `0x${'12'.repeat(32)}`;
    expect(replayFlaws(lie)).toEqual([expect.stringContaining('balanceRootComputed')]);
  });
});

describe('blocks that the contract settles', () => {
  it('pay their zkProofs through a set, and everything else in the ledger', async () => {
    const sellers = await provers();
    await market.fund(requester.address, 100n * ETH);
    const before = sellers.map((one) => market.freeWei(one));
    const { blockId, jobIds } = await provenBlock(sellers, 3, { settlement: 'chain' });
    const set = settlement().sets.get(blockId)!;
    expect(set.items.map(({ jobId }) => jobId)).toEqual(jobIds);
    const owed = new Map<string, bigint>();
    for (const { payee, amountWei } of set.items) owed.set(payee, (owed.get(payee) ?? 0n) + BigInt(amountWei));
    expect(market.state.balances.get(`set:${blockId}`)).toBe(sumOf(owed));
    // Until it is committed, the money is that of the provers.
    const entitled = entitlementsOf(market.state);
    expect(sumOf(entitled)).toBe(settlement().depositedWei);
    for (const [at, one] of sellers.entries()) {
      expect(entitled.get(one.address)! - market.freeWei(one)).toBe(owed.get(one.address) ?? 0n);
      expect(market.freeWei(one) >= before[at]!).toBe(true);
    }
    const [committed] = entriesOf(await market.run({ kind: 'commitJobSet', setId: blockId }), 'jobSetCommitted');
    expect(BigInt(committed!.totalWei)).toBe(sumOf(owed));
    expect(market.state.balances.has(`set:${blockId}`)).toBe(false);
    expect(await market.run({ kind: 'commitJobSet', setId: blockId })).toEqual({ ok: true, entries: [] });
    await market.computeRoot();
    expect(settlement().computed!.sumWei).toBe(settlement().depositedWei - settlement().committedWei);
    const fact = { setId: blockId, transactionHash: `0x${'ab'.repeat(32)}` as const, blockNumber: 7 };
    expect(entriesOf(await market.run({ kind: 'noteSettledSet', ...fact }), 'jobSetSettled')).toHaveLength(1);
    expect(settlement().sets.size).toBe(0);
    expectReplays();
  });

  it('give back what nobody proves, and have no set then', async () => {
    await market.fund(requester.address, 100n * ETH);
    const { blockId } = await market.submitBlock(requester, 2, { settlement: 'chain', pool: 'none' });
    await market.advance(200_000);
    expect(market.freeWei(requester)).toBe(100n * ETH);
    expect(settlement().sets.has(blockId)).toBe(false);
    expectReplays();
  });
});
