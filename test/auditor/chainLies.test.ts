/** What a coordinator can do on the chain against its own log, and that an audit which looks at the chain says so. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Entry } from '#protocol/entries.js';
import { entryLeafHash } from '#protocol/log/logLeaf.js';
import { appendLeaf, emptyFrontier, rootOf } from '#protocol/log/merkleTree.js';
import { compactSignature, voucherTypedData } from '#protocol/voucher.js';
import { ChainAudit } from '#settlement/chainAudit.js';
import { ChainMarket, chainAccount } from '../setup/chainMarket.js';
import { ETH } from '../setup/marketDriver.js';

let market: ChainMarket;
const alice = chainAccount(1).address;
const thief = chainAccount(66);

beforeAll(async () => {
  market = await ChainMarket.open();
  await market.deposit(alice, 5n * ETH);
  await market.mine(2);
  await market.service.look();
  await market.takeOut(1, ETH);
  await market.passEpoch();
  await market.drawVoucher(1);
});

afterAll(() => market.close());

/** Audits the log as it is, or as `bend` makes it, against the chain as it stands. */
async function flaws(bend: (entries: Entry[]) => void = () => {}): Promise<string[]> {
  const leaves = (await market.journal.readEntries(0, 1_000)).map(({ leaf }) => leaf);
  const entries = leaves.map((leaf) => JSON.parse(leaf) as Entry);
  bend(entries);
  const audit = new ChainAudit();
  const roots = new Map<number, string>();
  let frontier = emptyFrontier();
  for (const [index, entry] of entries.entries()) {
    audit.take(entry, index);
    if (leaves[index] === undefined) continue;
    frontier = appendLeaf(frontier, entryLeafHash(leaves[index]!)).frontier;
    roots.set(index + 1, Buffer.from(rootOf(frontier)).toString('hex'));
  }
  const blockNumber = Number(await market.client.getBlockNumber({ cacheTime: 0 }));
  const found = await audit.hold(
    market.chain(),
    blockNumber,
    market.journal.state(),
    (size) => roots.get(size) ?? null,
  );
  return found.flaws;
}

describe('an audit that looks at the chain', () => {
  it('finds nothing against an honest coordinator', async () => {
    expect(await flaws()).toEqual([]);
  });

  it('finds a deposit that the log credits and the chain does not have', async () => {
    const lie = (entries: Entry[]) => {
      const deposit = entries.find(({ type }) => type === 'deposited') as Extract<Entry, { type: 'deposited' }>;
      deposit.amountWei = `${6n * ETH}`;
    };
    expect(await flaws(lie)).toEqual([expect.stringContaining('which the chain does not have')]);
  });

  it('finds a log that computed another root than the one on the chain', async () => {
    const lie = (entries: Entry[]) => {
      const root = entries.find(({ type }) => type === 'balanceRootComputed') as { balanceRoot: string };
      root.balanceRoot = `0x${'99'.repeat(32)}`;
    };
    expect(await flaws(lie)).toEqual([expect.stringContaining('the fold is 0x9999')]);
  });

  it('finds a root that is no fold of the log', async () => {
    const latest = await market.read<Record<string, unknown>>('latestRoot');
    const forged = { ...latest, balanceRoot: `0x${'77'.repeat(32)}` };
    await market.send(market.key, 'postRoot', [2n, forged]);
    expect(await flaws()).toContainEqual(expect.stringContaining('the root of epoch 2 on the chain'));
  });

  it('finds a job set that the log did not commit', async () => {
    const setId = `0x${'5e'.repeat(32)}`;
    await market.send(market.key, 'commitJobSet', [setId, `0x${'66'.repeat(32)}`, 7n, 1n]);
    const found = `the chain has the job set ${setId} of 7 wei`;
    expect(await flaws()).toContainEqual(expect.stringContaining(found));
    const bend = (entries: Entry[]) => {
      const set = { type: 'jobSetCommitted', setId, setRoot: `0x${'66'.repeat(32)}`, totalWei: '8' };
      entries.push(set as never);
    };
    expect(await flaws(bend)).toContainEqual(expect.stringContaining(found));
  });

  it('finds money that a voucher has let out beside the log', async () => {
    const voucher = { account: alice, cumulativeWei: 9n * ETH };
    await market.deposit(thief.address, 20n * ETH, chainAccount(5));
    const { r, vs } = compactSignature(await market.key.signTypedData(voucherTypedData(market.terms, voucher)));
    await market.send(chainAccount(1), 'withdrawFunds', [voucher.cumulativeWei, r, vs]);
    expect(await flaws()).toContainEqual(expect.stringContaining(`${alice} was paid ${9n * ETH} wei`));
  });
});
