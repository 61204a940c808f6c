/** The chain of a live market: a node that mines each transaction at once, with the market's contract on it. */
import { encodeFunctionData } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import type { Address } from '#protocol/units.js';
import { type AnvilNode, startAnvil } from '#settlement/anvilNode.js';
import { ChainClient } from '#settlement/chainClient.js';
import { openChainKey } from '#settlement/chainKey.js';
import { SETTLEMENT_ABI } from '#settlement/contracts/settlementAbi.js';
import { type Deployment, deployContract } from '#settlement/deployContract.js';
import { sendAs } from '#settlement/sendAs.js';
import { anvilClient } from './chainMarket.js';

const ETHER = 10n ** 18n;
export const EXIT_DELAY_SEC = 3_600;

const noPause = async () => {};

export class LiveChain {
  readonly client;
  readonly chain;
  readonly #node: AnvilNode;
  readonly #deployment: Deployment;

  private constructor(node: AnvilNode, chain: ChainClient, deployment: Deployment) {
    this.#node = node;
    this.chain = chain;
    this.#deployment = deployment;
    this.client = anvilClient(node.url);
  }

  /** @param keyFile - where the coordinator will look for its chain key */
  static async start(keyFile: string): Promise<LiveChain> {
    const node = await startAnvil();
    const key = openChainKey(keyFile);
    await anvilClient(node.url).setBalance({ address: key.address, value: 10n * ETHER });
    const chain = new ChainClient({ urls: [node.url], nowMs: () => Date.now(), log: { warn: () => {} } });
    const coordinator = key.address.toLowerCase() as Address;
    const terms = { token: null, coordinator, exitDelaySec: EXIT_DELAY_SEC, rotationDelaySec: 600 };
    return new LiveChain(node, chain, await deployContract(chain, key, terms, noPause));
  }

  get url(): string {
    return this.#node.url;
  }

  get contract(): Address {
    return this.#deployment.contract;
  }

  /** How a coordinator is told of it. */
  get flags(): string[] {
    const place = ['--settlement', this.contract, '--settlement-block', String(this.#deployment.deployBlock)];
    return ['--chain', this.url, ...place, '--confirmations', '1', '--epoch-sec', '1', '--chain-poll-ms', '100'];
  }

  /** Deposits for an account, out of the pocket of somebody rich. */
  async deposit(account: Address, amountWei: bigint): Promise<void> {
    // One of its own each time: deposits may be made at once.
    const rich = privateKeyToAccount(generatePrivateKey());
    await this.client.setBalance({ address: rich.address, value: amountWei + ETHER });
    const data = encodeFunctionData({ abi: SETTLEMENT_ABI, functionName: 'deposit', args: [account, amountWei] });
    await sendAs(this.chain, rich, { to: this.contract, data, valueWei: amountWei }, noPause);
  }

  read<Value>(functionName: string, args: readonly unknown[] = []): Promise<Value> {
    const request = { address: this.contract, abi: SETTLEMENT_ABI, functionName, args };
    return this.client.readContract(request as never) as Promise<Value>;
  }

  heldWei(): Promise<bigint> {
    return this.client.getBalance({ address: this.contract });
  }

  async stop(): Promise<void> {
    await this.#node.stop();
  }
}
