import { createHash, randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FastifyInstance, fastify } from 'fastify';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ArtifactSource, loadArtifact, locateArtifact } from '#agent/client/artifacts.js';
import { DiskError } from '#agent/client/diskError.js';
import { sendArtifact } from '#api/artifact.js';
import { UnreachableError } from '#protocol/client.js';
import type { Hex } from '#protocol/units.js';

const MIB = 1_048_576;
const file = randomBytes(3 * MIB);
const nameOf = (bytes: Uint8Array) => {
  return { sha256: `0x${createHash('sha256').update(bytes).digest('hex')}` as Hex, bytes: bytes.length };
};
const name = nameOf(file);
const fileName = name.sha256.slice(2);

let folder: string;
let server: FastifyInstance;
/** What was asked for, in bytes from the start, and how much of each answer gets through before the line breaks. */
let asked: number[];
let breaksAfter: number[];
let served: string;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'understudy-artifacts-'));
  served = join(folder, 'served');
  writeFileSync(served, file);
  [asked, breaksAfter] = [[], []];
  server = fastify();
  server.get('/v1/artifacts/:sha256', async (request, reply) => {
    asked.push(Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0));
    await sendArtifact(served, (request.params as { sha256: Hex }).sha256, request, reply);
    return reply;
  });
  await server.listen({ port: 0, host: '127.0.0.1' });
});

afterEach(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

/** The coordinator's own way of sending files, over a line that breaks where the test says. */
function source(more: Partial<ArtifactSource> = {}): ArtifactSource {
  const breaking: typeof fetch = async (input, init) => {
    const response = await fetch(input, init);
    const bytes = breaksAfter.shift();
    if (bytes === undefined || !response.body) return response;
    let passed = 0;
    const cut = new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        if (passed + chunk.length <= bytes) controller.enqueue(chunk);
        else {
          controller.enqueue(chunk.slice(0, bytes - passed));
          controller.error(new Error('the line broke'));
        }
        passed += chunk.length;
      },
    });
    return new Response(response.body.pipeThrough(cut), { status: response.status, headers: response.headers });
  };
  const cacheDir = join(folder, 'cache');
  const { port } = server.server.address() as { port: number };
  return { baseUrl: `http://127.0.0.1:${port}`, fetch: breaking, cacheDir, artifactDir: null, ...more };
}

const cached = () => readdirSync(join(folder, 'cache')).sort();

describe('a download', () => {
  it('goes on where it broke off, as often as it breaks', async () => {
    breaksAfter = [MIB, MIB + 5];
    await expect(loadArtifact(name, source())).rejects.toBeInstanceOf(UnreachableError);
    expect(cached()).toEqual([`${fileName}.part`]);
    await expect(loadArtifact(name, source())).rejects.toBeInstanceOf(UnreachableError);
    const bytes = await loadArtifact(name, source());
    expect(Buffer.from(bytes).equals(file)).toBe(true);
    expect(cached()).toEqual([fileName]);
    expect(asked[0]).toBe(0);
    expect(asked[1]).toBeGreaterThan(0);
    expect(asked[2]).toBeGreaterThan(asked[1]!);
  });

  it('begins anew when what it had left was spoiled meanwhile', async () => {
    breaksAfter = [2 * MIB];
    await expect(loadArtifact(name, source())).rejects.toBeInstanceOf(UnreachableError);
    writeFileSync(join(folder, 'cache', `${fileName}.part`), Buffer.alloc(MIB, 7));
    await expect(loadArtifact(name, source())).rejects.toThrow(/serves something else/);
    expect(cached()).toEqual([]);
    expect(Buffer.from(await loadArtifact(name, source())).equals(file)).toBe(true);
    expect(asked).toEqual([0, MIB, 0]);
  });

  it('takes the whole file from a server that does not know ranges', async () => {
    const whole: typeof fetch = (input) => fetch(input);
    mkdirSync(join(folder, 'cache'));
    writeFileSync(join(folder, 'cache', `${fileName}.part`), file.subarray(0, MIB));
    expect(Buffer.from(await loadArtifact(name, source({ fetch: whole }))).equals(file)).toBe(true);
  });

  it('is broken off when nothing comes any more, and what came is kept', async () => {
    const silent: typeof fetch = async () =>
      new Response(
        new ReadableStream<Uint8Array>({
          start: (controller) => controller.enqueue(new Uint8Array(file.subarray(0, MIB))),
        }),
      );
    await expect(loadArtifact(name, source({ fetch: silent, silenceMs: 50 }))).rejects.toThrow(UnreachableError);
    expect(Buffer.from(await loadArtifact(name, source())).equals(file)).toBe(true);
    expect(asked).toEqual([MIB]);
  });

  it('is refused, and forgotten, when the coordinator serves a swapped file', async () => {
    writeFileSync(served, randomBytes(3 * MIB));
    await expect(loadArtifact(name, source())).rejects.toThrow(/serves something else/);
    expect(cached()).toEqual([]);
  });

  it('says that the coordinator has no such file', async () => {
    const none: typeof fetch = async () => new Response('no', { status: 404 });
    await expect(loadArtifact(name, source({ fetch: none }))).rejects.toThrow(`has no artifact ${name.sha256}`);
  });
});

