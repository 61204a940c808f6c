import { expect, it } from 'vitest';
import { isCanonicalText } from '#auditor/canonicalText.js';
import { TreeFold } from '#auditor/treeFold.js';
import { canonicalJson } from '#protocol/log/canonicalJson.js';
import { entryLeafHash } from '#protocol/log/logLeaf.js';
import { rootFromLeaves } from '#protocol/log/merkleTree.js';

it.each([
  '{"a":1,"b":[{"c":"x"},null,true],"d":1.5}',
  '{"b":1,"a":2}',
  '{"a":1,"a":1}',
  '{"a": 1}',
  '{"a":1.0}',
  '{"a":-0}',
  '{"a":1e21,"b":1e+21}',
  '{"a":1e+21}',
  '{"10":1,"9":2}',
  '{"9":1,"10":2}',
  '{"a":"\\u0061"}',
  '{"a":"é\\u000f\\n"}',
  '{"a":"\\ud83d\\ude00"}',
  '{"__proto__":1}',
  '[{"b":1,"a":2}]',
])('says of %s what canonicalJson says', (text) => {
  const value: unknown = JSON.parse(text);
  expect(isCanonicalText(text, value)).toBe(canonicalJson(value) === text);
});

it('folds leaves to the root of the tree, at every size', () => {
  const leaves = Array.from({ length: 70 }, (_, index) => JSON.stringify({ index }));
  leaves[40] = JSON.stringify({ long: 'x'.repeat(70_000) });
  const fold = new TreeFold();
  for (const [index, leaf] of leaves.entries()) {
    expect(Buffer.from(fold.root())).toEqual(Buffer.from(rootFromLeaves(leaves.slice(0, index).map(entryLeafHash))));
    fold.append(leaf);
  }
});
