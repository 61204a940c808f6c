/**
 * The requester's side of the market, for programs and for the command line: signs block requests, submits, waits with
 * progress, fetches the bundle. A coordinator that is away is waited for: what was signed is sent again as it was, and the
 * coordinator gives its first answer again.
 */
import { pause, repeatUntilDone } from '#agent/backoff.js';
import type { Account } from '#agent/client/account.js';
import type { BlockTerms } from '#protocol/blockTerms.js';
import { type Client, RejectedError, UnreachableError } from '#protocol/client.js';
import { contentHashOf } from '#protocol/contentHash.js';
import type { BlockRequest, Messages, MessageType } from '#protocol/messages.js';
import { digestOf } from '#protocol/typedData.js';
import type { Address, Hex } from '#protocol/units.js';
import type { BlockView, BundleView, MarketView } from '#protocol/views.js';
import { type BlockProgress, progressOf } from './blockProgress.js';

/** Pause between two looks at a block, in milliseconds. */
const LOOK_MS = 500;

/** How long a cancelled order tries to withdraw what it left at a coordinator that is away, in milliseconds. */
const WITHDRAW_MS_MAX = 60_000;

/** What is to be proven: a block of transfers, or a list of jobs for a circuit. */
export interface Order {
  /** The circuit of a list of jobs; without it, the market's own for blocks of transfers. */
  circuitId?: Hex;
  /** A block file, or a list such as `[{ "input": { "a": "3" } }]`: see protocol/jobsFile.ts. */
  file: unknown;
  terms: BlockTerms;
}

export interface RequesterClientOptions {
  client: Client;
  account: Account;
  /** Hears of every failure after which the same is tried again. */
  onRetry?(error: unknown, attempt: number): void;
}

export interface WaitOptions {
  /** Told at every look. */
  onProgress?(progress: BlockProgress, block: BlockView): void | Promise<void>;
  signal?: AbortSignal;
}

/** One requester at one coordinator. Methods throw RejectedError for a no; with a signal, what it was aborted with. */
export class RequesterClient {
  readonly client: Client;
  readonly #account: Account;
  readonly #onRetry: RequesterClientOptions['onRetry'];
  #market: MarketView | null = null;

  constructor({ client, account, onRetry }: RequesterClientOptions) {
    this.client = client;
    this.#account = account;
    this.#onRetry = onRetry;
  }

  get address(): Address {
    return this.#account.address;
  }

  /** Which market this is; asked for once. */
  async market(signal?: AbortSignal): Promise<MarketView> {
    this.#market ??= await this.#patiently(() => this.client.call('getMarket', {}), signal);
    return this.#market;
  }

  /**
   * Signs and submits an order. The nonce is the time in milliseconds, so that it rises by itself.
   * @returns the block's id
   */
  async submit(order: Order, signal?: AbortSignal): Promise<Hex> {
    const { body } = await this.#signOrder(order, signal);
    return (await this.#patiently(() => this.client.call('submitBlock', { body }), signal)).blockId;
  }

  async #signOrder({ circuitId, file, terms }: Order, signal?: AbortSignal) {
    const params = { address: this.address };
    const { lastNonce } = await this.#patiently(() => this.client.call('getAccount', { params }), signal);
    const message: BlockRequest = {
      requester: this.address,
      nonce: Math.max(Date.now(), lastNonce + 1),
      circuitId: circuitId ?? (await this.#transferCircuit(signal)),
      blockHash: contentHashOf(file),
      ...terms,
    };
    const { chainId, coordinatorId } = await this.market(signal);
    const blockId = digestOf({ chainId, coordinatorId }, 'BlockRequest', message);
    return { blockId, body: { ...(await this.sign('BlockRequest', message, signal)), blockFile: file } };
  }

  /** Waits until every job of a block has ended, for as long as that takes. */
  async wait(blockId: Hex, { onProgress, signal }: WaitOptions = {}): Promise<BlockView> {
    const params = { blockId };
    for (;;) {
      signal?.throwIfAborted();
      const block = await this.#patiently(() => this.client.call('getBlock', { params }), signal);
      if (onProgress) {
        const { jobs, progress } = await this.#patiently(() => this.client.call('listJobs', { params }), signal);
        await onProgress(progressOf(jobs, progress), block);
      }
      if (block.status === 'completed') return block;
      await pause(LOOK_MS, signal);
    }
  }

  /**
   * Withdraws what nobody has been awarded of a block: its escrow comes back. Awarded jobs go on.
   * @returns the ids of the jobs that ended; some may still end unsold when their round is cleared
   */
  async withdraw(blockId: Hex, signal?: AbortSignal): Promise<string[]> {
    const { nowMs } = await this.#patiently(() => this.client.call('getMarket', {}), signal);
    const message = { requester: this.address, blockId, issuedAtMs: nowMs };
    const body = await this.sign('BlockWithdrawal', message, signal);
    return (await this.#patiently(() => this.client.call('withdrawBlock', { body }), signal)).jobIds;
  }

  /**
   * Has an order proven: submits, waits and fetches the bundle. When the signal is aborted, what nobody has been awarded is
   * withdrawn before the promise is rejected with what it was aborted with; awarded jobs go on.
   */
  async prove(order: Order, { onProgress, signal }: WaitOptions = {}): Promise<BundleView> {
    const { blockId, body } = await this.#signOrder(order, signal);
    try {
      await this.#patiently(() => this.client.call('submitBlock', { body }), signal);
      await this.wait(blockId, { ...(onProgress && { onProgress }), ...(signal && { signal }) });
    } catch (error) {
      if (signal?.aborted) await this.#withdrawQuietly(blockId);
      throw error;
    }
    return await this.bundle(blockId, signal);
  }

  /** The zkProofs of a block in the order of its jobs, with their public signals and the verification key. */
  bundle(blockId: Hex, signal?: AbortSignal): Promise<BundleView> {
    return this.#patiently(() => this.client.call('getBundle', { params: { blockId } }), signal);
  }

  /** Signs a message of this market with the requester's key. */
  async sign<Type extends MessageType>(
    type: Type,
    message: Messages[Type],
    signal?: AbortSignal,
  ): Promise<{ message: Messages[Type]; signature: Hex }> {
    const { chainId, coordinatorId } = await this.market(signal);
    return { message, signature: this.#account.signDigest(digestOf({ chainId, coordinatorId }, type, message)) };
  }

  /** Withdraws, unless there is nothing left to withdraw. */
  async #withdrawQuietly(blockId: Hex): Promise<void> {
    await this.withdraw(blockId, AbortSignal.timeout(WITHDRAW_MS_MAX)).catch((error) => {
      const isOver = error instanceof RejectedError && ['nothingToWithdraw', 'unknownBlock'].includes(error.code);
      if (!isOver) throw error;
    });
  }

  async #transferCircuit(signal?: AbortSignal): Promise<Hex> {
    const { circuits } = await this.#patiently(() => this.client.call('listCircuits', {}), signal);
    const circuit = circuits.find(({ kind }) => kind === 'transferRollup');
    if (!circuit) throw new Error('this market has no circuit for blocks of transfers; name one with its inputs');
    return circuit.circuitId;
  }

  async #patiently<Result>(action: () => Promise<Result>, signal?: AbortSignal): Promise<Result> {
    signal?.throwIfAborted();
    try {
      return await repeatUntilDone(action, {
        isWorthRepeating: (error) => error instanceof UnreachableError,
        ...(this.#onRetry && { onFailure: this.#onRetry }),
        ...(signal && { signal }),
      });
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    }
  }
}
