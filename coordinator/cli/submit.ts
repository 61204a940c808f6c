/** `understudy submit`: submits a block file, or inputs of any circuit, and waits for the zkProofs. */
import { readFile } from 'node:fs/promises';
import { Command, InvalidArgumentError, Option } from 'commander';
import { openKeyFile } from '#agent/client/keyFile.js';
import { RequesterClient } from '#client/requesterClient.js';
import { type BlockTerms, blockTerms, DEFAULT_ROUNDS } from '#protocol/blockTerms.js';
import { ROUNDS_MAX } from '#protocol/messages.js';
import { type Address, bytes32Schema, type Hex } from '#protocol/units.js';
import type { BlockView } from '#protocol/views.js';
import { writeBundle } from './bundle.js';
import { addresses, connect, DEFAULT_URL, percent, runProgram, weiAmount, wholeNumber } from './commandLine.js';
import { ProgressBar } from './progressBar.js';
import { StepLines } from './stepLines.js';

interface SubmitOptions {
  circuit?: Hex;
  inputs?: string;
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
  settlement: 'ledger' | 'chain';
  wait: boolean;
  bundle?: string;
}

/** Exit code after Ctrl-C. */
const INTERRUPTED = 130;

const EXAMPLE = `
inputs.json is a list with one item for each job: [{"input": {"a": "3", "b": "11"}}, ...]. An item may name the
"publicSignals" that it expects, and with "after": [0] the items that must be proven before it is auctioned.

Examples:
  $ understudy submit circuits/examples/block-8.json --key-file requester.json --deadline-sec 300 --bundle bundle.json
  $ understudy submit --circuit 0x10661ba9...e53b --inputs inputs.json --key-file requester.json`;

/** Runs the subcommand. @returns 0 when every job was proven, 2 when some expired, 1 for errors */
export async function run(args: string[]): Promise<number> {
  let exitCode = 0;
  const program = new Command('understudy submit')
    .description('Submits a block file, or inputs of a circuit, and waits until every job is proven or has expired.')
    .argument('[file]', 'a block file of transfers')
    .option('--circuit <id>', 'instead: a registered circuit (see understudy circuit add)', circuitId)
    .option('--inputs <file>', 'with --circuit: the inputs of its jobs, JSON')
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
    .addOption(
      new Option('--settlement <place>', 'who pays for zkProofs: the ledger, or the contract that checks them')
        .choices(['ledger', 'chain'])
        .default('ledger'),
    )
    .option('--no-wait', 'return as soon as the block is accepted')
    .option('--bundle <file>', 'write the bundle of zkProofs here')
    .addHelpText('after', EXAMPLE)
    .action(async (file: string | undefined, options: SubmitOptions) => {
      exitCode = await submit(file, options);
    });
  return runProgram(program, args, () => exitCode);
}

async function submit(file: string | undefined, options: SubmitOptions): Promise<number> {
  const path = fileOf(file, options);
  const content = await readJson(path);
  const bar = new ProgressBar(process.stderr);
  const requester = new RequesterClient({
    client: connect(options.coordinator),
    account: openKeyFile(options.keyFile),
    onRetry: (error) => bar.show(0, `waiting for the coordinator: ${(error as Error).message}`),
  });
  const { nowMs } = await requester.market();
  const order = {
    file: content,
    terms: termsOf(options, nowMs),
    ...(options.circuit && { circuitId: options.circuit }),
  };
  const blockId = await requester.submit(order);
  bar.clear();
  console.log(`block ${blockId} is accepted`);
  if (!options.wait) return 0;
  const onInterrupt = () => {
    bar.clear();
    const at = options.coordinator === DEFAULT_URL ? '' : ` --coordinator ${options.coordinator}`;
    console.error(
      `the block goes on; take it back by: understudy withdraw ${blockId} --key-file ${options.keyFile}${at}`,
    );
    process.exit(INTERRUPTED);
  };
  process.once('SIGINT', onInterrupt);
  const block = await waitShowing(requester, blockId, bar).finally(() => process.off('SIGINT', onInterrupt));
  if (options.bundle) {
    const bundle = await requester.bundle(blockId);
    await writeBundle(bundle, options.bundle);
    console.log(`the bundle is in ${options.bundle}`);
  }
  return block.expiredCount === 0 ? 0 : 2;
}

/** Waits for a block's end, with a bar on a terminal and a line for each change without one. */
async function waitShowing(requester: RequesterClient, blockId: Hex, bar: ProgressBar): Promise<BlockView> {
  let said = '';
  const steps = new StepLines((line) => {
    bar.clear();
    console.log(line);
  });
  const block = await requester.wait(blockId, {
    onProgress: async ({ jobs, proven, expired, running, waiting, progressPpm }) => {
      await steps.look(requester.client, blockId).catch(() => undefined);
      const counts = `${proven} of ${jobs} jobs proven, ${expired} expired`;
      bar.show(progressPpm / 1_000_000, `${counts}, ${running} running, ${waiting} waiting`);
      if (!bar.isVisible && counts !== said) console.log(counts);
      said = counts;
    },
  });
  bar.clear();
  if (bar.isVisible) console.log(said);
  return block;
}

/** The file to submit: a block file, or a circuit's inputs, and not both. */
function fileOf(file: string | undefined, { circuit, inputs }: SubmitOptions): string {
  if (file !== undefined && circuit === undefined && inputs === undefined) return file;
  if (file === undefined && circuit !== undefined && inputs !== undefined) return inputs;
  throw new Error('name either a block file, or --circuit with --inputs; see understudy submit --help');
}

function termsOf(options: SubmitOptions, nowMs: number): BlockTerms {
  const { label, bidWindowMs, startPriceWei, missCostWei, rounds, backup, award, pricing, sealing } = options;
  return blockTerms({
    ...{ label, bidWindowMs, rounds, backup, award, pricing, sealing },
    maxPriceWei: options.maxPriceWei ?? 10n ** 15n,
    ...(startPriceWei !== undefined && { startPriceWei }),
    ...(missCostWei !== undefined && { missCostWei }),
    deadlineMs: nowMs + options.deadlineSec * 1_000,
    minSuccessPpm: Math.round(options.minSuccess * 10_000),
    maxOwnerShareBps: Math.round(options.maxOwnerShare * 100),
    allowedOwners: options.allow ?? [],
    pool: options.pool ? 'open' : 'none',
    ...(options.settlement === 'chain' && { settlement: options.settlement }),
  });
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    throw new Error(`${path} cannot be read as JSON: ${(error as Error).message}`);
  }
}

function circuitId(text: string): Hex {
  const parsed = bytes32Schema.safeParse(text);
  if (!parsed.success) throw new InvalidArgumentError('It must be a circuit id: 0x and 64 hexadecimal digits.');
  return parsed.data;
}
