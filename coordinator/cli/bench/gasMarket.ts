import { type Abi, createTestClient, encodeDeployData, encodeFunctionData, http, publicActions } from 'viem';
import { mnemonicToAccount } from 'viem/accounts';
import { foundry } from 'viem/chains';
import { balanceLeaf } from '#protocol/balanceTree.js';
import { itemWords, jobSetLeaf, signalsHash, verificationKeyHash, verificationKeyWords } from '#protocol/jobSet.js';
import { sumTreeRoot, sumTreeSiblings } from '#protocol/sumTree.js';
import type { Address, Hex } from '#protocol/units.js';
import { compactSignature, voucherTypedData } from '#protocol/voucher.js';
import { ANVIL_MNEMONIC, type AnvilNode, startAnvil } from '#settlement/anvilNode.js';
import { SETTLEMENT_ABI } from '#settlement/contracts/settlementAbi.js';
import { SETTLEMENT_BYTECODE } from '#settlement/contracts/settlementBytecode.js';
import type { TrapdoorKey } from './trapdoorKey.js';
import type { Submission } from './zkProofSamples.js';

/** Public signals of the measured circuit. */
export const BATCH_SIGNALS = 4;

const GAS_MAX = 16_777_216n;
const EXIT_DELAY_SEC = 3_600n;
const ETH: Address = '0x0000000000000000000000000000000000000000';
const ZERO: Hex = `0x${'0'.repeat(64)}`;
/** Leaves of the tree that a claim is measured in. */
const CLAIM_LEAVES = 1_024;

/** What a batch cost, in gas: its own transaction, and the commit of its set. */
export interface PricedBatch {
  readonly size: number;
  readonly settleGas: number;
  readonly commitGas: number;
}

interface Mined {
  status: Hex;
  gasUsed: Hex;
  contractAddress: Address | null;
}

const account = (addressIndex: number) => mnemonicToAccount(ANVIL_MNEMONIC, { addressIndex });
const [coordinator, user] = [account(0), account(1)];
const hexOf = (value: bigint): Hex => `0x${value.toString(16)}`;

/** An EVM node with a settlement contract, whose calls say what gas they took. */
export class GasMarket {
  private contract: Address = ETH;
  private epoch = 0n;
  private setCount = 0n;
  /** What is paid once. */
  readonly setUpGas: Record<string, number> = {};
  private readonly client;

  private constructor(private readonly node: AnvilNode) {
    const transport = http(node.url, { retryCount: 0, timeout: 120_000 });
    this.client = createTestClient({ mode: 'anvil', chain: foundry, transport }).extend(publicActions);
  }

  /** Starts the node and deploys the contract with an ether in it. */
  static async start(): Promise<GasMarket> {
    const market = new GasMarket(await startAnvil());
    await market.deployContract();
    return market;
  }

  private async deployContract(): Promise<void> {
    const args = [ETH, coordinator.address, EXIT_DELAY_SEC, EXIT_DELAY_SEC];
    const deployed = await this.deploy(SETTLEMENT_ABI as Abi, SETTLEMENT_BYTECODE, args);
    [this.contract, this.epoch] = [deployed.address, 0n];
    this.setUpGas.deployment = deployed.gas;
    this.setUpGas['deposit, the first'] = await this.deposit();
  }

  stop(): Promise<void> {
    return this.node.stop();
  }

  private async transact(from: Address, to: Address | null, data: Hex, valueWei = 0n): Promise<Mined> {
    const transaction = { from, ...(to && { to }), data, value: hexOf(valueWei), gas: hexOf(GAS_MAX) };
    const request = { method: 'eth_sendTransactionSync' as never, params: [transaction] as never };
    const mined = (await this.client.request(request)) as unknown as Mined;
    if (mined.status !== '0x1') throw new Error('a measured transaction reverted');
    return mined;
  }

  /** Deploys any contract. */
  async deploy(abi: Abi, bytecode: Hex, args: readonly unknown[] = []): Promise<{ address: Address; gas: number }> {
    const mined = await this.transact(coordinator.address, null, encodeDeployData({ abi, bytecode, args }));
    return { address: mined.contractAddress!, gas: Number(mined.gasUsed) };
  }

  /** Sends a call in a transaction of its own and says what gas it took. Throws when it reverts. */
  async gasOf(abi: Abi, to: Address, functionName: string, args: readonly unknown[]): Promise<number> {
    const data = encodeFunctionData({ abi, functionName, args });
    return Number((await this.transact(user.address, to, data)).gasUsed);
  }

  private async own(from: Address, functionName: string, args: readonly unknown[], valueWei = 0n): Promise<number> {
    const data = encodeFunctionData({ abi: SETTLEMENT_ABI as Abi, functionName, args });
    return Number((await this.transact(from, this.contract, data, valueWei)).gasUsed);
  }

  private async deposit(): Promise<number> {
    return this.own(user.address, 'deposit', [user.address, 10n ** 18n], 10n ** 18n);
  }

