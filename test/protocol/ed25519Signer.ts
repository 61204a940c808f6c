import { createPrivateKey, createPublicKey, sign } from 'node:crypto';
import type { NoteSigner } from '#protocol/log/signedNote.js';
import { ed25519VerifierKey } from '#protocol/log/verifierKey.js';

const PKCS8_ED25519_HEADER = Buffer.from('302e020100300506032b657004220420', 'hex');

/** A signer on the platform's own Ed25519, so that the JavaScript verifier is checked against another implementation. */
export function signerFromSeed(name: string, seed: Uint8Array): NoteSigner {
  const der = Buffer.concat([PKCS8_ED25519_HEADER, seed]);
  const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  const publicKey = createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(-32);
  return {
    key: ed25519VerifierKey(name, new Uint8Array(publicKey)),
    sign: (message) => new Uint8Array(sign(null, message, privateKey)),
  };
}
