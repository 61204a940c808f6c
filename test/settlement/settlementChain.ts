/** Contracts on an EVM node of one's own, and calls of them, for the tests of the settlement. */
import {
  type Abi,
  createTestClient,
  decodeErrorResult,
  decodeFunctionResult,
  encodeDeployData,
  encodeFunctionData,
  http,
  parseEventLogs,
  publicActions,
} from 'viem';
import { type HDAccount, mnemonicToAccount } from 'viem/accounts';
import { foundry } from 'viem/chains';
import type { Entitlement } from '#protocol/balanceTree.js';
import type { Address, Hex } from '#protocol/units.js';
import { compactSignature, type SettlementDomain, voucherTypedData } from '#protocol/voucher.js';
import { ANVIL_MNEMONIC, type AnvilNode, startAnvil } from '#settlement/anvilNode.js';
import { SETTLEMENT_ABI } from '#settlement/contracts/settlementAbi.js';
import { SETTLEMENT_BYTECODE } from '#settlement/contracts/settlementBytecode.js';

/** The most gas of one transaction on the main net. Source: EIP-7825. */
export const TRANSACTION_GAS_MAX = 16_777_216n;

export const ETH: Address = '0x0000000000000000000000000000000000000000';
export const EXIT_DELAY_SEC = 3_600n;
export const ROTATION_DELAY_SEC = 600n;

/** The n-th account of the node, rich, its key known. */
export function anvilAccount(addressIndex: number): HDAccount & { address: Address } {
  const account = mnemonicToAccount(ANVIL_MNEMONIC, { addressIndex });
  return { ...account, address: account.address.toLowerCase() as Address };
}

/** What a transaction did. */
export interface Done {
  gasUsed: bigint;
  /** Events of the contract's ABI, by name, in their order. */
  events: { eventName: string; args: Record<string, unknown> }[];
}

/** A node with a client. */
export class Chain {
  readonly client;

  private constructor(
    readonly node: AnvilNode,
    readonly chainId: number,
  ) {
    const transport = http(node.url, { retryCount: 0, timeout: 60_000 });
    this.client = createTestClient({ mode: 'anvil', chain: { ...foundry, id: chainId }, transport }).extend(
      publicActions,
    );
  }

  static async start(chainId = 31_337): Promise<Chain> {
    return new Chain(await startAnvil({ chainId, args: ['--gas-limit', '200000000'] }), chainId);
  }

  /** Sends a transaction of one of the node's accounts and waits for its block. */
  async send(from: Address, to: Address | null, data: Hex, valueWei = 0n): Promise<{ status: Hex } & Mined> {
    const transaction = { from, ...(to && { to }), data, value: hexOf(valueWei), gas: hexOf(TRANSACTION_GAS_MAX) };
    return (await this.client.request({
      method: 'eth_sendTransactionSync' as never,
      params: [transaction] as never,
    })) as never;
  }

  async deploy(abi: Abi, bytecode: Hex, args: readonly unknown[], from = anvilAccount(0).address): Promise<Contract> {
    const mined = await this.send(from, null, encodeDeployData({ abi, bytecode, args }));
    if (mined.status !== '0x1') {
      const call = this.client.call({ account: from, data: encodeDeployData({ abi, bytecode, args }) });
      throw new Error(`the deployment failed: ${await revertOf(abi, call)}`);
    }
    return new Contract(this, mined.contractAddress!.toLowerCase() as Address, abi);
  }

  /** Lets time pass, and mines a block. */
  async pass(seconds: bigint): Promise<void> {
    await this.client.increaseTime({ seconds: Number(seconds) });
    await this.client.mine({ blocks: 1 });
  }
}

interface Mined {
  gasUsed: Hex;
  contractAddress: Address | null;
  logs: never[];
}

const hexOf = (value: bigint): Hex => `0x${value.toString(16)}`;

/** The name of the error that a call ends in, or `undefined` when it has no reason. Throws when it succeeds. */
async function revertOf(abi: Abi, call: Promise<unknown>): Promise<string | undefined> {
  let data: Hex | undefined;
  try {
    await call;
  } catch (error) {
    for (let at = error as { cause?: unknown; data?: unknown } | undefined; at; at = at.cause as never) {
      if (typeof at.data === 'string') data = at.data as Hex;
    }
    if (data === undefined || data === '0x') return undefined;
    return decodeErrorResult({ abi, data }).errorName;
  }
  throw new Error('the call succeeded');
}

