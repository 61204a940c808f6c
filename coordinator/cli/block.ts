/** `understudy block`: makes example block files and looks into block files. */
import { open, writeFile } from 'node:fs/promises';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { TRANSFERS_PER_BLOCK_MAX } from '#protocol/rollup/rollupLimits.js';

/** Larger than any block file that the schema accepts. */
const BLOCK_FILE_BYTES_MAX = 8 * 1024 * 1024;

const EXAMPLES = `
Examples:
  $ understudy block new --transfers 64 --seed 7 --out my-block.json
  $ understudy block check my-block.json`;

/**
 * Runs the subcommand.
 *
 * @param args - what stands behind `block` on the command line
 * @returns the exit code: 0, or 1 when the block is bad or the arguments are wrong
 */
export async function run(args: string[]): Promise<number> {
  let exitCode = 0;
  const program = new Command('understudy block')
    .description('Makes example blocks of the rollup and checks block files.')
    .addHelpText('after', EXAMPLES)
    .exitOverride();
  program
    .command('new')
    .description('write a block of valid transfers between example accounts; the same seed gives the same block')
    .option('--transfers <count>', `number of transfers, 1 to ${TRANSFERS_PER_BLOCK_MAX}`, transferCount, 8)
    .option('--seed <number>', 'a whole number', wholeNumber, 1)
    .option('--out <file>', 'file to write (default: standard output)')
    .action((options: { transfers: number; seed: number; out?: string }) => createBlock(options));
  program
    .command('check')
    .description('execute a block file again and say what is in it, or what is wrong with it')
    .argument('<file>', 'a block file')
    .action(async (file: string) => {
      exitCode = await checkBlock(file);
    });
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode;
    throw error;
  }
  return exitCode;
}

function wholeNumber(text: string): number {
  if (!/^[0-9]{1,15}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}

function transferCount(text: string): number {
  const count = wholeNumber(text);
  if (count >= 1 && count <= TRANSFERS_PER_BLOCK_MAX) return count;
  throw new InvalidArgumentError(`It must be 1 to ${TRANSFERS_PER_BLOCK_MAX}.`);
}

async function createBlock(options: { transfers: number; seed: number; out?: string }): Promise<void> {
  const { buildExampleBlock } = await import('#circuits/exampleBlock.js');
  const { writeBlockFile } = await import('#circuits/blockBuilder.js');
  const text = writeBlockFile(buildExampleBlock(options));
  if (options.out === undefined) process.stdout.write(text);
  else {
    await writeFile(options.out, text);
    console.error(`Wrote ${options.transfers} transfers, ${text.length} bytes, to ${options.out}.`);
  }
}

async function checkBlock(file: string): Promise<number> {
  const { splitBlock } = await import('#market/splitBlock.js');
  const block = await readJson(file);
  if ('problem' in block) {
    console.error(`${file}: ${block.problem}`);
    return 1;
  }
  const startedAt = performance.now();
  const result = splitBlock(block.json);
  const elapsedMs = Math.round(performance.now() - startedAt);
  if (!result.ok) {
    const place = result.transferIndex === null ? '' : `transfer ${result.transferIndex}: `;
    console.error(`${file}: ${place}${result.code}: ${result.detail}`);
    return 1;
  }
  const { accounts, transfers, preStateRoot, postStateRoot } = block.json as Record<string, unknown[] | string>;
  console.log(`${transfers?.length} transfers, ${accounts?.length} accounts, ${result.jobs.length} proof jobs`);
  console.log(`pre-state root   ${preStateRoot}`);
  console.log(`post-state root  ${postStateRoot}`);
  console.log(`The block is valid (executed in ${elapsedMs} ms).`);
  return 0;
}

async function readJson(file: string): Promise<{ json: unknown } | { problem: string }> {
  try {
    const handle = await open(file);
    try {
      const { size } = await handle.stat();
      if (size > BLOCK_FILE_BYTES_MAX) return { problem: `larger than ${BLOCK_FILE_BYTES_MAX} bytes: no block file` };
      return { json: JSON.parse(await handle.readFile('utf8')) };
    } finally {
      await handle.close();
    }
  } catch (error) {
    return { problem: `cannot be read as JSON: ${(error as Error).message}` };
  }
}
