import { poseidon2 } from 'poseidon-lite/poseidon2';
import { poseidon5 } from 'poseidon-lite/poseidon5';
import type { CurvePoint } from './account.js';
import { TRANSFERS_PER_CHUNK } from './rollupLimits.js';

/** A payment from one account to another; indices are places in the account tree, below 65,536. */
export type Transfer = { from: number; to: number; amount: bigint; nonce: bigint };

/** EdDSA over Baby Jubjub with Poseidon, as in circomlib: r8 a curve point, s below the order of the subgroup. */
export type TransferSignature = { r8: CurvePoint; s: bigint };

export type SignedTransfer = Transfer & { signature: TransferSignature };

/** "understudy.transfer.1" in ASCII, big-endian: sets a transfer apart from all else that a key may sign. */
export const TRANSFER_TAG = 171625919464312651683535920060769978248905001938481n;

/** "understudy.transfers.1" in ASCII, big-endian: where the chain of a chunk's transfers starts. */
export const TRANSFERS_TAG = 43936235382864038830985195535557114431719680500772401n;

/** The message that the sender signs: Poseidon(TRANSFER_TAG, from, to, amount, nonce). */
export function transferHash(transfer: Transfer): bigint {
  return poseidon5([TRANSFER_TAG, BigInt(transfer.from), BigInt(transfer.to), transfer.amount, transfer.nonce]);
}

/**
 * The third public signal of a chunk: c_0 = TRANSFERS_TAG, c_i+1 = Poseidon(c_i, hash of transfer i), where padding
 * counts as 0.
 *
 * @param hashes - {@link transferHash} of the chunk's transfers in order, 1 to TRANSFERS_PER_CHUNK of them
 */
export function transfersCommitment(hashes: readonly bigint[]): bigint {
  let commitment = TRANSFERS_TAG;
  for (let i = 0; i < TRANSFERS_PER_CHUNK; i++) commitment = poseidon2([commitment, hashes[i] ?? 0n]);
  return commitment;
}
