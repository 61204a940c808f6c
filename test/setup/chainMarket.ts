/**
 * A market on a database whose money is on a chain of the test's own: blocks are mined by hand, looks are taken by hand,
 * and the clock is the test's.
 */
import {
  createTestClient,
  encodeFunctionData,
  http,
  type PrivateKeyAccount,
  type PublicActions,
  publicActions,
  type TestClient,
} from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { foundry } from 'viem/chains';
import { openJournal } from '#journal/journal.js';
import type { Journal } from '#journal/journalPort.js';
import type { ChainTerms } from '#protocol/chainEntries.js';
import { DEFAULT_PARAMETERS } from '#protocol/parameters.js';
import type { Address, Hex } from '#protocol/units.js';
import { compactSignature } from '#protocol/voucher.js';
import { type AnvilNode, startAnvil } from '#settlement/anvilNode.js';
import { ChainClient } from '#settlement/chainClient.js';
import { SETTLEMENT_ABI } from '#settlement/contracts/settlementAbi.js';
import { deployContract } from '#settlement/deployContract.js';
import { type SettlementService, startSettlement } from '#settlement/settlementService.js';
import { createTestDatabase, type TestDatabase } from './database.js';
import { DOMAIN, ETH, party, START_MS } from './marketDriver.js';
import { keysOf, OPERATOR } from './testOperator.js';

export const CONFIRMATIONS = 3;
export const EPOCH_MS = 60_000;

type AnvilClient = TestClient<'anvil', ReturnType<typeof http>, typeof foundry> & PublicActions;

/** A client that can also mine, reorganise and drop. */
export function anvilClient(url: string): AnvilClient {
  const transport = http(url, { retryCount: 0, timeout: 60_000 });
  return createTestClient({ mode: 'anvil', chain: foundry, transport }).extend(publicActions) as never;
}

/** An account of the test, by a small number: the same as `party(seed)`. */
export function chainAccount(seed: number): PrivateKeyAccount & { address: Address } {
  const account = privateKeyToAccount(`0x${(seed + 1).toString(16).padStart(64, '0')}`);
  return { ...account, address: account.address.toLowerCase() as Address };
}

const COORDINATOR_SEED = 999;

export class ChainMarket {
  nowMs = START_MS;
  node!: AnvilNode;
  client!: AnvilClient;
  database!: TestDatabase;
  terms!: ChainTerms;
  readonly key = chainAccount(COORDINATOR_SEED);
  readonly logged: { message: string; fields: Record<string, unknown> }[] = [];
  readonly coordinators: { journal: Journal; service: SettlementService }[] = [];
  #urls: string[] = [];

  /** Starts node, database, contract and one coordinator. */
  static async open(options: { args?: string[]; confirmations?: number } = {}): Promise<ChainMarket> {
    const market = new ChainMarket();
    market.database = await createTestDatabase();
    market.node = await startAnvil({ args: options.args ?? [] });
    market.client = anvilClient(market.node.url);
    market.#urls = [market.node.url];
    await market.client.setBalance({ address: market.key.address, value: 100n * ETH });
    const deployment = await deployContract(
      market.chain(),
      market.key,
      { token: null, coordinator: market.key.address, exitDelaySec: 3_600, rotationDelaySec: 600 },
      async () => {},
    );
    market.terms = {
      ...deployment,
      token: null,
      confirmations: options.confirmations ?? CONFIRMATIONS,
      epochMs: EPOCH_MS,
      exitDelaySec: 3_600,
    };
    await market.addCoordinator();
    return market;
  }

