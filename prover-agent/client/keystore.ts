import {
  createCipheriv,
  createDecipheriv,
  pbkdf2Sync,
  randomBytes,
  randomUUID,
  scryptSync,
  timingSafeEqual,
} from 'node:crypto';
import { scrypt } from '@noble/hashes/scrypt.js';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { z } from 'zod';
import type { Hex } from '#protocol/units.js';
import { accountOf } from './account.js';

/** A keystore that cannot be opened; the message says why, never what is in it. */
export class KeystoreError extends Error {
  override readonly name = 'KeystoreError';
}

const KEY_BYTES = 32;
/** Costs of new keystores: those of ethers and MetaMask, about half a second and 128 MiB. */
const SCRYPT = { n: 131_072, r: 8, p: 1 } as const;
/** Most memory that opening one may take, in bytes, and most rounds of PBKDF2: some times what wallets write. */
const SCRYPT_BYTES_MAX = 1_073_741_824;
const PBKDF2_ROUNDS_MAX = 10_000_000;

const hex = (bytes: number) => z.string().regex(new RegExp(`^(0x)?[0-9a-fA-F]{${2 * bytes}}$`));
const anyHex = z
  .string()
  .max(1_024)
  .regex(/^(0x)?([0-9a-fA-F]{2})+$/);
const cost = z.int().min(1);

const cryptoSchema = z.intersection(
  z.object({
    cipher: z.literal('aes-128-ctr', { error: 'its cipher is not aes-128-ctr' }),
    cipherparams: z.object({ iv: hex(16) }),
    ciphertext: hex(KEY_BYTES),
    mac: hex(32),
  }),
  z.discriminatedUnion('kdf', [
    z.object({
      kdf: z.literal('scrypt'),
      kdfparams: z.object({ dklen: z.literal(32), n: cost, r: cost, p: cost, salt: anyHex }),
    }),
    z.object({
      kdf: z.literal('pbkdf2'),
      kdfparams: z.object({
        dklen: z.literal(32),
        c: cost.max(PBKDF2_ROUNDS_MAX),
        prf: z.literal('hmac-sha256'),
        salt: anyHex,
      }),
    }),
  ]),
);
const keystoreSchema = z.object({ version: z.literal(3), crypto: cryptoSchema });
type Kdf = z.infer<typeof cryptoSchema>;

/** True for JSON that means to be an Ethereum keystore, of whatever version. Some wallets write `Crypto`. */
export function isKeystore(value: unknown): boolean {
  return value !== null && typeof value === 'object' && ('crypto' in value || 'Crypto' in value);
}

/**
 * Opens an Ethereum keystore of version 3.
 * @param keystore - its JSON, parsed
 * @returns the private key, 0x and 64 hexadecimal digits
 * @throws KeystoreError for another version or kind, and for a wrong password
 * Source: Web3 Secret Storage Definition
 */
export function openKeystore(keystore: unknown, password: string): Hex {
  const parsed = keystoreSchema.safeParse(lowerCased(keystore));
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0]!;
    throw new KeystoreError(`it is no keystore of version 3: ${path.join('.')} ${message}`.trim());
  }
  const { crypto } = parsed.data;
  const derived = derive(crypto, password);
  const ciphertext = bytesOf(crypto.ciphertext);
  if (!timingSafeEqual(macOf(derived, ciphertext), bytesOf(crypto.mac))) {
    throw new KeystoreError('the password is wrong, or the file is damaged');
  }
  const decipher = createDecipheriv('aes-128-ctr', derived.subarray(0, 16), bytesOf(crypto.cipherparams.iv));
  return `0x${Buffer.concat([decipher.update(ciphertext), decipher.final()]).toString('hex')}`;
}

/**
 * Puts a private key under a password, as an Ethereum keystore of version 3 that wallets can read.
 * @param cost - of scrypt; tests take less
 */
export function makeKeystore(privateKey: Hex, password: string, cost: { n: number; r: number; p: number } = SCRYPT) {
  const [salt, iv] = [randomBytes(32), randomBytes(16)];
  const kdf = { kdf: 'scrypt' as const, kdfparams: { dklen: 32 as const, salt: salt.toString('hex'), ...cost } };
  const derived = derive(kdf, password);
  const cipher = createCipheriv('aes-128-ctr', derived.subarray(0, 16), iv);
  const ciphertext = Buffer.concat([cipher.update(bytesOf(privateKey)), cipher.final()]);
  return {
    version: 3,
    id: randomUUID(),
    address: accountOf(privateKey).address.slice(2),
    crypto: {
      cipher: 'aes-128-ctr',
      cipherparams: { iv: iv.toString('hex') },
      ciphertext: ciphertext.toString('hex'),
      ...kdf,
      mac: macOf(derived, ciphertext).toString('hex'),
    },
  };
}

function derive(crypto: Pick<Kdf, 'kdf' | 'kdfparams'>, password: string): Buffer {
  const { kdf, kdfparams } = crypto as Kdf;
  const salt = bytesOf(kdfparams.salt);
  if (kdf === 'pbkdf2') return pbkdf2Sync(password, salt, (kdfparams as { c: number }).c, KEY_BYTES, 'sha256');
  const { n, r, p } = kdfparams as typeof SCRYPT;
  const maxmem = 128 * r * (n + p + 8);
  if (maxmem > SCRYPT_BYTES_MAX) throw new KeystoreError(`it asks for ${maxmem} bytes of memory to be opened`);
  try {
    // OpenSSL wants n below 2^(16 r), as the paper does; the definition's own test vector is not.
    if (n >= 2 ** (16 * r)) return Buffer.from(scrypt(password, salt, { N: n, r, p, dkLen: KEY_BYTES, maxmem }));
    return scryptSync(password, salt, KEY_BYTES, { N: n, r, p, maxmem });
  } catch (error) {
    throw new KeystoreError('its scrypt parameters cannot be used', { cause: error });
  }
}

/** Keccak-256 over the second half of the derived key and the ciphertext. */
function macOf(derived: Buffer, ciphertext: Buffer): Buffer {
  return Buffer.from(keccak_256(Buffer.concat([derived.subarray(16, 32), ciphertext])));
}

const bytesOf = (text: string) => Buffer.from(text.replace(/^0x/, ''), 'hex');

function lowerCased(keystore: unknown): unknown {
  if (!isKeystore(keystore) || 'crypto' in (keystore as object)) return keystore;
  const { Crypto: crypto, ...rest } = keystore as Record<string, unknown>;
  return { ...rest, crypto };
}
