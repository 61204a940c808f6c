import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ArtifactError, loadArtifact } from '#agent/client/artifacts.js';
import { KeyFileError, openKeyFile } from '#agent/client/keyFile.js';
import { LockedError, takeLock } from '#agent/client/lockFile.js';
import { ConfigError, parseAgentConfig } from '#agent/config.js';
import { Measurements } from '#agent/proving/measurements.js';
import { promisedMsOf } from '#agent/proving/promise.js';
import { UnreachableError } from '#protocol/client.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'understudy-agent-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('the artifact cache', () => {
  const bytes = Buffer.from('the right bytes');
  const name = { sha256: `0x${createHash('sha256').update(bytes).digest('hex')}` as const, bytes: bytes.length };
  const serving = (body: Buffer | null, count = { downloads: 0 }) => ({
    count,
    source: {
      baseUrl: 'http://coordinator.test',
      cacheDir: join(folder, 'cache'),
      artifactDir: null as string | null,
      fetch: (async () => {
        count.downloads += 1;
        return body ? new Response(new Uint8Array(body)) : new Response('no', { status: 503 });
      }) as typeof fetch,
    },
  });

  it('downloads once, into shared memory', async () => {
    const { source, count } = serving(bytes);
    const first = await loadArtifact(name, source);
    expect(Buffer.from(first).equals(bytes)).toBe(true);
    expect(first.buffer).toBeInstanceOf(SharedArrayBuffer);
    await loadArtifact(name, source);
    expect(count.downloads).toBe(1);
    expect(readdirSync(source.cacheDir)).toEqual([name.sha256.slice(2)]);
  });

  it.each(['the wrong bytes', 'short', ''])('replaces a cached file that holds "%s"', async (text) => {
    const { source, count } = serving(bytes);
    mkdirSync(source.cacheDir);
    writeFileSync(join(source.cacheDir, name.sha256.slice(2)), text);
    expect(Buffer.from(await loadArtifact(name, source)).equals(bytes)).toBe(true);
    expect(count.downloads).toBe(1);
  });

  it('refuses what the coordinator serves under a wrong hash, and keeps none of it', async () => {
    const { source } = serving(Buffer.from('the wrong bytes'));
    await expect(loadArtifact(name, source)).rejects.toBeInstanceOf(ArtifactError);
    expect(readdirSync(source.cacheDir)).toEqual([]);
  });

  it('stops a download that brings more than was named', async () => {
    const { source } = serving(null);
    let sent = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        sent += 65_536;
        controller.enqueue(new Uint8Array(65_536));
        if (sent > 50_000_000) controller.close();
      },
    });
    await expect(loadArtifact(name, { ...source, fetch: async () => new Response(endless) })).rejects.toThrow();
    expect(sent).toBeLessThan(5_000_000);
    expect(readdirSync(source.cacheDir)).toEqual([]);
  });

  it('can be asked again when the coordinator fails', async () => {
    await expect(loadArtifact(name, serving(null).source)).rejects.toBeInstanceOf(UnreachableError);
  });

  it('uses a given folder when a file in it has the hash, whatever its name', async () => {
    const { source, count } = serving(null);
    mkdirSync(join(folder, 'given', 'circuit'), { recursive: true });
    writeFileSync(join(folder, 'given', 'decoy'), 'the wrong bytes');
    writeFileSync(join(folder, 'given', 'circuit', 'any.zkey'), bytes);
    const found = await loadArtifact(name, { ...source, artifactDir: join(folder, 'given') });
    expect(Buffer.from(found).equals(bytes)).toBe(true);
    expect(count.downloads).toBe(0);
  });
});

describe('the lock file', () => {
  const path = () => join(folder, 'data', 'agent.lock');

  it('says what is wrong with the disk when it cannot be written', () => {
    writeFileSync(join(folder, 'in the way'), '');
    const lock = join(folder, 'in the way', 'data', 'agent.lock');
    expect(() => takeLock(lock)).toThrow(`the lock ${lock} could not be written: a file is in the place of a folder`);
  });

  it('keeps a second agent out and is gone after the first', () => {
    const release = takeLock(path());
    expect(() => takeLock(path())).toThrow(LockedError);
    release();
    takeLock(path())();
  });

  it.each(['999999999', 'garbage', ''])('takes over a stale lock that holds "%s"', (text) => {
    mkdirSync(join(folder, 'data'));
    writeFileSync(path(), text);
    takeLock(path());
    expect(readFileSync(path(), 'utf8')).toBe(`${process.pid}\n`);
  });

  it('takes over the lock of an earlier process that had the same id, as in a container', () => {
    mkdirSync(join(folder, 'data'));
    writeFileSync(path(), `${process.pid}\n`);
    takeLock(path())();
  });

  it('does not release the lock of who took it over', () => {
    const release = takeLock(path());
    writeFileSync(path(), '1\n');
    release();
    expect(readFileSync(path(), 'utf8')).toBe('1\n');
  });
});

