/** `understudy settlement`: the contract that holds a market's money. */
import { Command } from 'commander';
import type { Address } from '#protocol/units.js';
import { openChainKey } from '#settlement/chainKey.js';
import { deployContract } from '#settlement/deployContract.js';
import { readMoneyUnit } from '#settlement/moneyUnit.js';
import { chainAt, pauseBetweenLooks } from './chainKeyFile.js';
import { address, collect, runProgram, wholeNumber } from './commandLine.js';

const EXAMPLES = `
Deploying: make the key with --address-only, send its address some coins for gas, then deploy.

Examples:
  $ understudy settlement deploy --key-file .understudy/chain-key.json --address-only
  $ understudy settlement deploy --key-file .understudy/chain-key.json --chain https://rpc.example
  $ understudy coordinator --chain https://rpc.example --settlement 0x5fbdb2315678afecb367f032d93f642f64180aa3`;

/** A week, and two days, in seconds. */
const EXIT_DELAY_SEC = 604_800;
const ROTATION_DELAY_SEC = 172_800;

interface DeployFlags {
  chain: string[];
  keyFile: string;
  addressOnly?: true;
  token?: Address;
  exitDelaySec: number;
  rotationDelaySec: number;
}

/** Runs the subcommand. */
export async function run(args: string[]): Promise<number> {
  const program = new Command('understudy settlement')
    .description('Deploys the contract that holds a market’s money.')
    .addHelpText('after', EXAMPLES);
  program
    .command('deploy')
    .description('deploy the contract, with the key’s account as its coordinator, and print its address')
    .option('--chain <url>', 'JSON-RPC of the chain; again for further providers', collect, [])
    .option('--key-file <file>', 'the coordinator’s chain key; made when there is none', '.understudy/chain-key.json')
    .option('--address-only', 'print the key’s address, which needs coins for gas, and end')
    .option('--token <address>', 'the ERC-20 that the contract is to hold (default: the chain’s own coin)', address)
    .option(
      '--exit-delay-sec <seconds>',
      'without a root for so long, everybody may leave',
      wholeNumber(1, 15_778_800),
      EXIT_DELAY_SEC,
    )
    .option(
      '--rotation-delay-sec <seconds>',
      'notice of another coordinator’s key',
      wholeNumber(1, 315_360_000),
      ROTATION_DELAY_SEC,
    )
    .action(deploy);
  return runProgram(program, args);
}

async function deploy({ chain: urls, keyFile, addressOnly, token, ...delays }: DeployFlags): Promise<void> {
  const key = openChainKey(keyFile);
  const coordinator = key.address.toLowerCase() as Address;
  if (addressOnly) {
    console.log(coordinator);
    return;
  }
  const terms = { token: token ?? null, coordinator, ...delays };
  const chain = chainAt(urls);
  if (token) {
    const unit = await chain.use((client) => readMoneyUnit(client, token));
    console.log(`token     ${token}${unit ? ` (${unit.symbol}, 1 is ${10n ** BigInt(unit.decimals)} wei)` : ''}`);
  }
  const { chainId, contract, deployBlock } = await deployContract(chain, key, terms, pauseBetweenLooks);
  console.log(`contract  ${contract}`);
  console.log(`block     ${deployBlock} of chain ${chainId}`);
  const place = `--settlement ${contract} --settlement-block ${deployBlock}`;
  console.log(`start the market with: understudy coordinator ${urls.map((url) => `--chain ${url} `).join('')}${place}`);
}
