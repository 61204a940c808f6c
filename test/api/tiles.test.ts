import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fsck } from '#journal/fsck.js';
import { openCheckpoint } from '#protocol/log/checkpoint.js';
import { verifyEd25519 } from '#protocol/log/ed25519.js';
import { decodeEntryBundle } from '#protocol/log/entryBundle.js';
import { inclusionProof, verifyInclusion } from '#protocol/log/inclusionProof.js';
import { stubOf } from '#protocol/log/logLeaf.js';
import { appendLeaf, emptyFrontier, leafHash, rootOf } from '#protocol/log/merkleTree.js';
import { entryBundlePath, nodeReaderOfTiles, type Tile, tilePath, tilesOf } from '#protocol/log/tiles.js';
import { parseVerifierKey } from '#protocol/log/verifierKey.js';
import { type ApiMarket, openApiMarket } from '../setup/apiMarket.js';
import { party } from '../setup/marketDriver.js';

const LONG_BLOCK_JOBS = 400;
const FUNDED = 270;

let market: ApiMarket;

beforeAll(async () => {
  market = await openApiMarket();
  // More entries than a tile is wide, one of them longer than a bundle can hold.
  for (let seed = 1; seed <= FUNDED; seed += 1) await market.driver.fund(party(seed).address);
  const { executed } = await market.driver.submitBlock(party(1), LONG_BLOCK_JOBS, { maxPriceWei: '1000' });
  expect(executed).toMatchObject({ ok: true });
});

afterAll(async () => {
  expect(market.failures).toEqual([]);
  await market.close();
});

const get = (path: string) => fetch(`${market.url}/log/${path}`);

async function bytesOf(path: string): Promise<Uint8Array> {
  const answer = await get(path);
  expect(answer.status, path).toBe(200);
  expect(answer.headers.get('cache-control')).toContain('immutable');
  return new Uint8Array(await answer.arrayBuffer());
}

async function newestCheckpoint() {
  const answer = await get('checkpoint');
  expect(answer.headers.get('content-type')).toBe('text/plain; charset=utf-8');
  const { origin, logKey } = await market.client.call('getMarket', {});
  const opened = openCheckpoint(await answer.text(), { origin, logKeys: [parseVerifierKey(logKey)!] }, verifyEd25519);
  if (!opened.ok) throw new Error(opened.reason);
  return opened.checkpoint;
}

async function leavesOf(size: number): Promise<Uint8Array[]> {
  const leaves: Uint8Array[] = [];
  while (leaves.length < size) {
    const width = Math.min(256, size - leaves.length);
    leaves.push(...decodeEntryBundle(await bytesOf(entryBundlePath({ index: leaves.length / 256, width })), width)!);
  }
  return leaves;
}

describe('the log as tiles', () => {
  it('can be rebuilt from its bundles, to the root of the signed checkpoint', async () => {
    const { size, rootHash } = await newestCheckpoint();
    expect(size).toBeGreaterThan(FUNDED);
    let frontier = emptyFrontier();
    for (const leaf of await leavesOf(size)) frontier = appendLeaf(frontier, leafHash(leaf)).frontier;
    expect(Buffer.from(rootOf(frontier))).toEqual(Buffer.from(rootHash));
  });

  it('proves an entry from its tiles alone', async () => {
    const { size, rootHash } = await newestCheckpoint();
    const tiles = new Map<string, Uint8Array>();
    for (const tile of tilesOf(size)) tiles.set(tilePath(tile), await bytesOf(tilePath(tile)));
    const readNode = nodeReaderOfTiles(size, (tile: Tile) => tiles.get(tilePath(tile))!);
    const leaves = await leavesOf(size);
    for (const index of [0, 255, 256, size - 1]) {
      const path = inclusionProof(index, size, readNode);
      const proven = { index, size, leafHash: leafHash(leaves[index]!), path, root: rootHash };
      expect(verifyInclusion(proven)).toBe(true);
    }
  });

  it('keeps serving what earlier sizes had, and nothing beyond its own', async () => {
    const { size } = await newestCheckpoint();
    const all = await bytesOf(`tile/0/001.p/${size - 256}`);
    expect(await bytesOf('tile/0/001.p/3')).toEqual(all.slice(0, 96));
    expect((await get(`tile/0/001.p/${size - 255}`)).status).toBe(404);
    expect((await get(`tile/entries/001.p/${size - 255}`)).status).toBe(404);
    expect((await get('tile/0/002')).status).toBe(404);
    expect((await get('tile/1/000.p/2')).status).toBe(404);
  });

  it('has one spelling for each tile', async () => {
    for (const path of [
      'tile/0/1',
      'tile/0/x000/000',
      'tile/00/000',
      'tile/0/000.p/256',
      'tile/entries/000.p/0',
      'tile/',
    ]) {
      expect((await get(path)).status, path).toBe(404);
    }
  });

  it('has a stub for an entry that no bundle can hold, which is served by its hash', async () => {
    const { size } = await newestCheckpoint();
    const texts = (await leavesOf(size)).map((leaf) => Buffer.from(leaf).toString());
    const stubs = texts.flatMap((text) => stubOf(text) ?? []);
    expect(stubs).toHaveLength(1);
    const { sha256, bytes } = stubs[0]!;
    const entry = Buffer.from(await (await get(`entry/${sha256}`)).arrayBuffer());
    expect(entry.length).toBe(bytes);
    expect(createHash('sha256').update(entry).digest('hex')).toBe(sha256);
    expect(JSON.parse(entry.toString())).toMatchObject({ type: 'blockSubmitted' });
    expect((await get(`entry/${'0'.repeat(64)}`)).status).toBe(404);
    expect((await get('entry/etc')).status).toBe(404);
  });

  it('agrees with the tables, and shows a long entry whose row is gone', async () => {
    expect(await fsck(market.database.pool, { checkSignatures: true })).toEqual([]);
    await market.database.pool.query('DELETE FROM long_entries');
    expect(await fsck(market.database.pool, { checkSignatures: false })).toEqual([
      expect.stringContaining('longer than a bundle holds'),
    ]);
  });
});
