import { readFileSync } from 'node:fs';
import { chunkWitnessInputSchema } from '#protocol/rollup/chunkWitness.js';
import type { WitnessInput } from './prover.js';

/**
 * A valid input of the transfer rollup, to measure a machine with: the first chunk of the example block of two
 * transfers with seed 1. Example accounts only; nothing in it is secret.
 */
export function sampleInput(): WitnessInput {
  const file = new URL('../../../prover-agent/proving/sampleInput.json', import.meta.url);
  return chunkWitnessInputSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
}
