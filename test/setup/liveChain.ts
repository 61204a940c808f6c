/** The chain of a live market: a node that mines each transaction at once, with the market's contract on it. */
import { encodeDeployData, encodeFunctionData, erc20Abi, type PrivateKeyAccount } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { depositToChain } from '#cli/depositToChain.js';
import type { Address } from '#protocol/units.js';
import { type AnvilNode, startAnvil } from '#settlement/anvilNode.js';
import { ChainClient } from '#settlement/chainClient.js';
import { openChainKey } from '#settlement/chainKey.js';
import { SETTLEMENT_ABI } from '#settlement/contracts/settlementAbi.js';
import { type Deployment, deployContract } from '#settlement/deployContract.js';
import { sendAs } from '#settlement/sendAs.js';
import { type TestContract, testContract } from '../settlement/testTokens.js';
import { anvilClient } from './chainMarket.js';

const ETHER = 10n ** 18n;
export const EXIT_DELAY_SEC = 3_600;

const noPause = async () => {};

/** A token, and whoever had all of it at first. */
interface Mint {
  token: Address;
  owner: PrivateKeyAccount;
}

async function deployToken(node: AnvilNode, chain: ChainClient, name: TestContract): Promise<Mint> {
  const owner = privateKeyToAccount(generatePrivateKey());
  await anvilClient(node.url).setBalance({ address: owner.address, value: 10n * ETHER });
  const { abi, bytecode } = testContract(name);
  const data = encodeDeployData({ abi, bytecode, args: [10n ** 30n] });
  const { contractAddress } = await sendAs(chain, owner, { data }, noPause);
  return { token: contractAddress!.toLowerCase() as Address, owner };
}

export class LiveChain {
  readonly client;
  readonly chain;
  readonly #node: AnvilNode;
  readonly #deployment: Deployment;
  readonly #mint: Mint | null;

  private constructor(node: AnvilNode, chain: ChainClient, deployment: Deployment, mint: Mint | null) {
    this.#node = node;
    this.chain = chain;
    this.#deployment = deployment;
    this.#mint = mint;
    this.client = anvilClient(node.url);
  }

  /**
   * @param keyFile - where the coordinator will look for its chain key
   * @param token - the token that the contract is to hold; null for ETH
   */
  static async start(keyFile: string, token: TestContract | null = null): Promise<LiveChain> {
    const node = await startAnvil();
    const key = openChainKey(keyFile);
    await anvilClient(node.url).setBalance({ address: key.address, value: 10n * ETHER });
    const chain = new ChainClient({ urls: [node.url], nowMs: () => Date.now(), log: { warn: () => {} } });
    const coordinator = key.address.toLowerCase() as Address;
    const mint = token && (await deployToken(node, chain, token));
    const terms = { token: mint && mint.token, coordinator, exitDelaySec: EXIT_DELAY_SEC, rotationDelaySec: 600 };
    return new LiveChain(node, chain, await deployContract(chain, key, terms, noPause), mint);
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

  /** Gives an account money outside of the market, with coins for gas. */
  async enrich(account: Address, amountWei: bigint): Promise<void> {
    await this.client.setBalance({ address: account, value: (this.#mint ? 0n : amountWei) + ETHER });
    if (!this.#mint) return;
    const { token, owner } = this.#mint;
    const data = encodeFunctionData({ abi: erc20Abi, functionName: 'transfer', args: [account, amountWei] });
    // One transfer at a time: they have one sender.
    this.#turn = this.#turn.then(() => sendAs(this.chain, owner, { to: token, data }, noPause));
    await this.#turn;
  }

  #turn: Promise<unknown> = Promise.resolve();

  /** Deposits for an account, out of the pocket of somebody rich. */
  async deposit(account: Address, amountWei: bigint): Promise<void> {
    // One of its own each time: deposits may be made at once.
    const rich = privateKeyToAccount(generatePrivateKey());
    await this.enrich(rich.address as Address, amountWei);
    const order = { contract: this.contract, token: this.token, account, amountWei };
    await depositToChain(this.chain, rich, order, { say: () => {}, pause: noPause });
  }

  get token(): Address | null {
    return this.#mint && this.#mint.token;
  }

  read<Value>(functionName: string, args: readonly unknown[] = []): Promise<Value> {
    const request = { address: this.contract, abi: SETTLEMENT_ABI, functionName, args };
    return this.client.readContract(request as never) as Promise<Value>;
  }

  /** What an account has outside of the market; the contract unless another one is named. */
  heldWei(address = this.contract): Promise<bigint> {
    if (!this.token) return this.client.getBalance({ address });
    const request = { address: this.token, abi: erc20Abi, functionName: 'balanceOf', args: [address] } as const;
    return this.client.readContract(request);
  }

  async stop(): Promise<void> {
    await this.#node.stop();
  }
}
