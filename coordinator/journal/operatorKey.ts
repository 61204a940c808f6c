/** The operator's Ed25519 key: signs checkpoints and bid receipts. Kept in a file that only the operator can read. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { coordinatorIdOf } from '#protocol/log/coordinatorId.js';
import { ed25519VerifierKey, formatVerifierKey, keyIdText, type VerifierKey } from '#protocol/log/verifierKey.js';
import type { LogName } from '#protocol/logLink.js';
import type { Hex } from '#protocol/units.js';
import { openSecretFile } from './secretFile.js';

export interface OperatorKey {
  /** The log's origin, which is also the key's name. */
  origin: string;
  verifierKey: VerifierKey;
  /** The verifier key as text: `origin+hash+base64`. */
  logKey: string;
  /** SHA-256 of {@link logKey}: names the market in every signed message. */
  coordinatorId: Hex;
  sign(bytes: Uint8Array): Uint8Array;
  /** The same key as that of a log of another origin. */
  under(origin: string): OperatorKey;
}

/**
 * Loads the operator's key, or makes one at the first start (PKCS #8 PEM, mode 0600). Throws SecretFileError.
 * @param origin - the log's origin line, such as `understudy.example/demo`
 */
export function openOperatorKey(file: string, origin: string): OperatorKey {
  const pem = openSecretFile(file, newPem, isEd25519Pem);
  return operatorKeyOf(createPrivateKey(Buffer.from(pem)), origin);
}

function newPem(): Uint8Array {
  return Buffer.from(generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }));
}

function isEd25519Pem(bytes: Uint8Array): boolean {
  try {
    return createPrivateKey(Buffer.from(bytes)).asymmetricKeyType === 'ed25519';
  } catch {
    return false;
  }
}

/** The operator's keys: an operator may have other ones for other logs of its market. */
export interface OperatorKeys {
  /** The key of a log; null when it is not here. */
  of(log: LogName): OperatorKey | null;
}

/** Where the key of a market's first log lies, and those of later ones. */
export const FIRST_KEY_FILE = 'operator-key.pem';
const KEY_FILE = /^operator-key(-[0-9a-f]{8})?\.pem$/;

/** True for the name of a file with an operator's key. */
export function isKeyFile(name: string): boolean {
  return KEY_FILE.test(name);
}

/** The keys in a data folder; one that another process has put there since is found when it is asked for. */
export function operatorKeysIn(dataDir: string): OperatorKeys {
  const known = new Map<string, OperatorKey>();
  return {
    of: ({ origin, logKey }) => {
      const found = known.get(logKey) ?? findKey(dataDir, origin, logKey);
      if (found) known.set(logKey, found);
      return found;
    },
  };
}

function findKey(dataDir: string, origin: string, logKey: string): OperatorKey | null {
  for (const file of existsSync(dataDir) ? readdirSync(dataDir) : []) {
    if (!isKeyFile(file)) continue;
    const key = openOperatorKey(join(dataDir, file), origin);
    if (key.logKey === logKey) return key;
  }
  return null;
}

/** Makes a new key in a data folder, beside those that are there. */
export function addOperatorKey(dataDir: string, origin: string): OperatorKey {
  const pem = newPem();
  const key = operatorKeyOf(createPrivateKey(Buffer.from(pem)), origin);
  const file = join(dataDir, `operator-key-${keyIdText(key.verifierKey.keyId)}.pem`);
  openSecretFile(file, () => pem, isEd25519Pem);
  return key;
}

/** The operator's key behind a private key object. */
export function operatorKeyOf(privateKey: KeyObject, origin: string): OperatorKey {
  const jwk = createPublicKey(privateKey).export({ format: 'jwk' });
  const publicKey = new Uint8Array(Buffer.from(String(jwk.x), 'base64url'));
  const verifierKey = ed25519VerifierKey(origin, publicKey);
  const logKey = formatVerifierKey(verifierKey);
  return {
    origin,
    verifierKey,
    logKey,
    coordinatorId: coordinatorIdOf(logKey),
    sign: (bytes) => new Uint8Array(sign(null, bytes, privateKey)),
    under: (other) => operatorKeyOf(privateKey, other),
  };
}
