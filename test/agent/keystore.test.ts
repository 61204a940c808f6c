import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { accountOf, newPrivateKey } from '#agent/client/account.js';
import { KeyFileError, openKeyFile, readPasswordFile } from '#agent/client/keyFile.js';
import { KeystoreError, makeKeystore, openKeystore } from '#agent/client/keystore.js';

/** The two test vectors of the Web3 Secret Storage Definition. */
const VECTORS = {
  pbkdf2: {
    crypto: {
      cipher: 'aes-128-ctr',
      cipherparams: { iv: '6087dab2f9fdbbfaddc31a909735c1e6' },
      ciphertext: '5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46',
      kdf: 'pbkdf2',
      kdfparams: {
        c: 262_144,
        dklen: 32,
        prf: 'hmac-sha256',
        salt: 'ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd',
      },
      mac: '517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2',
    },
    id: '3198bc9c-6672-5ab3-d995-4942343ae5b6',
    version: 3,
  },
  scrypt: {
    crypto: {
      cipher: 'aes-128-ctr',
      cipherparams: { iv: '83dbcc02d8ccb40e466191a123791e0e' },
      ciphertext: 'd172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde479c',
      kdf: 'scrypt',
      kdfparams: {
        dklen: 32,
        n: 262_144,
        p: 8,
        r: 1,
        salt: 'ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19',
      },
      mac: '2103ac29920d71da29f15d75b4a16dbe95cfd7ff8faea1056c33131d846e3097',
    },
    id: '3198bc9c-6672-5ab3-d995-4942343ae5b6',
    version: 3,
  },
};
const SECRET = '0x7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d';
const QUICK = { n: 1_024, r: 8, p: 1 };

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'understudy-keys-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('a keystore of version 3', () => {
  it.each(Object.entries(VECTORS))('of the definition opens: %s', (_, vector) => {
    expect(openKeystore(vector, 'testpassword')).toBe(SECRET);
  });

  it('opens by its password only, also as the wallets write it that spell Crypto', () => {
    const { crypto, ...rest } = VECTORS.pbkdf2;
    expect(openKeystore({ ...rest, Crypto: crypto }, 'testpassword')).toBe(SECRET);
    expect(() => openKeystore(VECTORS.pbkdf2, 'testpasswort')).toThrow(/password is wrong/);
  });

  it('is made so that it opens again, under any password', () => {
    fc.assert(
      fc.property(fc.string(), (password) => {
        const key = newPrivateKey();
        const keystore = JSON.parse(JSON.stringify(makeKeystore(key, password, QUICK)));
        expect(openKeystore(keystore, password)).toBe(key);
        expect(`0x${keystore.address}`).toBe(accountOf(key).address);
        expect(JSON.stringify(keystore)).not.toContain(key.slice(2));
      }),
      { numRuns: 20 },
    );
  });

  it.each([
    ['another version', { version: 1 }],
    ['another cipher', { crypto: { ...VECTORS.scrypt.crypto, cipher: 'aes-256-cbc' } }],
    ['a scrypt that asks for 64 GiB', scryptWith({ n: 2 ** 26 })],
    ['a scrypt with impossible parameters', scryptWith({ n: 1_000 })],
    [
      'a flipped bit',
      { crypto: { ...VECTORS.scrypt.crypto, ciphertext: `e${VECTORS.scrypt.crypto.ciphertext.slice(1)}` } },
    ],
  ])('is refused with a reason for %s', (_, more) => {
    expect(() => openKeystore({ ...VECTORS.scrypt, ...more }, 'testpassword')).toThrow(KeystoreError);
  });
});

function scryptWith(more: object) {
  const { crypto } = VECTORS.scrypt;
  return { crypto: { ...crypto, kdfparams: { ...crypto.kdfparams, ...more } } };
}

describe('a key file', () => {
  it('may be a keystore, which needs its password, and is made under one when there is none', () => {
    const path = join(folder, 'prover.json');
    writeFileSync(path, JSON.stringify(VECTORS.pbkdf2));
    expect(openKeyFile(path, 'testpassword').address).toBe('0x008aeeda4d805471df9b2a5b0f38a0c3bcba786b');
    expect(() => openKeyFile(path)).toThrow(/--password-file.*UNDERSTUDY_KEY_PASSWORD/);
    expect(() => openKeyFile(path, 'wrong')).toThrow(KeyFileError);
    const fresh = join(folder, 'keys', 'fresh.json');
    const { address } = openKeyFile(fresh, 'swordfish');
    expect(statSync(fresh).mode & 0o777).toBe(0o600);
    expect(readFileSync(fresh, 'utf8')).not.toContain('privateKey');
    expect(openKeyFile(fresh, 'swordfish').address).toBe(address);
  });

  it('that is a folder, or too large, is refused with a message', () => {
    expect(() => openKeyFile(folder)).toThrow(KeyFileError);
    writeFileSync(join(folder, 'huge'), 'x'.repeat(70_000), { mode: 0o600 });
    expect(() => openKeyFile(join(folder, 'huge'))).toThrow(/too large/);
  });

  it('has its password in a file that others may not read, without the line end', () => {
    const path = join(folder, 'password');
    writeFileSync(path, ' pass word \n', { mode: 0o600 });
    expect(readPasswordFile(path)).toBe(' pass word ');
    chmodSync(path, 0o640);
    expect(() => readPasswordFile(path)).toThrow(/chmod 600/);
    expect(() => readPasswordFile(join(folder, 'none'))).toThrow(/is not there/);
  });
});
