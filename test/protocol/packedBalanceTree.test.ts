import fc from 'fast-check';
import { expect, it } from 'vitest';
import { balanceLeaf, inTreeOrder } from '#protocol/balanceTree.js';
import {
  changedBalanceTree,
  countOf,
  entitlementOf,
  leafIndexOf,
  packEntitlements,
  packedBalanceTree,
  packedTreeRoot,
  packedTreeSiblings,
  unpackEntitlements,
} from '#protocol/packedBalanceTree.js';
import { sumTreeRoot, sumTreeSiblings } from '#protocol/sumTree.js';
import type { Address } from '#protocol/units.js';

const WEI_MAX = (1n << 100n) - 1n;
const account = fc.bigInt(0n, (1n << 160n) - 1n).map((n): Address => `0x${n.toString(16).padStart(40, '0')}`);
const entitlements = fc
  .uniqueArray(fc.tuple(account, fc.bigInt(0n, WEI_MAX)), { selector: ([one]) => one, maxLength: 40 })
  .map((all) => new Map(all));

it('has the root and the inclusionProofs of the tree that it packs, whatever the order', () => {
  fc.assert(
    fc.property(entitlements, (all) => {
      const ordered = inTreeOrder([...all].map(([one, cumulativeWei]) => ({ account: one, cumulativeWei })));
      const leaves = ordered.map(balanceLeaf);
      const tree = packedBalanceTree(packEntitlements(new Map([...all].reverse())));
      expect(packedTreeRoot(tree)).toEqual(sumTreeRoot(leaves));
      expect(countOf(tree.entitlements)).toBe(leaves.length);
      expect([...unpackEntitlements(tree.entitlements)]).toEqual(
        ordered.map((one) => [one.account, one.cumulativeWei]),
      );
      for (const [index, one] of ordered.entries()) {
        expect(leafIndexOf(tree.entitlements, one.account)).toBe(index);
        expect(packedTreeSiblings(tree, index)).toEqual(sumTreeSiblings(leaves, index));
      }
      for (const [one, wei] of all) expect(entitlementOf(tree.entitlements, one)).toBe(wei);
    }),
  );
});

it('is changed to what a new one would be, and leaves the old one as it was', () => {
  fc.assert(
    fc.property(
      entitlements,
      fc.array(fc.tuple(fc.nat(), fc.bigInt(1n, WEI_MAX)), { maxLength: 8 }),
      (all, choices) => {
        const before = new Map([...all].filter(([, wei]) => wei > 0n));
        const tree = packedBalanceTree(packEntitlements(before));
        const root = packedTreeRoot(tree);
        const accounts = [...before.keys()];
        const changes = new Map(
          choices.flatMap(([at, wei]) =>
            accounts.length > 0 ? [[accounts[at % accounts.length]!, wei] as const] : [],
          ),
        );
        const after = new Map([...before, ...changes]);
        expect(changedBalanceTree(tree, changes)).toEqual(packedBalanceTree(packEntitlements(after)));
        expect(packedTreeRoot(tree)).toEqual(root);
      },
    ),
  );
});

it('refuses what does not fit', () => {
  const one: Address = `0x${'11'.repeat(20)}`;
  const other: Address = `0x${'22'.repeat(20)}`;
  expect(() => packEntitlements(new Map([[one, 1n << 128n]]))).toThrow(RangeError);
  const full = packEntitlements(new Map([[one, (1n << 128n) - 1n]]));
  expect(packedTreeRoot(packedBalanceTree(full)).sumWei).toBe((1n << 128n) - 1n);
  const both = new Map([
    [one, (1n << 128n) - 1n],
    [other, 1n],
  ]);
  expect(() => packedBalanceTree(packEntitlements(both))).toThrow(RangeError);
  expect(() => changedBalanceTree(packedBalanceTree(full), new Map([[other, 1n]]))).toThrow(RangeError);
  expect([entitlementOf(full, other), leafIndexOf(full, other)]).toEqual([0n, -1]);
});
