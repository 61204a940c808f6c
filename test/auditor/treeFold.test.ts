import { expect, it } from 'vitest';
import { TreeFold } from '#auditor/treeFold.js';
import { entryLeafHash } from '#protocol/log/logLeaf.js';
import { rootFromLeaves } from '#protocol/log/merkleTree.js';

it('folds leaves to the root of the tree, at every size', () => {
  const leaves = Array.from({ length: 70 }, (_, index) => JSON.stringify({ index }));
  leaves[40] = JSON.stringify({ long: 'x'.repeat(70_000) });
  leaves[41] = JSON.stringify({ long: '€'.repeat(21_000) });
  leaves[42] = JSON.stringify({ long: '€'.repeat(30_000) });
  leaves[43] = JSON.stringify({ long: 'x'.repeat(65_500) });
  leaves[44] = JSON.stringify({ name: 'é\u{1f600}' });
  const fold = new TreeFold();
  for (const [index, leaf] of leaves.entries()) {
    expect(Buffer.from(fold.root())).toEqual(Buffer.from(rootFromLeaves(leaves.slice(0, index).map(entryLeafHash))));
    fold.append(leaf);
  }
});
