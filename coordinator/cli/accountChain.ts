/** `understudy account deposit | withdraw | voucher | exit`: money to and from a market on a chain. */
import type { Command } from 'commander';
import { encodeFunctionData } from 'viem';
import { openKeyFile } from '#agent/client/keyFile.js';
import type { Client } from '#protocol/client.js';
import { digestOf } from '#protocol/typedData.js';
import type { Address } from '#protocol/units.js';
import { compactSignature } from '#protocol/voucher.js';
import { SETTLEMENT_ABI } from '#settlement/contracts/settlementAbi.js';
import { sendAs } from '#settlement/sendAs.js';
import { chainAccountOf, chainAt, pauseBetweenLooks } from './chainKeyFile.js';
import { address, collect, connect, DEFAULT_URL, weiAmount } from './commandLine.js';
import { depositToChain, type Terminal } from './depositToChain.js';

const TERMINAL: Terminal = { say: (line) => console.log(line), pause: pauseBetweenLooks };

interface Flags {
  coordinator: string;
  keyFile: string;
  chain: string[];
  amountWei: bigint;
  account?: Address;
  log: string;
}

/** Adds the commands to `understudy account`. */
export function addChainCommands(program: Command): void {
  const command = (name: string, description: string) =>
    program.command(name).description(description).requiredOption('--key-file <file>', 'key file of the account');
  const coordinator = ['--coordinator <url>', 'address of the coordinator', DEFAULT_URL] as const;
  const chain = ['--chain <url>', 'JSON-RPC of the chain; again for further providers'] as const;
  const amount = ['--amount-wei <wei>', 'how much, in wei', weiAmount] as const;
  command('deposit', 'put money of the key’s account into the contract, for its own account or another')
    .option(...coordinator)
    .option(...chain, collect, [])
    .requiredOption(...amount)
    .option('--account <address>', 'whose money in the market it becomes (default: the key’s account)', address)
    .action(deposit);
  command('withdraw', 'take free money out of the market’s ledger, for the contract to pay')
    .option(...coordinator)
    .requiredOption(...amount)
    .action(async (flags: Flags) => {
      const requestedWei = await requestWithdrawal(connect(flags.coordinator), flags.keyFile, flags.amountWei);
      console.log(`taken out of the ledger, over all time: ${requestedWei} wei; its voucher comes with the next root`);
    });
  command('voucher', 'print the coordinator’s voucher; with --chain have the contract pay it')
    .option(...coordinator)
    .option(...chain, collect, [])
    .action(voucher);
  command('exit', 'leave by the last root when the coordinator has posted none for too long: needs no coordinator')
    .requiredOption('--log <folder>', 'the market’s log, as "understudy export" wrote it')
    .option(...chain, collect, [])
    .action(async ({ log, chain: urls, keyFile }: Flags) => {
      const { exitByLog } = await import('./exitByLog.js');
      await exitByLog(log, chainAt(urls), chainAccountOf(keyFile), (line) => console.log(line));
    });
}

async function deposit({ coordinator, chain: urls, keyFile, amountWei, account }: Flags): Promise<void> {
  const key = chainAccountOf(keyFile);
  const { contract, token, confirmations } = await connect(coordinator).call('getChain', {});
  const order = { contract, token, account: account ?? key.address, amountWei };
  const { blockNumber, amount } = await depositToChain(chainAt(urls), key, order, TERMINAL);
  console.log(`deposited ${amount} in block ${blockNumber}; credited with ${confirmations} blocks on it`);
}

/** Signs and sends a withdrawal. @returns what the account has taken out of the ledger over all time, in wei */
export async function requestWithdrawal(client: Client, keyFile: string, amountWei: bigint): Promise<bigint> {
  const account = openKeyFile(keyFile);
  const [market, { requestedWei }] = await Promise.all([
    client.call('getMarket', {}),
    client.call('getVoucher', { params: { account: account.address } }),
  ]);
  const cumulativeWei = BigInt(requestedWei) + amountWei;
  const message = { account: account.address, cumulativeWei: `${cumulativeWei}`, issuedAtMs: market.nowMs };
  const digest = digestOf({ chainId: market.chainId, coordinatorId: market.coordinatorId }, 'Withdrawal', message);
  await client.call('requestWithdrawal', { body: { message, signature: account.signDigest(digest) } });
  return cumulativeWei;
}

async function voucher({ coordinator, chain: urls, keyFile }: Flags): Promise<void> {
  const client = connect(coordinator);
  const { address: account } = openKeyFile(keyFile);
  const view = await client.call('getVoucher', { params: { account } });
  console.log(`taken out of the ledger  ${view.requestedWei} wei over all time`);
  console.log(`voucher                  ${view.cumulativeWei} wei over all time`);
  console.log(`signature                ${view.signature}`);
  if (urls.length === 0) return;
  const { contract } = await client.call('getChain', {});
  const { r, vs } = compactSignature(view.signature);
  const args = [BigInt(view.cumulativeWei), r, vs] as const;
  const data = encodeFunctionData({ abi: SETTLEMENT_ABI, functionName: 'withdrawFunds', args });
  const receipt = await sendAs(chainAt(urls), chainAccountOf(keyFile), { to: contract, data }, pauseBetweenLooks);
  console.log(`paid in block ${receipt.blockNumber}: transaction ${receipt.transactionHash}`);
}
