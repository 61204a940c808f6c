/** Challenge jobs: what a prover proves before it may bid on a circuit. Source: ARCHITECTURE.md, "Challenges". */
import { hexToBytes } from '@noble/hashes/utils.js';
import type { Parameters } from '#protocol/parameters.js';
import { sha256Bytes } from '#protocol/sha256.js';
import type { Address, Hex } from '#protocol/units.js';
import { type Circuit, type MarketState, recordKey } from './state.js';

/** True for a prover that may not bid on a circuit before it has passed a challenge there, or proven jobs of it. */
export function needsChallenge(
  state: MarketState,
  prover: Address,
  circuitId: Hex,
  { newcomerJobs }: Pick<Parameters, 'newcomerJobs'>,
): boolean {
  const key = recordKey(prover, circuitId);
  if ((state.records.get(key)?.accepted ?? 0) >= newcomerJobs) return false;
  if (!state.circuits.get(circuitId)?.samples.length) return false;
  return state.challenges.get(key)?.status !== 'passed';
}

/**
 * Draws a sample: SHA-256 over the prover's address, the circuit's id and the number of entries in the log, modulo the
 * number of samples. Nobody chooses it: the number is known only when the request is logged.
 */
export function drawSample({ circuitId, samples }: Circuit, prover: Address, logSize: number): number {
  const size = new TextEncoder().encode(String(logSize));
  const hash = sha256Bytes(hexToBytes(prover.slice(2)), hexToBytes(circuitId.slice(2)), size);
  return new DataView(hash.buffer, hash.byteOffset).getUint32(0) % samples.length;
}
