/** `understudy bundle`: writes the zkProofs of a block. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import { bundleFiles, withCallData } from '#client/bundleFiles.js';
import { blockIdSchema } from '#protocol/units.js';
import type { BundleView } from '#protocol/views.js';
import { connect, DEFAULT_URL, runProgram } from './commandLine.js';

const EXAMPLE = `
Example:
  $ understudy bundle 0x3f0c...9a --out bundle.json
  $ understudy bundle 0x3f0c...9a --folder proofs && snarkjs groth16 verify proofs/verification_key.json \\
      proofs/public-0.json proofs/zkProof-0.json`;

interface BundleOptions {
  coordinator: string;
  out?: string;
  folder?: string;
}

/** Runs the subcommand. @returns 0 for a complete bundle, 2 for an incomplete one */
export async function run(args: string[]): Promise<number> {
  let exitCode = 0;
  const program = new Command('understudy bundle')
    .description(
      'Writes the zkProofs of a block with public signals, verification key and, for Groth16, Solidity call data.',
    )
    .argument('<blockId>', 'id of the block')
    .option('--coordinator <url>', 'address of the coordinator', DEFAULT_URL)
    .option('--out <file>', 'one JSON file to write (default: standard output)')
    .option('--folder <folder>', 'instead: files for snarkjs and for a contract, one set for each job')
    .addHelpText('after', EXAMPLE)
    .action(async (blockId: string, { coordinator, out, folder }: BundleOptions) => {
      const parsed = blockIdSchema.safeParse(blockId);
      if (!parsed.success) throw new Error('the block id must be 0x and 64 hexadecimal digits');
      const bundle = await connect(coordinator).call('getBundle', { params: { blockId: parsed.data } });
      if (folder === undefined) await writeBundle(bundle, out);
      else await writeFolder(bundle, folder);
      if (!bundle.complete) console.error('the bundle is not complete: some jobs expired or are still running');
      exitCode = bundle.complete ? 0 : 2;
    });
  return runProgram(program, args, () => exitCode);
}

/** Writes a bundle as one JSON document, to a file or to standard output. */
export async function writeBundle(bundle: BundleView, out?: string): Promise<void> {
  const text = `${JSON.stringify(withCallData(bundle), null, 2)}\n`;
  if (out === undefined) process.stdout.write(text);
  else await writeFile(out, text);
}

async function writeFolder(bundle: BundleView, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const { name, text } of bundleFiles(bundle)) await writeFile(join(folder, name), text);
}
