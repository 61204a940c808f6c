import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Account, accountOf, newPrivateKey } from './account.js';

/** A key file that cannot be used; the message says what to do and never holds the key. */
export class KeyFileError extends Error {
  override readonly name = 'KeyFileError';
}

/**
 * Reads the account of a key file, `{ "privateKey": "0x..." }`, and makes the file (mode 0600) when there is none.
 * Refuses a file that others may read. Throws KeyFileError.
 */
export function openKeyFile(path: string): Account {
  let text: string;
  try {
    if (process.platform !== 'win32' && (statSync(path).mode & 0o077) !== 0) {
      throw new KeyFileError(`others may read the key file ${path}: run chmod 600 on it`);
    }
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return createKeyFile(path);
    throw error;
  }
  let privateKey: unknown;
  try {
    privateKey = (JSON.parse(text) as { privateKey?: unknown }).privateKey;
    return accountOf(String(privateKey));
  } catch {
    throw new KeyFileError(`${path} is no key file: expected { "privateKey": "0x and 64 hexadecimal digits" }`);
  }
}

function createKeyFile(path: string): Account {
  const privateKey = newPrivateKey();
  mkdirSync(dirname(path), { recursive: true });
  // Exclusive: of two processes that find no file, one makes the key and the other fails rather than replace it.
  writeFileSync(path, `${JSON.stringify({ privateKey })}\n`, { mode: 0o600, flag: 'wx' });
  chmodSync(path, 0o600);
  return accountOf(privateKey);
}
