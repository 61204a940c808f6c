import { describe, expect, it } from 'vitest';
import { ENTRY_BYTES_MAX } from '#protocol/log/entryBundle.js';
import { entryLeafHash, isNamedBy, LONG_ENTRY_BYTES_MAX, leafOf, stubOf } from '#protocol/log/logLeaf.js';
import { leafHash } from '#protocol/log/merkleTree.js';

const textOf = (bytes: Uint8Array) => Buffer.from(bytes).toString();
const entryOf = (bytes: number) => JSON.stringify({ note: 'x'.repeat(bytes - 11) });

describe('the leaf of an entry', () => {
  it('is the entry up to what a bundle can hold, counted in bytes', () => {
    const longest = entryOf(ENTRY_BYTES_MAX);
    expect(textOf(leafOf(longest))).toBe(longest);
    expect(entryLeafHash(longest)).toEqual(leafHash(Buffer.from(longest)));
    const euros = JSON.stringify({ note: '€'.repeat(22_000) });
    expect(euros.length).toBeLessThan(ENTRY_BYTES_MAX);
    expect(stubOf(textOf(leafOf(euros)))).toMatchObject({ bytes: 66_011 });
  });

  it('is a stub beyond that, which names the entry and nothing else', () => {
    const entry = entryOf(ENTRY_BYTES_MAX + 1);
    const stub = stubOf(textOf(leafOf(entry)))!;
    expect(isNamedBy(stub, Buffer.from(entry))).toBe(true);
    expect(isNamedBy(stub, Buffer.from(entry.replace('x', 'y')))).toBe(false);
    expect(isNamedBy({ ...stub, bytes: stub.bytes + 1 }, Buffer.from(entry))).toBe(false);
  });

  it('is a stub in one spelling only, within the bounds', () => {
    const sha256 = 'ab'.repeat(32);
    const spell = (bytes: number | string) => `{"bytes":${bytes},"sha256":"${sha256}","type":"longEntry"}`;
    expect(stubOf(spell(70_000))).toEqual({ bytes: 70_000, sha256 });
    for (const bytes of [ENTRY_BYTES_MAX, LONG_ENTRY_BYTES_MAX + 1, '070000', '7e4']) {
      expect(stubOf(spell(bytes))).toBeNull();
    }
    expect(stubOf(` ${spell(70_000)}`)).toBeNull();
    expect(stubOf('{"type":"deposited"}')).toBeNull();
  });
});
