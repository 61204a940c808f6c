/** What an auditor is served may be anything: each of these ends with a clear word and exit code 1 or 2, and none hangs. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { devNull, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LogAudit } from '#auditor/auditLog.js';
import { piecesOf } from '#auditor/boundedRead.js';
import { copyArtifact } from '#auditor/copyArtifact.js';
import { folderTileSource } from '#auditor/folderTileSource.js';
import { tileLogSource } from '#auditor/tileLogSource.js';
import { httpTileSource, type TileSource } from '#auditor/tileSource.js';
import { canonicalJson } from '#protocol/log/canonicalJson.js';
import { signCheckpoint } from '#protocol/log/checkpoint.js';
import { encodeEntryBundle } from '#protocol/log/entryBundle.js';
import { leafHash, rootFromLeaves } from '#protocol/log/merkleTree.js';
import { entryOf, honestLog, type Log } from '../market/honestLog.js';
import { runCommandLine } from '../setup/commandLine.js';
import { OPERATOR } from '../setup/testOperator.js';
import { type Files, PLACEHOLDER_VERIFIER, writeLog } from './writtenLog.js';

type Answer = (reply: ServerResponse) => void;

let honest: Log;
let clean: Files;
let home: string;
let server: Server;
let url: string;
/** Answers in the place of honest ones, by path below /log/. */
const instead = new Map<string, Answer>();

