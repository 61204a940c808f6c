/** `understudy submit`: submits a block file and waits for its zkProofs. */
import { readFile, writeFile } from 'node:fs/promises';
import { Command, Option } from 'commander';
import { openKeyFile } from '#agent/client/keyFile.js';
import { connect, DEFAULT_URL, runProgram, weiAmount, wholeNumber } from './commandLine.js';
import { submitBlockFile, waitForBlock } from './requester.js';

interface SubmitOptions {
  coordinator: string;
  keyFile: string;
  label: string;
  deadlineSec: number;
  bidWindowMs: number;
  maxPriceWei?: bigint;
  missCostWei?: bigint;
  backup: 'market' | 'required' | 'none';
  award: 'cheapest' | 'fastest';
  pricing: 'vickrey' | 'first';
  wait: boolean;
  bundle?: string;
}

const EXAMPLE = `
Example:
  $ understudy submit circuits/examples/block-8.json --key-file requester.json --deadline-sec 300 --bundle bundle.json`;

/** Runs the subcommand. @returns 0 when every job was proven, 2 when some expired, 1 for errors */
export async function run(args: string[]): Promise<number> {
  let exitCode = 0;
  const program = new Command('understudy submit')
    .description('Submits a block file and waits until every job of it is proven or has expired.')
    .argument('<file>', 'a block file')
    .requiredOption('--key-file <file>', 'the requester’s key file (made when missing)')
    .option('--coordinator <url>', 'address of the coordinator', DEFAULT_URL)
    .option('--label <text>', 'a name for the block', 'block')
    .option('--deadline-sec <seconds>', 'time from now until the deadline', wholeNumber(1, 2_592_000), 600)
    .option('--bid-window-ms <ms>', 'how long bids are taken', wholeNumber(1, 600_000), 2_000)
    .option('--max-price-wei <wei>', 'the most to pay for one job (default: 10^15)', weiAmount)
    .option('--miss-cost-wei <wei>', 'what one missed job would cost you (default: the max price)', weiAmount)
    .addOption(new Option('--backup <policy>', 'cover').choices(['market', 'required', 'none']).default('market'))
    .addOption(new Option('--award <policy>', 'who wins').choices(['cheapest', 'fastest']).default('cheapest'))
    .addOption(new Option('--pricing <rule>', 'what is paid').choices(['vickrey', 'first']).default('vickrey'))
    .option('--no-wait', 'return as soon as the block is accepted')
    .option('--bundle <file>', 'write the bundle of zkProofs here')
    .addHelpText('after', EXAMPLE)
    .action(async (file: string, options: SubmitOptions) => {
      exitCode = await submit(file, options);
    });
  return runProgram(program, args, () => exitCode);
}

async function submit(file: string, options: SubmitOptions): Promise<number> {
  const client = connect(options.coordinator);
  const market = await client.call('getMarket', {});
  const blockFile: unknown = JSON.parse(await readFile(file, 'utf8'));
  const requester = openKeyFile(options.keyFile);
  const maxPriceWei = options.maxPriceWei ?? 10n ** 15n;
  const { label, bidWindowMs, backup, award, pricing } = options;
  const blockId = await submitBlockFile(client, market, requester, blockFile, {
    label,
    bidWindowMs,
    backup,
    award,
    pricing,
    deadlineMs: market.nowMs + options.deadlineSec * 1_000,
    maxPriceWei: maxPriceWei.toString(),
    missCostWei: (options.missCostWei ?? maxPriceWei).toString(),
  });
  console.log(`block ${blockId} is accepted`);
  if (!options.wait) return 0;
  let said = '';
  const block = await waitForBlock(client, blockId, ({ jobIds, provenCount, expiredCount }) => {
    const line = `${provenCount} of ${jobIds.length} jobs proven, ${expiredCount} expired`;
    if (line !== said) console.log(line);
    said = line;
  });
  if (options.bundle) {
    const bundle = await client.call('getBundle', { params: { blockId } });
    await writeFile(options.bundle, `${JSON.stringify(bundle, null, 2)}\n`);
    console.log(`the bundle is in ${options.bundle}`);
  }
  return block.expiredCount === 0 ? 0 : 2;
}