describe('the key file', () => {
  it('is made for its owner only and read again', () => {
    const path = join(folder, 'keys', 'prover.key');
    const { address } = openKeyFile(path);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(openKeyFile(path).address).toBe(address);
  });

  it('is refused when others may read it or it holds something else, without saying what', () => {
    const path = join(folder, 'prover.key');
    openKeyFile(path);
    chmodSync(path, 0o644);
    expect(() => openKeyFile(path)).toThrow(/chmod 600/);
    writeFileSync(path, '{"privateKey":"0x1234"}');
    chmodSync(path, 0o600);
    expect(() => openKeyFile(path)).toThrow(KeyFileError);
    expect(() => openKeyFile(path)).not.toThrow(/1234/);
  });
});

describe('the settings', () => {
  const config = { coordinator: 'http://127.0.0.1:8787/', dataDir: 'data' };

  it('have defaults and cut the slash off', () => {
    expect(parseAgentConfig(config)).toMatchObject({ coordinator: 'http://127.0.0.1:8787', threads: 1, handicap: 1 });
  });

  it.each([
    ['coordinator', { coordinator: 'nowhere' }],
    ['coordinator', { coordinator: 'ftp://market' }],
    ['priceWei', { priceWei: '-1' }],
    ['priceWei', { priceWei: '1.5' }],
    ['threads', { threads: 0 }],
    ['slots', { slots: Number.NaN }],
    ['handicap', { handicap: 0.5 }],
    ['name', { name: '' }],
  ])('name %s when it is wrong', (field, more) => {
    expect(() => parseAgentConfig({ ...config, ...more } as never)).toThrow(ConfigError);
    expect(() => parseAgentConfig({ ...config, ...more } as never)).toThrow(field);
  });
});

describe('the measurements', () => {
  const setting = { circuitId: '0xcc', threads: 1, slots: 1, handicap: 1 };

  it('promise a p95 of the newest times, from one start to the next', async () => {
    const path = join(folder, 'data', 'measurements.json');
    const measurements = new Measurements(path);
    expect(measurements.promisedMs(setting)).toBeNull();
    const times = [5_000, ...Array.from({ length: 18 }, () => 1_000), 2_000];
    await Promise.all(times.map((ms) => measurements.add(setting, ms)));
    const again = new Measurements(path);
    expect([again.promisedMs(setting), again.typicalMs(setting)]).toEqual([promisedMsOf(times), 1_000]);
    await again.add(setting, 1_000);
    expect(again.promisedMs(setting)).toBe(promisedMsOf([...times.slice(1), 1_000]));
    expect(again.has({ ...setting, threads: 2 })).toBe(false);
  });

  it('forget the rehearsal of the start once real work has shown what it takes', async () => {
    const path = join(folder, 'measurements.json');
    const measurements = new Measurements(path);
    measurements.rehearse(setting, 9_000);
    expect([measurements.has(setting), measurements.promisedMs(setting)]).toEqual([true, promisedMsOf([9_000])]);
    await Promise.all([1_000, 1_100].map((ms) => measurements.add(setting, ms)));
    const again = new Measurements(path);
    expect(again.promisedMs(setting)).toBe(promisedMsOf([9_000, 1_000, 1_100]));
    await again.add(setting, 900);
    expect([again.promisedMs(setting), again.typicalMs(setting)]).toEqual([promisedMsOf([1_000, 1_100, 900]), 1_000]);
  });

  it('begin anew when the file is broken', () => {
    const path = join(folder, 'measurements.json');
    writeFileSync(path, '{"broken": [');
    expect(new Measurements(path).has(setting)).toBe(false);
  });
});