/** A deployed contract; `call`, `send` and `refusal` take a function's name and arguments. */
export class Contract {
  constructor(
    readonly chain: Chain,
    readonly address: Address,
    readonly abi: Abi,
  ) {}

  data(functionName: string, args: readonly unknown[]): Hex {
    return encodeFunctionData({ abi: this.abi, functionName, args });
  }

  /** What a function returns, changing nothing. */
  async call<Result>(functionName: string, args: readonly unknown[] = []): Promise<Result> {
    const { data = '0x' } = await this.chain.client.call({ to: this.address, data: this.data(functionName, args) });
    return decodeFunctionResult({ abi: this.abi, functionName, data }) as Result;
  }

  /** Sends a call as a transaction. Throws when it reverts. */
  async send(from: Address, functionName: string, args: readonly unknown[] = [], valueWei = 0n): Promise<Done> {
    const mined = await this.chain.send(from, this.address, this.data(functionName, args), valueWei);
    if (mined.status !== '0x1') {
      throw new Error(`${functionName} reverted: ${await this.refusal(from, functionName, args, valueWei)}`);
    }
    const events = parseEventLogs({ abi: this.abi, logs: mined.logs }) as unknown as Done['events'];
    return { gasUsed: BigInt(mined.gasUsed), events };
  }

  /** The name of the error that a call reverts with. Throws when it would succeed. */
  async refusal(from: Address, functionName: string, args: readonly unknown[] = [], valueWei = 0n) {
    const call = { account: from, to: this.address, data: this.data(functionName, args), value: valueWei };
    return revertOf(this.abi, this.chain.client.call({ ...call, gas: TRANSACTION_GAS_MAX }));
  }
}

/** How a test deploys the contract. */
export interface Deployment {
  token?: Address;
  /** The account of this number is the coordinator. */
  coordinator?: number;
  bytecode?: Hex;
}

/** The contract, its coordinator, and vouchers of it. */
export class Settlement extends Contract {
  readonly coordinator = anvilAccount(0);
  /** Root hash, sums and sizes of the last root that `postRoot` posted. */
  private epoch = 0n;

  static async deploy(chain: Chain, { token = ETH, bytecode = SETTLEMENT_BYTECODE }: Deployment = {}) {
    const args = [token, anvilAccount(0).address, EXIT_DELAY_SEC, ROTATION_DELAY_SEC];
    const { address } = await chain.deploy(SETTLEMENT_ABI as Abi, bytecode, args);
    return new Settlement(chain, address, SETTLEMENT_ABI as Abi);
  }

  get domain(): SettlementDomain {
    return { chainId: this.chain.chainId, contract: this.address };
  }

  /** A voucher as `withdrawFor` takes it. */
  async voucher(voucher: Entitlement, domain = this.domain, signer = this.coordinator) {
    const { r, vs } = compactSignature(await signer.signTypedData(voucherTypedData(domain, voucher)));
    return [voucher.account, voucher.cumulativeWei, r, vs] as const;
  }

  /** Deposits ETH for an account that sends it itself. */
  async depositEth(account: Address, amountWei: bigint): Promise<Done> {
    return this.send(account, 'deposit', [account, amountWei], amountWei);
  }

  /** Posts a root in which these are all balances, unless `over` says otherwise. */
  async postRoot(over: Partial<BalanceRoot> = {}): Promise<Done> {
    const args = [this.epoch + 1n, { ...(await this.emptyRoot()), ...over }];
    const done = await this.send(this.coordinator.address, 'postRoot', args);
    this.epoch += 1n;
    return done;
  }

  /** A root of no balances that credits all deposits. */
  async emptyRoot(): Promise<BalanceRoot> {
    const creditedWei = await this.call<bigint>('totalDepositedWei');
    return { balanceRoot: ZERO_WORD, logRootHash: ZERO_WORD, sumWei: 0n, creditedWei, treeSize: this.epoch + 1n };
  }

  async balanceWei(address: Address = this.address): Promise<bigint> {
    return this.chain.client.getBalance({ address });
  }
}

export const ZERO_WORD: Hex = `0x${'0'.repeat(64)}`;

/** The contract's struct of this name. */
export interface BalanceRoot {
  balanceRoot: Hex;
  logRootHash: Hex;
  sumWei: bigint;
  creditedWei: bigint;
  treeSize: bigint;
}