beforeAll(async () => {
  honest = (await honestLog()).slice(0, 19);
  clean = writeLog(honest);
  home = mkdtempSync(join(tmpdir(), 'understudy-hostile-'));
  server = createServer((request, reply) => {
    const path = request.url!.replace(/^\/log\/|^\//, '');
    const [answer, bytes] = [instead.get(path), clean.get(path)];
    if (answer) answer(reply);
    else reply.writeHead(bytes ? 200 : 404).end(bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(home, { recursive: true });
});

const BUNDLE = 'tile/entries/000.p/19';

/** A body that never ends: as fast as it is read. */
const endless: Answer = (reply) => {
  const more = () => {
    while (!reply.destroyed && reply.write(Buffer.alloc(65_536, 'x')));
  };
  reply.writeHead(200).on('drain', more);
  more();
};

const noteOf = (size: number, rootHash: Uint8Array = new Uint8Array(32)) =>
  signCheckpoint({ origin: OPERATOR.origin, size, rootHash, extensionLines: [] }, [
    { key: OPERATOR.verifierKey, sign: OPERATOR.sign },
  ]);

/** Files of a log whose leaves are any bytes. */
function rawLog(leaves: Uint8Array[]): Files {
  const path = `tile/entries/000.p/${leaves.length}`;
  const note = noteOf(leaves.length, rootFromLeaves(leaves.map(leafHash)));
  return new Map<string, Uint8Array>([
    [path, new Uint8Array(encodeEntryBundle(leaves))],
    ['checkpoint', new Uint8Array(Buffer.from(note))],
  ]);
}

const leavesBut = (last: Uint8Array) => [Buffer.from(canonicalJson(entryOf(honest, 'marketOpened'))), last];
/** An entry in whose text one byte is none of UTF-8. */
function noUtf8(): Uint8Array {
  const bytes = Buffer.from(canonicalJson({ ...entryOf(honest, 'circuitRegistered'), name: 'XXXX' }));
  bytes[bytes.indexOf('XXXX')] = 0xff;
  return bytes;
}

const stubOf = (bytes: number) => Buffer.from(`{"bytes":${bytes},"sha256":"${'ab'.repeat(32)}","type":"longEntry"}`);

/** What an audit says: its first flaw, or why it could not read. */
async function said(source: TileSource, cosigners: string[] = []): Promise<string> {
  const audit = new LogAudit(tileLogSource(source), { verifier: PLACEHOLDER_VERIFIER, threads: 1, cosigners });
  try {
    const { first } = await audit.run();
    return first ? `${first.check}: ${first.sentence}` : 'good';
  } catch (error) {
    return `unreadable: ${(error as Error).message}`;
  } finally {
    await audit.close();
  }
}

async function saidOf(answers: Record<string, Answer>): Promise<string> {
  instead.clear();
  for (const [path, answer] of Object.entries(answers)) instead.set(path, answer);
  return said(httpTileSource(url));
}

async function saidOfFiles(files: Files): Promise<string> {
  return saidOf(
    Object.fromEntries([...files].map(([path, bytes]) => [path, (reply: ServerResponse) => reply.end(bytes)])),
  );
}

describe('a server that', () => {
  it('is honest is believed', async () => {
    expect(await saidOf({})).toBe('good');
  });

  it.each<[string, Record<string, Answer>, RegExp]>([
    ['never ends a checkpoint', { checkpoint: endless }, /unreadable: .*checkpoint is longer than 1000000 bytes/],
    ['never ends a bundle', { [BUNDLE]: endless }, /unreadable: .*000.p\/19 is longer than 16777472 bytes/],
    [
      'packs a bomb',
      {
        checkpoint: (reply) =>
          reply.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(50_000_000))),
      },
      /unreadable: .*checkpoint is longer than 1000000 bytes/,
    ],
    [
      'packs what cannot be unpacked',
      { checkpoint: (reply) => reply.writeHead(200, { 'content-encoding': 'gzip' }).end('hello') },
      /unreadable: .*checkpoint breaks off/,
    ],
    [
      'redirects',
      { checkpoint: (reply) => reply.writeHead(302, { location: 'http://127.0.0.1:1/log/checkpoint' }).end() },
      /unreadable: .*answers 302, a redirect to http:\/\/127.0.0.1:1\/log\/checkpoint: redirects are not followed/,
    ],
    [
      'breaks off',
      { [BUNDLE]: (reply) => reply.writeHead(200, { 'content-length': 500 }).write('x', () => reply.destroy()) },
      /unreadable: .*000.p\/19 breaks off/,
    ],
    ['says nothing', { checkpoint: (reply) => reply.writeHead(204).end() }, /^checkpoint: .*no signed note/],
    ['serves a page', { checkpoint: (reply) => reply.end('<html>\n5\n') }, /^checkpoint: .*no signed note/],
    ['does not have a bundle', { [BUNDLE]: (reply) => reply.writeHead(404).end() }, /unreadable: .*answers 404/],
    [
      'serves a bundle that is too short',
      { [BUNDLE]: (reply) => reply.end(clean.get(BUNDLE)!.slice(0, -1)) },
      /^tree: entry 0: the bundle of entries 0 to 18 is torn/,
    ],
    [
      'serves a bundle that is too long',
      { [BUNDLE]: (reply) => reply.end(Buffer.concat([clean.get(BUNDLE)!, Buffer.alloc(2)])) },
      /^tree: entry 0: the bundle of entries 0 to 18 is torn/,
    ],
    [
      'signs a size of 2^53',
      {
        checkpoint: (reply) =>
          reply.end(
            Buffer.from(clean.get('checkpoint')!)
              .toString()
              .replace('\n19\n', `\n${2 ** 53}\n`),
          ),
      },
      /^checkpoint: .*no signed note/,
    ],
    [
      'signs a size of 2^53 - 1',
      { checkpoint: (reply) => reply.end(noteOf(2 ** 53 - 1)) },
      /unreadable: .*answers 404/,
    ],
  ])('%s is told so', async (_what, answers, words) => {
    expect(await saidOf(answers)).toMatch(words);
  });

  it('never ends what cosigners have signed is told so', async () => {
    instead.clear();
    instead.set('cosigned', endless);
    expect(await said(httpTileSource(url), ['any'])).toMatch(/unreadable: .*cosigned is longer than 1000000 bytes/);
  });

  it('ends the command with 2, and a line', async () => {
    instead.clear();
    instead.set('checkpoint', endless);
    const ended = await runCommandLine(['audit', url, '--state', join(home, 'state')], { cwd: home });
    expect(ended).toMatchObject({ code: 2, stdout: '' });
    expect(ended.stderr).toMatch(/^understudy audit: .*is longer than 1000000 bytes\n$/);
  });
});

describe('a signed log with an entry that', () => {
  const deep = (levels: number) => `{"a":${'['.repeat(levels)}${']'.repeat(levels)},"type":"proofReceived"}`;

  it.each<[string, () => Files, RegExp]>([
    ['is no UTF-8', () => rawLog(leavesBut(noUtf8())), /^tree: the checkpoint signs the root hash/],
    ['is nothing', () => rawLog(leavesBut(new Uint8Array())), /^schema: entry 1: it is not an entry/],
    ['is nested deeply', () => rawLog(leavesBut(Buffer.from(deep(30_000)))), /^schema: entry 1: it is not an entry/],
    [
      'is nested more deeply still',
      () => writeLog([honest[0]!, deep(4_000_000)]),
      /^schema: entry 1: it is not an entry/,
    ],
    ['is a stub of 100 MB', () => rawLog(leavesBut(stubOf(100_000_000))), /^schema: entry 1: .*longEntry/],
    ['is a stub of a short one', () => rawLog(leavesBut(stubOf(65_535))), /^schema: entry 1: .*longEntry/],
    ['is a stub of what is nowhere', () => rawLog(leavesBut(stubOf(70_000))), /unreadable: .*answers 404/],
    [
      'is a stub of something else',
      () => rawLog(leavesBut(stubOf(70_000))).set(`entry/${'ab'.repeat(32)}`, Buffer.alloc(70_000, 'x')),
      /^tree: entry 1: the long entry 1 is not the one of 70000 bytes/,
    ],
    [
      'is eight million flaws',
      () => writeLog([honest[0]!, `{"publicSignals":[${'1,'.repeat(8_000_000)}1],"type":"proofReceived"}`]),
      /^schema: entry 1: it is not an entry/,
    ],
  ])('%s is told so', async (_what, filesOf, words) => {
    expect(await saidOfFiles(filesOf())).toMatch(words);
  });

  it('would command a terminal is shown as text', async () => {
    const bent = structuredClone(honest);
    entryOf(bent, 'marketOpened').origin = '\u009b31m\u202e\u0007';
    const folder = folderOf('terminal', writeLog(bent));
    const { code, stdout } = await runCommandLine(['audit', folder, '--state', join(home, 'state')], { cwd: home });
    expect(code).toBe(1);
    expect(stdout).toMatch(/^\ufffd31m\ufffd\ufffd: 19 entries/);
    expect(stdout).not.toMatch(/[^\n\P{C}]/u);
  });
});

function folderOf(name: string, files: Files): string {
  for (const [path, bytes] of files) {
    const file = join(home, name, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, bytes);
  }
  return join(home, name);
}

describe('a folder in which', () => {
  it.each<[string, (file: string) => void, RegExp]>([
    ['a file leads elsewhere', (file) => symlinkSync(join(home, 'elsewhere'), file), /leads out of the folder/],
    ['a file never ends', (file) => symlinkSync('/dev/zero', file), /leads out of the folder/],
    ['a file is nothing', (file) => symlinkSync(devNull, file), /leads out of the folder/],
    ['a file is a pipe', (file) => execFileSync('mkfifo', [file]), /is no file/],
    ['a file is a folder', (file) => mkdirSync(file), /is no file|EISDIR/],
    ['a file is too long', (file) => writeFileSync(file, Buffer.alloc(17_000_000)), /longer than 16777472 bytes/],
    ['a file is missing', () => undefined, /has no readable tile\/entries\/000.p\/19 \(ENOENT\)/],
  ])('%s is told so', async (what, put, words) => {
    const name = createHash('sha256').update(what).digest('hex').slice(0, 8);
    writeFileSync(join(home, 'elsewhere'), clean.get(BUNDLE)!);
    const folder = folderOf(name, clean);
    rmSync(join(folder, BUNDLE));
    put(join(folder, BUNDLE));
    expect(await said(folderTileSource(folder))).toMatch(words);
    expect(await said(folderTileSource(folder))).toMatch(/^unreadable: /);
  });

  it('a file is a link to another of its own is believed', async () => {
    const folder = folderOf('linked', clean);
    rmSync(join(folder, BUNDLE));
    writeFileSync(join(folder, 'kept'), clean.get(BUNDLE)!);
    symlinkSync(join(folder, 'kept'), join(folder, BUNDLE));
    expect(await said(folderTileSource(folder))).toBe('good');
  });
});

describe('an artifact', () => {
  const content = Buffer.from('a witness generator');
  const sha256 = createHash('sha256').update(content).digest('hex');
  const PATH = `v1/artifacts/0x${sha256}`;
  const copied = () => join(home, 'shelf', sha256);

  /** What copying it comes to; what was written must be whole or nothing. */
  async function saidOfCopy(source: TileSource): Promise<string> {
    rmSync(join(home, 'shelf'), { recursive: true, force: true });
    const copy = copyArtifact(source, copied(), { sha256, bytes: content.length });
    const outcome = await copy.then(String, (error: Error) => error.message);
    const left = existsSync(join(home, 'shelf')) ? readdirSync(join(home, 'shelf')) : [];
    expect(left).toEqual(outcome === 'true' ? [sha256] : []);
    return outcome;
  }

  it.each<[string, Answer, RegExp]>([
    ['is copied', (reply) => reply.end(content), /^true$/],
    ['is not there', (reply) => reply.writeHead(404).end(), /^false$/],
    ['never ends', endless, /has more than its 19 bytes/],
    ['is another file', (reply) => reply.end(Buffer.alloc(19)), /has another hash/],
    ['is too short', (reply) => reply.end(content.subarray(1)), /has another hash/],
    [
      'breaks off',
      (reply) => reply.writeHead(200, { 'content-length': 19 }).write('a', () => reply.destroy()),
      /breaks off/,
    ],
  ])('that is served and %s is told so', async (_what, answer, words) => {
    instead.clear();
    instead.set(PATH, answer);
    expect(await saidOfCopy(httpTileSource(url))).toMatch(words);
  });

  it('that falls silent is given up, and one that comes slowly is not', async () => {
    const waiting = ['a', 'b', 'c'];
    // Far from the silence that is allowed for, and longer than it in all.
    const slow: Answer = (reply) => {
      const next = waiting.shift();
      if (next === undefined) reply.end();
      else reply.write(next, () => setTimeout(() => slow(reply), 2_000));
    };
    instead.clear();
    instead.set(PATH, slow);
    const read = async (silenceMs: number) => {
      let text = '';
      for await (const piece of (await piecesOf(`${url}/${PATH}`, silenceMs))!) text += Buffer.from(piece).toString();
      return text;
    };
    expect(await read(4_000)).toBe('abc');
    instead.set(PATH, (reply) => void reply.write('a'));
    await expect(read(300)).rejects.toThrow(/breaks off/);
    instead.set(PATH, () => undefined);
    await expect(piecesOf(`${url}/${PATH}`, 300)).rejects.toThrow(/does not answer/);
  });

  it.each<[string, (file: string) => void, RegExp]>([
    ['is copied', (file) => writeFileSync(file, content), /^true$/],
    ['is missing', () => undefined, /^false$/],
    ['leads elsewhere', (file) => symlinkSync(join(home, 'elsewhere'), file), /leads out of the folder/],
    ['leads to a device', (file) => symlinkSync('/dev/zero', file), /leads out of the folder/],
    ['is a pipe', (file) => execFileSync('mkfifo', [file]), /is no file/],
    ['is a folder', (file) => mkdirSync(file), /is no file|EISDIR/],
    ['is too long', (file) => writeFileSync(file, Buffer.alloc(1_000_000)), /has more than its 19 bytes/],
    ['is another file', (file) => writeFileSync(file, Buffer.alloc(19)), /has another hash/],
  ])('of a folder that %s is told so', async (what, put, words) => {
    writeFileSync(join(home, 'elsewhere'), content);
    const folder = folderOf(createHash('sha256').update(`artifact ${what}`).digest('hex').slice(0, 8), clean);
    mkdirSync(join(folder, 'blobs'));
    put(join(folder, 'blobs', sha256));
    expect(await saidOfCopy(folderTileSource(folder))).toMatch(words);
  });

  it('is written to no place that somebody has laid in its way', async () => {
    const victim = join(home, 'victim');
    writeFileSync(victim, 'kept');
    mkdirSync(join(home, 'laid'));
    symlinkSync(victim, join(home, 'laid', `${sha256}.new`));
    instead.clear();
    instead.set(PATH, (reply) => reply.end(content));
    const path = join(home, 'laid', sha256);
    expect(await copyArtifact(httpTileSource(url), path, { sha256, bytes: content.length })).toBe(true);
    expect([readFileSync(victim, 'utf8'), readFileSync(path)]).toEqual(['kept', content]);
  });
});

it('a next log that cannot be asked for is no end of the market', async () => {
  expect(await saidOf({ '1/checkpoint': (reply) => reply.writeHead(503).end() })).toMatch(
    /^unreadable: .*1\/checkpoint answers 503: whether another log follows cannot be told/,
  );
  expect(await saidOf({ '1/checkpoint': (reply) => reply.writeHead(403).end() })).toBe('good');
});
