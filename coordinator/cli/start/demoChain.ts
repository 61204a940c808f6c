/** The chain of the demo market: an EVM node on this machine, with coins for everybody, and the market's contract on it. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createTestClient, encodeFunctionData, http } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { foundry } from 'viem/chains';
import type { Client } from '#protocol/client.js';
import type { Address } from '#protocol/units.js';
import { compactSignature } from '#protocol/voucher.js';
import { type AnvilNode, startAnvil } from '#settlement/anvilNode.js';
import { ChainClient } from '#settlement/chainClient.js';
import { openChainKey } from '#settlement/chainKey.js';
import { SETTLEMENT_ABI } from '#settlement/contracts/settlementAbi.js';
import { type Deployment, deployContract } from '#settlement/deployContract.js';
import { sendAs } from '#settlement/sendAs.js';
import { requestWithdrawal } from '../accountChain.js';
import { chainAccountOf } from '../chainKeyFile.js';

const COINS_WEI = 10n ** 18n;
const LOOK_MS = 200;

/** How long the demo waits for the chain to have something, in milliseconds. */
const PATIENCE_MS = 120_000;

/** Delays of the demo's contract: an hour without a root, ten minutes of notice. */
const DELAYS = { exitDelaySec: 3_600, rotationDelaySec: 600 };

const pause = () => delay(LOOK_MS);

export class DemoChain {
  readonly #node: AnvilNode;
  readonly #chain: ChainClient;
  readonly #home: string;
  #deployment!: Deployment;

  private constructor(node: AnvilNode, home: string) {
    this.#node = node;
    this.#home = home;
    this.#chain = new ChainClient({ urls: [node.url], nowMs: () => Date.now(), log: { warn: () => {} } });
  }

  /** Starts the node where it left off, and deploys the contract the first time. */
  static async start(home: string, say: (text: string) => void): Promise<DemoChain> {
    mkdirSync(home, { recursive: true, mode: 0o700 });
    say('starting an EVM node (anvil)');
    const node = await startAnvil({ args: ['--state', join(home, 'anvil.json'), '--state-interval', '2'] });
    const chain = new DemoChain(node, home);
    try {
      await chain.#deploy(say);
    } catch (error) {
      await node.stop();
      throw error;
    }
    return chain;
  }

  async #deploy(say: (text: string) => void): Promise<void> {
    const file = join(this.#home, 'settlement.json');
    const key = openChainKey(join(this.#home, 'chain-key.json'));
    await this.#giveCoins(key.address);
    if (existsSync(file)) this.#deployment = JSON.parse(readFileSync(file, 'utf8'));
    else {
      const terms = { token: null, coordinator: key.address.toLowerCase() as Address, ...DELAYS };
      this.#deployment = await deployContract(this.#chain, key, terms, pause);
      writeFileSync(file, JSON.stringify(this.#deployment));
    }
    say(`the contract that holds the money is ${this.#deployment.contract}, on the node at ${this.#node.url}`);
  }

  /** Starts a coordinator on this chain. */
  get flags(): string[] {
    const { contract, deployBlock } = this.#deployment;
    const place = ['--settlement', contract, '--settlement-block', String(deployBlock)];
    return ['--chain', this.#node.url, ...place, '--confirmations', '1', '--epoch-sec', '3', '--chain-poll-ms', '300'];
  }

  async #giveCoins(address: Address): Promise<void> {
    const client = createTestClient({ mode: 'anvil', chain: foundry, transport: http(this.#node.url) });
    await client.setBalance({ address, value: 10n * COINS_WEI });
  }

  /** Deposits for an account, and waits until the market has credited it. */
  async deposit(client: Client, account: Address, amountWei: bigint): Promise<void> {
    const payer = privateKeyToAccount(generatePrivateKey());
    await this.#giveCoins(payer.address);
    const before = await freeWei(client, account);
    const data = encodeFunctionData({ abi: SETTLEMENT_ABI, functionName: 'deposit', args: [account, amountWei] });
    await sendAs(this.#chain, payer, { to: this.#deployment.contract, data, valueWei: amountWei }, pause);
    await until(async () => (await freeWei(client, account)) > before, 'the deposit is credited');
  }

  /** Shows how the block's money gets where it belongs: settled zkProofs, a root over the rest, a withdrawal. */
  async show(
    client: Client,
    parties: { name: string; address: Address }[],
    say: (text: string) => void,
  ): Promise<void> {
    await until(async () => (await client.call('getChain', {})).openSets === 0, 'the contract settles the block');
    say('the contract has checked every zkProof of the block in one call, and credited the provers:');
    for (const { name, address } of parties) {
      const [earnedWei] = await this.#read<[bigint, bigint]>('earnings', [address]);
      if (earnedWei > 0n) say(`  ${name} has earned ${earnedWei} wei on chain`);
    }
    const keyFile = join(this.#home, 'requester.json');
    const account = chainAccountOf(keyFile);
    const wei = (await freeWei(client, account.address)) / 10n;
    const requestedWei = await requestWithdrawal(client, keyFile, wei);
    say(`the requester withdraws ${wei} wei: out of the ledger now, out of the contract with the next root`);
    const voucherOf = () => client.call('getVoucher', { params: { account: account.address } });
    await until(async () => BigInt((await voucherOf()).cumulativeWei) === requestedWei, 'the voucher');
    const { posted } = await client.call('getChain', {});
    say(
      `root ${posted?.epoch} is posted: ${posted?.balanceRoot} over ${posted?.sumWei} wei and ${posted?.treeSize} entries`,
    );
    const { r, vs } = compactSignature((await voucherOf()).signature);
    const data = encodeFunctionData({
      abi: SETTLEMENT_ABI,
      functionName: 'withdrawFunds',
      args: [requestedWei, r, vs],
    });
    await this.#giveCoins(account.address);
    const receipt = await sendAs(this.#chain, account, { to: this.#deployment.contract, data }, pause);
    say(`the contract has paid it by the coordinator’s voucher, for ${receipt.gasUsed} gas`);
    const reads = this.#chain.use((one) => one.getBalance({ address: this.#deployment.contract }));
    say(`the contract holds ${await reads} wei`);
    say(`while this market runs: npx understudy audit ${client.baseUrl} --chain ${this.#node.url}`);
  }

  #read<Value>(functionName: string, args: readonly unknown[]): Promise<Value> {
    const request = { address: this.#deployment.contract, abi: SETTLEMENT_ABI, functionName, args };
    return this.#chain.use((client) => client.readContract(request as never)) as Promise<Value>;
  }

  stop(): Promise<void> {
    return this.#node.stop();
  }
}

async function freeWei(client: Client, address: Address): Promise<bigint> {
  return BigInt((await client.call('getAccount', { params: { address } })).freeWei);
}

async function until(look: () => Promise<boolean>, what: string): Promise<void> {
  const endMs = performance.now() + PATIENCE_MS;
  while (!(await look())) {
    if (performance.now() > endMs) throw new Error(`waited in vain: ${what}; see the coordinator’s log`);
    await pause();
  }
}
