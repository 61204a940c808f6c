import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Hex } from '#protocol/units.js';
import { mirrorLog } from '../../coordinator/auditor/mirrorLog.js';
import { httpTileSource, type TileSource } from '../../coordinator/auditor/tileSource.js';
import { type ApiMarket, openApiMarket } from '../setup/apiMarket.js';
import { party } from '../setup/marketDriver.js';

let market: ApiMarket;
let home: string;
let folder: string;

beforeAll(async () => {
  market = await openApiMarket();
  home = mkdtempSync(join(tmpdir(), 'understudy-mirror-'));
  folder = join(home, 'market');
  for (let seed = 1; seed <= 260; seed += 1) await market.driver.fund(party(seed).address);
  const long = await market.driver.submitBlock(party(1), 400, { maxPriceWei: '1000' });
  expect(long.executed).toMatchObject({ ok: true });
  // The artifacts of the market's circuit, as far as this coordinator has them.
  const { circuits } = await market.client.call('listCircuits', {});
  const file = join(home, 'artifact');
  writeFileSync(file, 'not what its name says');
  market.artifacts.set(circuits[0]!.wasm.sha256, file);
});

afterAll(async () => {
  expect(market.failures).toEqual([]);
  await market.close();
  rmSync(home, { recursive: true });
});

const source = () => httpTileSource(market.url);
const mirror = (from: TileSource = source(), artifacts = false) => mirrorLog(from, folder, { artifacts });

/** The source with some of its answers changed. */
const lying = (changes: Partial<TileSource>): TileSource => ({ ...source(), ...changes });

describe('a copy of a log', () => {
  it('has every file as it is served, the long entry too', async () => {
    const { size } = await mirror();
    expect(size).toBe((await market.client.call('getMarket', {})).treeSize);
    const served = async (path: string) => Buffer.from(await (await fetch(`${market.url}/log/${path}`)).arrayBuffer());
    const names = ['checkpoint', 'tile/0/000', `tile/0/001.p/${size - 256}`, 'tile/1/000.p/1', 'tile/entries/000'];
    for (const name of names) expect(readFileSync(join(folder, name)), name).toEqual(await served(name));
    const [sha256] = readdirSync(join(folder, 'entry'));
    const entry = readFileSync(join(folder, 'entry', sha256!));
    expect(createHash('sha256').update(entry).digest('hex')).toBe(sha256);
  });

  it('fetches only what is new', async () => {
    await market.driver.fund(party(2).address);
    const asked: number[] = [];
    const counting = lying({
      bundle: (bundle) => {
        asked.push(bundle.index);
        return source().bundle(bundle);
      },
    });
    const { size } = await mirror(counting);
    expect(size).toBe((await market.client.call('getMarket', {})).treeSize);
    expect(asked).toEqual([1]);
  });

  it('refuses a changed entry, and keeps the checkpoint that it had', async () => {
    const before = readFileSync(join(folder, 'checkpoint'));
    await market.driver.fund(party(3).address);
    const changed = lying({
      bundle: async (bundle) => {
        const bytes = Buffer.from(await source().bundle(bundle));
        const at = bytes.indexOf('"amountWei":"1');
        bytes[at + 13] = '2'.charCodeAt(0);
        return new Uint8Array(bytes);
      },
    });
    await expect(mirror(changed)).rejects.toThrow(/root hash/);
    expect(readFileSync(join(folder, 'checkpoint'))).toEqual(before);
    rmSync(folder, { recursive: true });
    await mirror();
  });

  it('refuses a long entry that is not the one of its stub', async () => {
    rmSync(join(folder, 'entry'), { recursive: true });
    const other = lying({ longEntry: async (sha256) => (await source().longEntry(sha256)).fill(32, 100, 101) });
    await expect(mirror(other)).rejects.toThrow(/long entry/);
    expect(existsSync(join(folder, 'entry'))).toBe(false);
    await mirror();
  });

  it('refuses a log that was rolled back', async () => {
    const older = join(home, 'older');
    cpSync(folder, older, { recursive: true });
    const note = readFileSync(join(older, 'checkpoint'), 'utf8');
    await market.driver.fund(party(4).address);
    await mirror();
    await expect(mirror(lying({ checkpoint: async () => note }))).rejects.toThrow(/rolled back/);
  });

  it('checks artifacts by their hashes, and names those that are not served', async () => {
    await expect(mirror(source(), true)).rejects.toThrow(/artifact/);
    const { circuits } = await market.client.call('listCircuits', {});
    const [wasm, zkey] = [circuits[0]!.wasm.sha256, circuits[0]!.zkey.sha256];
    market.artifacts.delete(wasm);
    const { missing } = await mirror(source(), true);
    expect(missing.map((one): Hex => `0x${one}`).toSorted()).toEqual([...new Set([wasm, zkey])].toSorted());
  });

  it('says what is wrong with an address that is none of a coordinator', async () => {
    await expect(mirror(httpTileSource('http://127.0.0.1:1'))).rejects.toThrow(/does not answer/);
    await expect(mirror(httpTileSource(`${market.url}/nowhere`))).rejects.toThrow(
      /is this the address of a coordinator/,
    );
  });
});
