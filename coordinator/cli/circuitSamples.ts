import { splitBlock } from '#market/splitBlock.js';
import { contentHashOf } from '#protocol/contentHash.js';

/** One sample for so many jobs of the block. */
const EVERY = 4;

/**
 * Makes the file of a circuit's samples from a block: the text of a JSON list of `{ publicSignals, inputHash, input }`, one
 * sample a line. Throws when the block cannot be proven.
 */
export function samplesOf(blockFile: unknown): string {
  const split = splitBlock(blockFile);
  if (!split.ok) throw new Error(`the block cannot be proven: ${split.detail}`);
  const samples = split.jobs.filter((_, index) => index % EVERY === 0);
  const lines = samples.map(({ publicSignals, witnessInput: input }) =>
    JSON.stringify({ publicSignals, inputHash: contentHashOf(input), input }),
  );
  return `[\n${lines.join(',\n')}\n]\n`;
}