  chain(urls = this.#urls, timeoutMs = 60_000): ChainClient {
    return new ChainClient({ urls, timeoutMs, chainId: DOMAIN.chainId, nowMs: () => this.nowMs, log: this.#log });
  }

  get #log() {
    const note = (fields: object, message: string) => this.logged.push({ message, fields: fields as never });
    return { info: note, warn: note, error: note };
  }

  /** One more coordinator on the same database and with the same key. */
  async addCoordinator(urls = this.#urls, timeoutMs?: number, maxFeePerGasWei?: bigint) {
    const journal = await openJournal({
      pool: this.database.pool,
      keys: keysOf(OPERATOR),
      nowMs: () => this.nowMs,
      log: this.#log,
    });
    const market = { origin: OPERATOR.origin, ...DOMAIN, logKey: OPERATOR.logKey, faucet: false };
    await journal.execute({ kind: 'openMarket', market: { ...market, parameters: DEFAULT_PARAMETERS } }, null);
    await journal.execute({ kind: 'attachChain', terms: this.terms }, null);
    const service = startSettlement(
      {
        pool: this.database.pool,
        journal,
        chain: this.chain(urls, timeoutMs),
        key: this.key,
        ...(maxFeePerGasWei !== undefined && { maxFeePerGasWei }),
        nowMs: () => this.nowMs,
        log: this.#log,
      },
      0,
    );
    const coordinator = { journal, service };
    this.coordinators.push(coordinator);
    return coordinator;
  }

  get journal(): Journal {
    return this.coordinators[0]!.journal;
  }

  get service(): SettlementService {
    return this.coordinators[0]!.service;
  }

  get settlement() {
    return this.journal.state().settlement!;
  }

  /** Sends a transaction of an account that is given the coins for it; it is mined when the node mines by itself. */
  async send(from: PrivateKeyAccount, functionName: string, args: readonly unknown[], valueWei = 0n): Promise<Hex> {
    await this.client.setBalance({ address: from.address, value: valueWei + ETH });
    const data = encodeFunctionData({ abi: SETTLEMENT_ABI, functionName, args } as never);
    const [nonce, fees, chainId] = await Promise.all([
      this.client.getTransactionCount({ address: from.address, blockTag: 'pending' }),
      this.client.estimateFeesPerGas(),
      this.client.getChainId(),
    ]);
    const request = {
      type: 'eip1559' as const,
      to: this.terms.contract,
      data,
      value: valueWei,
      nonce,
      gas: 500_000n,
      chainId,
    };
    const serializedTransaction = (await from.signTransaction({ ...request, ...fees })) as Hex;
    return this.client.sendRawTransaction({ serializedTransaction });
  }

  async deposit(account: Address, amountWei: bigint, from = chainAccount(1)): Promise<Hex> {
    return this.send(from, 'deposit', [account, amountWei], amountWei);
  }

  mine(blocks: number): Promise<void> {
    return this.client.mine({ blocks });
  }

  freeWei(account: Address): bigint {
    return this.journal.state().balances.get(`account:${account}`) ?? 0n;
  }

  read<Value>(functionName: string, args: readonly unknown[] = []): Promise<Value> {
    const request = { address: this.terms.contract, abi: SETTLEMENT_ABI, functionName, args };
    return this.client.readContract(request as never) as Promise<Value>;
  }

  /** Lets an epoch pass and computes its root, as its wake-up would. */
  async computeRoot(): Promise<void> {
    this.nowMs += EPOCH_MS;
    await this.journal.execute({ kind: 'computeBalanceRoot' }, null);
  }

  /** An epoch whose root is posted and has its confirmations. */
  async passEpoch(): Promise<void> {
    await this.computeRoot();
    for (let turn = 0; turn < 12 && this.settlement.computed !== this.settlement.posted; turn += 1) {
      await this.service.look();
      await this.mine(1);
    }
  }

  async takeOut(seed: number, cumulativeWei: bigint) {
    const { address, sign } = party(seed);
    const message = { account: address, cumulativeWei: cumulativeWei.toString(), issuedAtMs: this.nowMs };
    const { digest, signature } = await sign('Withdrawal', message);
    return this.journal.execute({ kind: 'requestWithdrawal', message, signature, digest }, digest);
  }

  /** Draws what the coordinator's voucher allows, and returns how much came. */
  async drawVoucher(seed: number): Promise<bigint> {
    const account = chainAccount(seed);
    const voucher = (await this.service.voucher(account.address))!;
    const { r, vs } = compactSignature(voucher.signature);
    const before = await this.read<bigint>('withdrawnWei', [account.address]);
    await this.send(account, 'withdrawFunds', [voucher.cumulativeWei, r, vs]);
    return (await this.read<bigint>('withdrawnWei', [account.address])) - before;
  }

  async close(): Promise<void> {
    await this.service?.stop();
    await this.node?.stop();
    await this.database?.drop();
  }
}
