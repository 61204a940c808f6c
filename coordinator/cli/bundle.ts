/** `understudy bundle`: writes the zkProofs of a block. */
import { writeFile } from 'node:fs/promises';
import { Command } from 'commander';
import { blockIdSchema } from '#protocol/units.js';
import { connect, DEFAULT_URL, runProgram } from './commandLine.js';

const EXAMPLE = `
Example:
  $ understudy bundle 0x3f0c...9a --out bundle.json`;

/** Runs the subcommand. @returns 0 for a complete bundle, 2 for an incomplete one */
export async function run(args: string[]): Promise<number> {
  let exitCode = 0;
  const program = new Command('understudy bundle')
    .description('Writes the zkProofs of a block in order, with public signals and verification key, as JSON.')
    .argument('<blockId>', 'id of the block')
    .option('--coordinator <url>', 'address of the coordinator', DEFAULT_URL)
    .option('--out <file>', 'file to write (default: standard output)')
    .addHelpText('after', EXAMPLE)
    .action(async (blockId: string, { coordinator, out }: { coordinator: string; out?: string }) => {
      const parsed = blockIdSchema.safeParse(blockId);
      if (!parsed.success) throw new Error('the block id must be 0x and 64 hexadecimal digits');
      const bundle = await connect(coordinator).call('getBundle', { params: { blockId: parsed.data } });
      const text = `${JSON.stringify(bundle, null, 2)}\n`;
      if (out) await writeFile(out, text);
      else process.stdout.write(text);
      if (!bundle.complete) console.error('the bundle is not complete: some jobs expired or are still running');
      exitCode = bundle.complete ? 0 : 2;
    });
  return runProgram(program, args, () => exitCode);
}