describe('a disk', () => {
  it.skipIf(!existsSync('/dev/full'))('that is full is named, with what to do', async () => {
    mkdirSync(join(folder, 'cache'));
    symlinkSync('/dev/full', join(folder, 'cache', `${fileName}.part`));
    const failing = loadArtifact(name, source());
    await expect(failing).rejects.toBeInstanceOf(DiskError);
    await expect(failing).rejects.toThrow(/could not be kept in .*cache: the disk is full: free some space/);
    // The space is back.
    expect(Buffer.from(await loadArtifact(name, source())).equals(file)).toBe(true);
  });

  it('with a file in the place of the folder is named', async () => {
    writeFileSync(join(folder, 'cache'), 'no folder');
    await expect(loadArtifact(name, source())).rejects.toThrow(/could not be kept/);
  });
});

describe('the cache', () => {
  const other = (letter: string) => join(folder, 'cache', letter.repeat(64));
  const keep = (letter: string, mib: number, usedAt: number) => {
    mkdirSync(join(folder, 'cache'), { recursive: true });
    writeFileSync(other(letter), Buffer.alloc(mib * MIB));
    utimesSync(other(letter), usedAt, usedAt);
  };
  const limited = (mib: number, inUse = '') => {
    return source({ limits: { cacheBytesMax: mib * MIB, isInUse: (one) => inUse !== '' && one.startsWith(inUse) } });
  };

  it('drops what was unused for the longest when there is no more room, and nothing in use', async () => {
    for (const [letter, usedAt] of [
      ['a', 100],
      ['b', 300],
      ['c', 200],
      ['d', 50],
    ] as const)
      keep(letter, 2, usedAt);
    // 8 MB are there and 3 come: of 9, two files of 2 MB must go, and d, the oldest, is in use.
    await locateArtifact(name, limited(7, 'd'));
    expect(cached()).toEqual([fileName, other('b'), other('d')].map((path) => path.split('/').at(-1)).sort());
  });

  it('takes the use of a file for new', async () => {
    await locateArtifact(name, source());
    utimesSync(join(folder, 'cache', fileName), 100, 100);
    keep('a', 2, 200);
    await locateArtifact(name, source());
    const small = Buffer.from('a small one');
    writeFileSync(served, small);
    await locateArtifact(nameOf(small), limited(4));
    expect(cached()).toContain(fileName);
    expect(existsSync(other('a'))).toBe(false);
  });

  it('says so when what is in use leaves no room', async () => {
    keep('a', 2, 100);
    const failing = locateArtifact(name, limited(4, 'a'));
    await expect(failing).rejects.toBeInstanceOf(DiskError);
    await expect(failing).rejects.toThrow(/take 5 MB, and .*cache may hold 4 MB: raise the limit/);
    expect(asked).toEqual([]);
  });
});
