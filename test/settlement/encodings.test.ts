/** The contract and the protocol room read the same bytes; property tests print seed and path when they fail. */
import fc from 'fast-check';
import { encodeAbiParameters, hashTypedData, keccak256, parseAbiParameters } from 'viem';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { balanceLeaf, inTreeOrder } from '#protocol/balanceTree.js';
import { bytes32OfText } from '#protocol/evmWords.js';
import { ITEM_WEI_MAX, payoutWord } from '#protocol/jobSet.js';
import {
  type SumNode,
  subtreeHeight,
  sumNode,
  sumTreeRoot,
  sumTreeSiblings,
  TREE_SUM_WEI_MAX,
} from '#protocol/sumTree.js';
import type { Address } from '#protocol/units.js';
import { compactSignature, settlementDomainSeparator, voucherDigest, voucherTypedData } from '#protocol/voucher.js';
import { anvilAccount, Chain, Settlement } from './settlementChain.js';

const address = fc
  .bigInt({ min: 1n, max: (1n << 160n) - 1n })
  .map((value): Address => `0x${value.toString(16).padStart(40, '0')}`);

describe('sum trees', () => {
  it('hash leaves and nodes as Solidity does', () => {
    const [one, other] = [1n, 2n].map((cumulativeWei) =>
      balanceLeaf({ account: anvilAccount(0).address, cumulativeWei }),
    );
    const leafTypes = parseAbiParameters('bytes32, address, uint128');
    const leaf = encodeAbiParameters(leafTypes, [bytes32OfText('understudy.balance.v1'), anvilAccount(0).address, 1n]);
    expect(one!.hash).toBe(keccak256(leaf));
    const nodeTypes = parseAbiParameters('bytes32, bytes32, uint128, bytes32, uint128');
    const words = [bytes32OfText('understudy.node.v1'), one!.hash, 1n, other!.hash, 2n] as const;
    expect(sumNode(one!, other!)).toEqual({ hash: keccak256(encodeAbiParameters(nodeTypes, words)), sumWei: 3n });
  });

  it('lead from every aligned range of leaves to the root and its sum', () => {
    const amounts = fc.array(fc.bigInt({ min: 0n, max: 1n << 90n }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(amounts, fc.nat(), fc.integer({ min: 0, max: 5 }), (all, place, height) => {
        const leaves = all.map((sumWei, index) =>
          balanceLeaf({ account: `0x${String(index).padStart(40, '0')}`, cumulativeWei: sumWei }),
        );
        const first = ((place % leaves.length) >> height) << height;
        const count = Math.min(2 ** height, leaves.length - first);
        expect(climbed(leaves.slice(first, first + count), first, sumTreeSiblings(leaves, first, count))).toEqual(
          sumTreeRoot(leaves),
        );
        expect(sumTreeRoot(leaves).sumWei).toBe(all.reduce((sum, one) => sum + one, 0n));
      }),
    );
  });

  it('refuse sums beyond 128 bits, ranges that are no subtree, and amounts beyond their word', () => {
    const leaf = (sumWei: bigint): SumNode => ({ hash: `0x${'1'.repeat(64)}`, sumWei });
    expect(() => sumTreeRoot([leaf(TREE_SUM_WEI_MAX), leaf(1n)])).toThrow(RangeError);
    expect(sumTreeRoot([leaf(TREE_SUM_WEI_MAX), leaf(0n)]).sumWei).toBe(TREE_SUM_WEI_MAX);
    for (const [first, count] of [
      [1, 2],
      [2, 3],
      [4, 1],
      [0, 0],
      [0, 5],
    ] as const) {
      expect(() => sumTreeSiblings([1n, 2n, 3n, 4n].map(leaf), first, count)).toThrow(RangeError);
    }
    expect(() => payoutWord({ payee: anvilAccount(1).address, amountWei: ITEM_WEI_MAX + 1n })).toThrow(RangeError);
  });

  it('have one order for one set of entitlements, without those of nothing', () => {
    const entitlements = fc.uniqueArray(
      fc.record({ account: address, cumulativeWei: fc.bigInt({ min: 0n, max: 9n }) }),
      {
        selector: ({ account }) => account,
      },
    );
    fc.assert(
      fc.property(entitlements, (all) => {
        const ordered = inTreeOrder(all);
        expect(inTreeOrder([...all].reverse())).toEqual(ordered);
        expect(ordered.length).toBe(all.filter(({ cumulativeWei }) => cumulativeWei > 0n).length);
      }),
    );
  });
});

/** The root by way of a range's own subtree, padded, and its siblings: as the contract goes. */
function climbed(range: readonly SumNode[], first: number, siblings: readonly SumNode[]): SumNode {
  const height = subtreeHeight(range.length);
  const padding: SumNode = { hash: `0x${'0'.repeat(64)}`, sumWei: 0n };
  let level = Array.from({ length: 2 ** height }, (_, index) => range[index] ?? padding);
  while (level.length > 1)
    level = level.filter((_, i) => i % 2 === 0).map((node, i) => sumNode(node, level[2 * i + 1]!));
  return siblings.reduce((node, beside, above) => {
    return (first >> (height + above)) & 1 ? sumNode(beside, node) : sumNode(node, beside);
  }, level[0]!);
}

describe('vouchers', () => {
  let chain: Chain;
  beforeAll(async () => {
    chain = await Chain.start();
  });
  afterAll(() => chain.node.stop());

  it('are signed over the digest that viem makes, in the domain that the contract says', async () => {
    const settlement = await Settlement.deploy(chain);
    const voucher = { account: anvilAccount(1).address, cumulativeWei: 10n ** 18n };
    expect(voucherDigest(settlement.domain, voucher)).toBe(hashTypedData(voucherTypedData(settlement.domain, voucher)));
    expect(settlementDomainSeparator(settlement.domain)).toBe(await settlement.call('domainSeparator'));
  });

  it('have signatures of two words', () => {
    const [r, s] = ['1'.repeat(64), `7${'2'.repeat(63)}`];
    expect(compactSignature(`0x${r}${s}1b`)).toEqual({ r: `0x${r}`, vs: `0x${s}` });
    expect(compactSignature(`0x${r}${s}1c`)).toEqual({ r: `0x${r}`, vs: `0xf${s.slice(1)}` });
    for (const wrong of [`0x${r}${s}1d`, `0x${r}8${s.slice(1)}1b`, `0x${r}${s}`, `0x${r}${s}1b00`] as const) {
      expect(() => compactSignature(wrong)).toThrow(RangeError);
    }
  });
});
