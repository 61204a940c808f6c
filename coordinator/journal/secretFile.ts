import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

/** A secret's file cannot be what was once written; the message says what to do and never holds the secret. */
export class SecretFileError extends Error {
  override readonly name = 'SecretFileError';
}

/**
 * Reads a secret, or makes it (mode 0600) at the first start. The file appears whole or not at all, so that neither a
 * power cut nor a second coordinator that starts at the same time finds half of it; of two that make one, both get the
 * first.
 *
 * @param make - makes a new secret
 * @param isWhole - false for what cannot be this kind of secret
 * @throws SecretFileError when the file holds something else
 */
export function openSecretFile(
  file: string,
  make: () => Uint8Array,
  isWhole: (secret: Uint8Array) => boolean,
): Uint8Array {
  const secret = readIfThere(file) ?? makeFile(file, make());
  if (isWhole(secret)) return secret;
  throw new SecretFileError(`${file} is damaged. Restore it from a backup, or remove it to have a new one made.`);
}

function readIfThere(file: string): Uint8Array | null {
  try {
    return new Uint8Array(readFileSync(file));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

function makeFile(file: string, secret: Uint8Array): Uint8Array {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.${randomBytes(6).toString('hex')}`;
  const handle = openSync(draft, 'wx', 0o600);
  try {
    writeSync(handle, secret);
    fsyncSync(handle);
    linkSync(draft, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    closeSync(handle);
    rmSync(draft, { force: true });
  }
  return new Uint8Array(readFileSync(file));
}