  private async postRoot(balanceRoot = ZERO, sumWei = 0n): Promise<number> {
    const creditedWei = await this.client.readContract({
      address: this.contract,
      abi: SETTLEMENT_ABI,
      functionName: 'totalDepositedWei',
    });
    this.epoch += 1n;
    // Roots as wide as hashes are.
    const logRootHash = hexOf((1n << 255n) + this.epoch);
    const root = { balanceRoot, logRootHash, sumWei, creditedWei, treeSize: 1_000_000n + this.epoch };
    return this.own(coordinator.address, 'postRoot', [this.epoch, root]);
  }

  private async withdraw(cumulativeWei: bigint): Promise<number> {
    const domain = { chainId: foundry.id, contract: this.contract };
    const voucher = voucherTypedData(domain, { account: user.address.toLowerCase() as Address, cumulativeWei });
    const { r, vs } = compactSignature(await coordinator.signTypedData(voucher));
    return this.own(user.address, 'withdrawFunds', [cumulativeWei, r, vs]);
  }

  /** Deposits, withdrawals and roots, for the first time and as they usually are. */
  async moneyGas() {
    const deposit = await this.deposit();
    const wide = hexOf((1n << 254n) + 12_345n);
    const firstRoot = await this.postRoot();
    await this.postRoot(wide, 1_234_567_890_123_456n);
    const root = await this.postRoot(hexOf((1n << 254n) + 54_321n), 1_234_567_890_123_457n);
    const first = await this.withdraw(123_456_789_123_456_789n);
    // The dearest of some: the zeros in a signature differ.
    const withdrawals: number[] = [];
    for (let more = 1n; more <= 8n; more += 1n)
      withdrawals.push(await this.withdraw((123n + more) * 10n ** 15n + 456_789n));
    return {
      deposit,
      'withdrawal by voucher, the first of an account': first,
      'withdrawal by voucher': Math.max(...withdrawals),
      'root, the first': firstRoot,
      root,
    };
  }

  /** Commits a set of these statements for `payees` accounts in turn, and settles it in one batch. */
  async settle(key: TrapdoorKey, statements: readonly Submission[], payees: number): Promise<PricedBatch> {
    const { verificationKey } = key;
    const keyHash = verificationKeyHash(verificationKey);
    await this.storeKey(verificationKeyWords(verificationKey));
    const jobs = statements.map((one, index) => {
      const payee = (payees === 1 ? account(2).address.toLowerCase() : payeeOf(payees, index)) as Address;
      return { ...one, payee, amountWei: 1_234_567_890_123_456n };
    });
    const leaves = jobs.map((job, index) => {
      return jobSetLeaf({ ...job, index, verificationKeyHash: keyHash, signalsHash: signalsHash(job.publicSignals) });
    });
    const { hash, sumWei } = sumTreeRoot(leaves);
    this.setCount += 1n;
    const setId = hexOf((1n << 255n) + this.setCount);
    const committedEpoch = this.epoch;
    const commitGas = await this.own(coordinator.address, 'commitJobSet', [setId, hash, sumWei, BigInt(jobs.length)]);
    await this.postRoot();
    const keyAt = await this.client.readContract({
      address: this.contract,
      abi: SETTLEMENT_ABI,
      functionName: 'keyAt',
      args: [keyHash],
    });
    const items = jobs.flatMap((job) => itemWords(job.zkProof, job.publicSignals, job));
    const batch = {
      setId,
      committedEpoch,
      firstIndex: 0n,
      keyAt,
      items,
      siblings: sumTreeSiblings(leaves, 0, jobs.length),
    };
    const settleGas = await this.own(user.address, 'settleBatch', [batch]);
    return { size: jobs.length, settleGas, commitGas };
  }

  private async storeKey(words: bigint[]): Promise<void> {
    const gas = await this.own(coordinator.address, 'storeKey', [words]);
    this.setUpGas[`verification key of ${BATCH_SIGNALS} signals`] ??= gas;
  }

  /** A claim in exit among 1,024 accounts: the last that can be measured, because nothing else goes on in exit. */
  async claimGas(): Promise<number> {
    await this.deployContract();
    const leaves = Array.from({ length: CLAIM_LEAVES }, (_, index) => {
      return balanceLeaf({ account: payeeOf(CLAIM_LEAVES, index), cumulativeWei: 123_456_789_012n });
    });
    const { hash, sumWei } = sumTreeRoot(leaves);
    await this.postRoot(hash, sumWei);
    await this.client.increaseTime({ seconds: Number(EXIT_DELAY_SEC) + 1 });
    await this.client.mine({ blocks: 1 });
    const claim = [payeeOf(CLAIM_LEAVES, 5), 123_456_789_012n, 5n, sumTreeSiblings(leaves, 5)];
    return this.own(user.address, 'claim', claim);
  }
}

/** The index-th of `count` accounts that nothing else uses, each as wide as addresses are. */
function payeeOf(count: number, index: number): Address {
  return hexOf((0xfeedn << 144n) + (BigInt(count) << 80n) + 0x1111_2222_3333n * BigInt((index % count) + 1)) as Address;
}
