import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import { sha256Bytes } from './sha256.js';
import type { Address, Hex } from './units.js';

/**
 * What a prover commits to before it shows a zkProof to the pool: SHA-256 over the content hash (32 bytes), the prover
 * (20 bytes) and the job id (UTF-8). The prover is in it, so that nobody can copy a commitment under its own name.
 * @param contentHash - as in the `ProofSubmission` that follows
 */
export function poolCommitmentOf(contentHash: Hex, prover: Address, jobId: string): Hex {
  const bytes = [hexToBytes(contentHash.slice(2)), hexToBytes(prover.slice(2)), new TextEncoder().encode(jobId)];
  return `0x${bytesToHex(sha256Bytes(...bytes))}`;
}
