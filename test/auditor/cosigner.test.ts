import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type OperatorKey, operatorKeyOf } from '#journal/operatorKey.js';
import { encodeBase64 } from '#protocol/log/base64.js';
import { signCheckpoint } from '#protocol/log/checkpoint.js';
import { consistencyProof } from '#protocol/log/consistencyProof.js';
import { cosignerKey, formatCosignerKey, parseCosignerKey, readCosignatures } from '#protocol/log/cosignature.js';
import { verifyEd25519 } from '#protocol/log/ed25519.js';
import { parseVerifierKey } from '#protocol/log/verifierKey.js';
import { addCheckpoint, type CosignerOptions } from '../../coordinator/auditor/cosigner.js';
import { cosignerFolder } from '../../coordinator/auditor/cosignerFolder.js';
import { growTree } from '../protocol/grownTree.js';

const ORIGIN = 'log.example/market';
const NOW_SEC = 1_800_000_000;

const newKey = (name: string): OperatorKey => operatorKeyOf(generateKeyPairSync('ed25519').privateKey, name);

let folder: string;
let log: OperatorKey;
let operator: OperatorKey;
let options: CosignerOptions;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'understudy-cosigner-'));
  log = newKey(ORIGIN);
  operator = newKey('cosigner.example');
  options = optionsOf();
});

afterEach(() => rmSync(folder, { recursive: true }));

/** A cosigner on the folder, as after a start. */
function optionsOf(): CosignerOptions {
  return {
    logKeys: [log.verifierKey],
    key: cosignerKey('cosigner.example', operator.verifierKey.publicKey),
    sign: operator.sign,
    memory: cosignerFolder(folder),
    nowSec: () => NOW_SEC,
  };
}

/** A history of a log: entries are `<name> 0`, `<name> 1`, ... from `forkedAt` on. */
function history(name = 'entry', forkedAt = 0) {
  const entries = Array.from({ length: 40 }, (_, index) => `${index < forkedAt ? 'entry' : name} ${index}`);
  const tree = growTree(entries.map((entry) => new TextEncoder().encode(entry)));
  const noteOf = (size: number, key = log, origin = ORIGIN) => {
    const checkpoint = { origin, size, rootHash: tree.roots[size]!, extensionLines: [] };
    return signCheckpoint(checkpoint, [{ key: key.verifierKey, sign: key.sign }]);
  };
  const request = (oldSize: number, size: number, note = noteOf(size)) => {
    const proof = oldSize === 0 || oldSize > size ? [] : consistencyProof(oldSize, size, tree.readNode);
    return `old ${oldSize}\n${proof.map((hash) => `${encodeBase64(hash)}\n`).join('')}\n${note}`;
  };
  return { noteOf, request };
}

const ask = (request: string) => addCheckpoint(request, options);

describe('a cosigner', () => {
  it('cosigns a log that grows, and its word can be checked', () => {
    const { request, noteOf } = history();
    for (const [from, to] of [
      [0, 3],
      [3, 3],
      [3, 17],
      [17, 40],
    ] as const) {
      const { status, body } = ask(request(from, to));
      expect(status).toBe(200);
      const found = readCosignatures(noteOf(to) + body, [options.key], verifyEd25519);
      expect(found).toEqual([{ key: options.key, timeSec: NOW_SEC }]);
    }
  });

  it('names the size that it has signed to whoever begins elsewhere', () => {
    const { request } = history();
    ask(request(0, 17));
    for (const oldSize of [0, 3]) {
      expect(ask(request(oldSize, 40))).toEqual({ status: 409, type: 'text/x.tlog.size', body: '17\n' });
    }
  });

  it('refuses a fork, also of the same size, and after a restart', () => {
    ask(history().request(0, 17));
    options = optionsOf();
    const fork = history('other', 10);
    expect(ask(fork.request(17, 40)).status).toBe(422);
    expect(ask(fork.request(17, 17)).status).toBe(409);
    expect(ask(history().request(17, 40)).status).toBe(200);
  });

  it('refuses a rollback', () => {
    const { request } = history();
    ask(request(0, 40));
    expect(ask(request(17, 17))).toMatchObject({ status: 409, body: '40\n' });
    expect(ask(request(40, 17)).status).toBe(400);
  });

  it('refuses logs that it was not told of, and checkpoints that the log has not signed', () => {
    const { request, noteOf } = history();
    const other = newKey('other.example/log');
    expect(ask(request(0, 3, noteOf(3, other, 'other.example/log'))).status).toBe(404);
    expect(ask(request(0, 3, noteOf(3, newKey(ORIGIN)))).status).toBe(403);
    expect(ask(request(0, 3, noteOf(3).replace('\n3\n', '\n4\n'))).status).toBe(403);
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each([
    ['nothing', ''],
    ['no old line', '\n\nnote'],
    ['a negative size', 'old -1\n\nnote'],
    ['a proof line that is no hash', 'old 1\nAAAA\n\nnote'],
    ['no checkpoint', 'old 0\n\nhello\n'],
    ['64 proof lines', `old 1\n${`${'A'.repeat(43)}=\n`.repeat(64)}\nnote`],
  ])('says what a request must be: %s', (_what, request) => {
    expect(ask(request).status).toBe(400);
  });

  it('would rather stop than forget', () => {
    const { request } = history();
    ask(request(0, 3));
    const [file] = readdirSync(folder);
    writeFileSync(join(folder, file!), readFileSync(join(folder, file!), 'utf8').slice(0, 40));
    expect(() => ask(request(0, 3))).toThrow(/damaged/);
  });
});

describe('the key of a cosigner', () => {
  it('is written and read as a line, and is not that of a log', () => {
    const line = formatCosignerKey(options.key);
    expect(parseCosignerKey(line)).toEqual(options.key);
    expect(parseVerifierKey(line)).toBeUndefined();
    expect(parseCosignerKey(operator.logKey)).toBeUndefined();
    expect(parseCosignerKey(line.replace('cosigner', 'other'))).toBeUndefined();
  });

  it('has no cosignature that was made for another text or at another time', () => {
    const { request, noteOf } = history();
    const { body } = ask(request(0, 3));
    expect(readCosignatures(noteOf(4) + body, [options.key], verifyEd25519)).toBeUndefined();
    expect(readCosignatures(noteOf(3) + body, [], verifyEd25519)).toEqual([]);
    options = { ...options, nowSec: () => NOW_SEC + 1 };
    expect(ask(request(3, 3)).body).not.toBe(body);
  });
});
