import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openOperatorKey } from '#journal/operatorKey.js';
import { openSecretFile } from '#journal/secretFile.js';

let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'understudy-secret-'));
  file = join(folder, 'deep', 'secret');
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const bytes = (text: string) => new Uint8Array(Buffer.from(text));

it('makes a secret once, for its owner alone', () => {
  expect(
    openSecretFile(
      file,
      () => bytes('first'),
      () => true,
    ),
  ).toEqual(bytes('first'));
  expect(
    openSecretFile(
      file,
      () => bytes('second'),
      () => true,
    ),
  ).toEqual(bytes('first'));
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readdirSync(join(folder, 'deep'))).toEqual(['secret']);
});

it('takes the secret of another process that was quicker', () => {
  const make = () => {
    openSecretFile(
      file,
      () => bytes('theirs'),
      () => true,
    );
    return bytes('mine');
  };
  expect(openSecretFile(file, make, () => true)).toEqual(bytes('theirs'));
  expect(readdirSync(join(folder, 'deep'))).toEqual(['secret']);
});

it('refuses what a power cut has left, and says what to do', () => {
  const cut = join(folder, 'operator-key.pem');
  writeFileSync(cut, '');
  expect(() => openOperatorKey(cut, 'test.example/market')).toThrow(/operator-key.pem is damaged. Restore it/);
});

it('makes an operator key that is the same at the next start', () => {
  expect(openOperatorKey(file, 'test.example/market').logKey).toBe(openOperatorKey(file, 'test.example/market').logKey);
});
