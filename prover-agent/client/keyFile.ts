import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Address, addressSchema } from '#protocol/units.js';
import { type Account, accountOf, newPrivateKey } from './account.js';
import { isKeystore, KeystoreError, makeKeystore, openKeystore } from './keystore.js';

/** A key file that cannot be used; the message says what to do and never holds the key. */
export class KeyFileError extends Error {
  override readonly name = 'KeyFileError';
}

/** Largest key or password file that is read, in bytes. */
const BYTES_MAX = 65_536;

/**
 * Reads the account of a key file: `{ "privateKey": "0x..." }`, or an Ethereum keystore with its password. Makes a new key
 * (mode 0600) when there is no file: under the password if one is given. Refuses a bare key that others may read.
 * @throws KeyFileError
 */
export function openKeyFile(path: string, password: string | null = null): Account {
  const found = readKeyFile(path);
  if (found === null) return createKeyFile(path, password);
  if (!isKeystore(found)) return bareAccount(found, path);
  if (password === null) {
    throw new KeyFileError(
      `${path} is a keystore: give its password at a terminal, in a file (--password-file), or in UNDERSTUDY_KEY_PASSWORD`,
    );
  }
  try {
    return accountOf(openKeystore(found, password));
  } catch (error) {
    if (!(error instanceof KeystoreError || error instanceof RangeError)) throw error;
    throw new KeyFileError(`the keystore ${path} cannot be opened: ${error.message}`);
  }
}

/** What a key file is, without opening it. Throws KeyFileError for one that cannot be read or is none. */
export function kindOfKeyFile(path: string): 'missing' | 'bare' | 'keystore' {
  const found = readKeyFile(path);
  if (found === null) return 'missing';
  return isKeystore(found) ? 'keystore' : 'bare';
}

/** The address that a keystore says it is of, unopened; null for other files, and for keystores that do not say it. */
export function addressOfKeystore(path: string): Address | null {
  const found = readKeyFile(path);
  if (!isKeystore(found)) return null;
  const parsed = addressSchema.safeParse(String((found as { address?: unknown }).address).replace(/^(0x)?/, '0x'));
  return parsed.success ? parsed.data : null;
}

/** Reads a password from a file, which others may not read; a line end at its end is not part of it. */
export function readPasswordFile(path: string): string {
  const text = readSecret(path, 'password file');
  if (text === null) throw new KeyFileError(`the password file ${path} is not there`);
  if (isOpenToOthers(path)) throw new KeyFileError(`others may read the password file ${path}: run chmod 600 on it`);
  return text.replace(/\r?\n$/, '');
}

/** The file's JSON; null when there is no file. */
function readKeyFile(path: string): unknown {
  const text = readSecret(path, 'key file');
  if (text === null) return null;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw notAKey(path);
  }
  // What is under a password may be read by others, as far as the password is good.
  if (!isKeystore(value) && isOpenToOthers(path)) {
    throw new KeyFileError(`others may read the key file ${path}: run chmod 600 on it`);
  }
  return value ?? {};
}

function readSecret(path: string, kind: string): string | null {
  try {
    if (statSync(path).size > BYTES_MAX) throw new KeyFileError(`the ${kind} ${path} is too large to be one`);
    return readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return null;
    if (error instanceof KeyFileError) throw error;
    const advice = code === 'EACCES' ? 'this user may not: change its owner, or run as another user' : code;
    throw new KeyFileError(`the ${kind} ${path} cannot be read: ${advice}`);
  }
}

function isOpenToOthers(path: string): boolean {
  return process.platform !== 'win32' && (statSync(path).mode & 0o077) !== 0;
}

function bareAccount(found: unknown, path: string): Account {
  try {
    return accountOf(String((found as { privateKey?: unknown }).privateKey));
  } catch {
    throw notAKey(path);
  }
}

function notAKey(path: string): KeyFileError {
  const expected = '{ "privateKey": "0x and 64 hexadecimal digits" } or an Ethereum keystore';
  return new KeyFileError(`${path} is no key file: expected ${expected}`);
}

function createKeyFile(path: string, password: string | null): Account {
  const privateKey = newPrivateKey();
  const content = password === null ? { privateKey } : makeKeystore(privateKey, password);
  mkdirSync(dirname(path), { recursive: true });
  // Exclusive: of two processes that find no file, one makes the key and the other fails rather than replace it.
  writeFileSync(path, `${JSON.stringify(content)}\n`, { mode: 0o600, flag: 'wx' });
  chmodSync(path, 0o600);
  return accountOf(privateKey);
}
