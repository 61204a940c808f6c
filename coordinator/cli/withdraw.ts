/** `understudy withdraw`: takes back what nobody has been awarded of a block. */
import { Command } from 'commander';
import { openKeyFile } from '#agent/client/keyFile.js';
import { RequesterClient } from '#client/requesterClient.js';
import { blockIdSchema } from '#protocol/units.js';
import { connect, DEFAULT_URL, runProgram } from './commandLine.js';

const EXAMPLE = `
Example:
  $ understudy withdraw 0x3f0c...9a --key-file requester.json`;

/** Runs the subcommand. */
export async function run(args: string[]): Promise<number> {
  const program = new Command('understudy withdraw')
    .description(
      'Ends the jobs of your block that nobody has been awarded; their escrow comes back. Awarded jobs go on.',
    )
    .argument('<blockId>', 'id of the block')
    .requiredOption('--key-file <file>', 'the requester’s key file')
    .option('--coordinator <url>', 'address of the coordinator', DEFAULT_URL)
    .addHelpText('after', EXAMPLE)
    .action(async (blockId: string, { keyFile, coordinator }: { keyFile: string; coordinator: string }) => {
      const parsed = blockIdSchema.safeParse(blockId);
      if (!parsed.success) throw new Error('the block id must be 0x and 64 hexadecimal digits');
      const requester = new RequesterClient({ client: connect(coordinator), account: openKeyFile(keyFile) });
      const jobIds = await requester.withdraw(parsed.data);
      const { jobIds: all } = await requester.client.call('getBlock', { params: { blockId: parsed.data } });
      console.log(`${jobIds.length} of ${all.length} jobs are withdrawn, their escrow is back`);
    });
  return runProgram(program, args);
}
