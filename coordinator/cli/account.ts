/** `understudy account`: keys, balances, demo money. */
import { randomBytes } from 'node:crypto';
import { Command } from 'commander';
import { openKeyFile } from '#agent/client/keyFile.js';
import type { Client } from '#protocol/client.js';
import type { Address, Hex } from '#protocol/units.js';
import { addChainCommands } from './accountChain.js';
import { address, connect, DEFAULT_URL, runProgram, weiAmount } from './commandLine.js';

const EXAMPLES = `
Examples:
  $ understudy account new --key-file requester.json
  $ understudy account show 0x71c7656ec7ab88b098defb751b7401b5f6d8976f
  $ understudy account fund 0x71c7656ec7ab88b098defb751b7401b5f6d8976f --amount-wei 1000000000000000000
  $ understudy account deposit --chain https://rpc.example --key-file requester.json --amount-wei 1000000000000000000
  $ understudy account withdraw --key-file requester.json --amount-wei 500000000000000000
  $ understudy account voucher --key-file requester.json --chain https://rpc.example
  $ understudy account exit --log ./market --chain https://rpc.example --key-file requester.json`;

/** Runs the subcommand. */
export async function run(args: string[]): Promise<number> {
  const program = new Command('understudy account')
    .description(
      'Makes keys, shows balances, draws demo money from the faucet; moves money to and from a market on a chain.',
    )
    .addHelpText('after', EXAMPLES);
  program
    .command('new')
    .description('make a key file (mode 0600) and print its address; an existing one is kept')
    .requiredOption('--key-file <file>', 'the key file')
    .action(({ keyFile }: { keyFile: string }) => console.log(openKeyFile(keyFile).address));
  program
    .command('show')
    .description('print the free and bonded money of an account and its newest movements')
    .argument('<address>', 'the account', address)
    .option('--coordinator <url>', 'address of the coordinator', DEFAULT_URL)
    .action(async (account: Address, { coordinator }: { coordinator: string }) => show(connect(coordinator), account));
  program
    .command('fund')
    .description('credit an account from the faucet of a demo market')
    .argument('<address>', 'the account', address)
    .option('--coordinator <url>', 'address of the coordinator', DEFAULT_URL)
    .option('--amount-wei <wei>', 'how much (default: 10^18)', weiAmount)
    .action(
      async (
        account: Address,
        { coordinator, amountWei = 10n ** 18n }: { coordinator: string; amountWei?: bigint },
      ) => {
        await fund(connect(coordinator), account, amountWei);
        console.log(`${account} was credited ${amountWei} wei`);
      },
    );
  addChainCommands(program);
  return runProgram(program, args);
}

/** Draws demo money from the faucet. */
export async function fund(client: Client, account: Address, amountWei: bigint): Promise<void> {
  const reference: Hex = `0x${randomBytes(32).toString('hex')}`;
  const body = { address: account, amountWei: amountWei.toString(), reference };
  await client.call('requestDeposit', { body });
}

async function show(client: Client, account: Address): Promise<void> {
  const view = await client.call('getAccount', { params: { address: account } });
  console.log(`free    ${view.freeWei} wei`);
  console.log(`bonded  ${view.bondedWei} wei`);
  if (view.prover) console.log(`prover  ${view.prover.name}, owner ${view.prover.owner}`);
  const { postings } = await client.call('listPostings', { params: { address: account }, query: { limit: 20 } });
  for (const { entryIndex, from, to, amountWei, why } of postings) {
    console.log(`entry ${entryIndex}  ${why.padEnd(16)} ${amountWei.padStart(24)} wei  ${from} -> ${to}`);
  }
}
