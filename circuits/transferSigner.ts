import { createRequire } from 'node:module';
import type { CurvePoint } from '#protocol/rollup/account.js';
import { type SignedTransfer, type Transfer, transferHash } from '#protocol/rollup/transfer.js';

// The package's ESM build imports names that its CommonJS dependency does not export, so Node.js cannot load it.
const { derivePublicKey, signMessage } = createRequire(import.meta.url)(
  '@zk-kit/eddsa-poseidon',
) as typeof import('@zk-kit/eddsa-poseidon');

/** The public key of a private key (any bytes; a text counts as its UTF-8 bytes). */
export function publicKeyOf(privateKey: Uint8Array | string): CurvePoint {
  return derivePublicKey(privateKey);
}

/** Signs a transfer with the sender's private key; deterministic, as EdDSA is. */
export function signTransfer(privateKey: Uint8Array | string, transfer: Transfer): SignedTransfer {
  const { R8, S } = signMessage(privateKey, transferHash(transfer));
  return { ...transfer, signature: { r8: R8, s: S } };
}
