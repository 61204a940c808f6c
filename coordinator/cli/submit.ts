/** `understudy submit`: submits a block file and waits for its zkProofs. */
import { readFile, writeFile } from 'node:fs/promises';
import { Command, Option } from 'commander';
import { openKeyFile } from '#agent/client/keyFile.js';
import { blockTerms, DEFAULT_ROUNDS } from '#protocol/blockTerms.js';
import { ROUNDS_MAX } from '#protocol/messages.js';
import type { Address } from '#protocol/units.js';
import { addresses, connect, DEFAULT_URL, percent, runProgram, weiAmount, wholeNumber } from './commandLine.js';
import { submitBlockFile, waitForBlock } from './requester.js';
import { StepLines } from './stepLines.js';

interface SubmitOptions {
  coordinator: string;
  keyFile: string;
  label: string;
  deadlineSec: number;
  bidWindowMs: number;
  maxPriceWei?: bigint;
  missCostWei?: bigint;
  startPriceWei?: bigint;
  rounds: number;
  minSuccess: number;
  maxOwnerShare: number;
  allow?: Address[];
  sealing: 'receipt' | 'commitReveal';
  pool: boolean;
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
    .option('--bid-window-ms <ms>', 'how long bids are taken in the first round', wholeNumber(1, 600_000), 2_000)
    .option(
      '--rounds <count>',
      'rounds until a job is sold, each twice as long',
      wholeNumber(1, ROUNDS_MAX),
      DEFAULT_ROUNDS,
    )
    .option('--start-price-wei <wei>', 'the most that the first round pays (default: the max price)', weiAmount)
    .option('--max-price-wei <wei>', 'the most to pay for one job (default: 10^15)', weiAmount)
    .option('--miss-cost-wei <wei>', 'what one missed job would cost you (default: the max price)', weiAmount)
    .addOption(new Option('--backup <policy>', 'cover').choices(['market', 'required', 'none']).default('market'))
    .option('--min-success <percent>', 'least chance that primary or backup deliver in time', percent(0, 99.9999), 0)
    .option('--max-owner-share <percent>', 'largest part of a round for one owner', percent(0.01, 100), 100)
    .option('--allow <owner...>', 'addresses of the owners that may bid (default: everybody)', addresses)
    .addOption(new Option('--award <policy>', 'who wins').choices(['cheapest', 'fastest']).default('cheapest'))
    .addOption(new Option('--pricing <rule>', 'what is paid').choices(['vickrey', 'first']).default('vickrey'))
    .addOption(
      new Option('--sealing <kind>', 'who sees bids early: the coordinator, or nobody')
        .choices(['receipt', 'commitReveal'])
        .default('receipt'),
    )
    .option('--no-pool', 'do not let others deliver when primary and backup have failed')
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
  const { label, bidWindowMs, startPriceWei, missCostWei, rounds, backup, award, pricing, sealing } = options;
  const terms = blockTerms({
    ...{ label, bidWindowMs, maxPriceWei, rounds, backup, award, pricing, sealing },
    ...(startPriceWei !== undefined && { startPriceWei }),
    ...(missCostWei !== undefined && { missCostWei }),
    deadlineMs: market.nowMs + options.deadlineSec * 1_000,
    minSuccessPpm: Math.round(options.minSuccess * 10_000),
    maxOwnerShareBps: Math.round(options.maxOwnerShare * 100),
    allowedOwners: options.allow ?? [],
    pool: options.pool ? 'open' : 'none',
  });
  const blockId = await submitBlockFile(client, market, requester, blockFile, terms);
  console.log(`block ${blockId} is accepted`);
  if (!options.wait) return 0;
  let said = '';
  const steps = new StepLines((line) => console.log(line));
  const block = await waitForBlock(client, blockId, async ({ jobIds, provenCount, expiredCount }) => {
    const line = `${provenCount} of ${jobIds.length} jobs proven, ${expiredCount} expired`;
    await steps.look(client, blockId);
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
