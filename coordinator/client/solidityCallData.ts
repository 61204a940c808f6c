import type { Groth16ZkProof } from '#protocol/zkProof.js';

/** A field element as Solidity reads it in JSON. */
function wordOf(decimal: string): string {
  return `"0x${BigInt(decimal).toString(16).padStart(64, '0')}"`;
}

/**
 * The arguments of `verifyProof` of the Solidity contract that snarkjs exports for a Groth16 circuit, as one line of text:
 * what `snarkjs zkey export soliditycalldata` prints. The two halves of a G2 coordinate change places, as the
 * precompiled contract wants them. Source: EIP-197; snarkjs 0.7.6, groth16_exportsoliditycalldata.js
 */
export function solidityCallData({ pi_a, pi_b, pi_c }: Groth16ZkProof, publicSignals: readonly string[]): string {
  const pair = ([one, other]: readonly [string, string, ...unknown[]]) => `[${wordOf(one)}, ${wordOf(other)}]`;
  const [x, y] = pi_b;
  const swapped = [x, y].map(([low, high]) => pair([high, low]));
  return `${pair(pi_a)},[${swapped.join(',')}],${pair(pi_c)},[${publicSignals.map(wordOf).join(',')}]`;
}
