/** The operator's Ed25519 key: signs checkpoints and bid receipts. Kept in a file that only the operator can read. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { ed25519VerifierKey, formatVerifierKey, type VerifierKey } from '#protocol/log/verifierKey.js';
import { sha256Bytes } from '#protocol/sha256.js';
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
    coordinatorId: `0x${Buffer.from(sha256Bytes(new TextEncoder().encode(logKey))).toString('hex')}`,
    sign: (bytes) => new Uint8Array(sign(null, bytes, privateKey)),
  };
}
