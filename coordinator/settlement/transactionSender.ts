/**
 * Tells the contract what the log says. One transaction at a time, in the order of the log, so that sets are committed
 * before the root that no longer holds their money.
 *
 * What is to be told follows from the state; what was sent for it is written down before it is sent. So a coordinator
 * that was killed at any moment, or another one on the same database, finds what is under way: it sends the same bytes
 * again when no node knows them, pays more when they wait too long, and begins anew when their nonce was used otherwise.
 * Whatever is told twice is refused by the contract.
 */
import type { Pool } from 'pg';
import { keccak256, type PrivateKeyAccount, type PublicClient, parseTransaction } from 'viem';
import type { Journal } from '#journal/journalPort.js';
import type { JobSet, Settlement } from '#market/settlement.js';
import { BATCH_ITEMS_MAX } from '#protocol/jobSet.js';
import type { Hex } from '#protocol/units.js';
import { type ContractCall, callOf, notFound, type TaskSource, whereDone } from './chainCalls.js';
import type { ChainClient } from './chainClient.js';
import { messageOf, revertReason, sendRefusal } from './chainErrors.js';
import { type ChainTask, chainTasks, contractAt, isDone, purposeOf } from './chainTasks.js';
import { firstFees, type GasFees, MAX_FEE_WEI, raisedFees } from './gasFees.js';
import { asOnlySender, forgetSent, readSent, type SentTransaction, writeSent } from './sentTransactions.js';
import { GAS_MAX } from './settleCall.js';

/** A transaction that waits longer is sent again with a higher fee, in milliseconds. */
export const REPLACE_AFTER_MS = 60_000;

/** Replacements of one transaction whose hashes are remembered: the newest. */
const HASHES_MAX = 32;

/** Gas beyond what a transaction was estimated to need, in percent. */
const GAS_PERCENT = 125n;

export interface TransactionSenderOptions {
  pool: Pool;
  journal: Pick<Journal, 'execute' | 'state'>;
  chain: Pick<ChainClient, 'use'>;
  key: PrivateKeyAccount;
  source: TaskSource;
  /** The most that is paid for a unit of gas, in wei; {@link MAX_FEE_WEI} unless told. */
  maxFeePerGasWei?: bigint;
  nowMs: () => number;
  log: { info(fields: object, message: string): void; error(fields: object, message: string): void };
}

export class TransactionSender {
  readonly #options: TransactionSenderOptions;
  readonly #allowedWei: bigint;
  /** What was last said to wait: it is said once. */
  #waits: string | null = null;

  constructor(options: TransactionSenderOptions) {
    this.#options = options;
    this.#allowedWei = options.maxFeePerGasWei ?? MAX_FEE_WEI;
  }

  /**
   * Goes one step on: notes what has its confirmations, and sends or sends again the first thing that the contract does
   * not know and would take. Throws ChainUnavailableError when the chain cannot be asked.
   */
  async step(finalBlock: number): Promise<void> {
    await asOnlySender(this.#options.pool, () =>
      this.#options.chain.use(async (client) => {
        const settlement = this.#options.journal.state().settlement!;
        const tasks = chainTasks(settlement);
        await this.#forgetOthers(tasks);
        for (const task of tasks) {
          if (await isDone(client, settlement, task)) await this.#noteFinal(client, settlement, task, finalBlock);
          else if (await this.#push(client, settlement, task)) return;
        }
      }),
    );
  }

  /** Transactions for what nobody waits for any more, because it is noted in the log. */
  async #forgetOthers(tasks: ChainTask[]): Promise<void> {
    const purposes = new Set(tasks.map(purposeOf));
    for (const { purpose } of await readSent(this.#options.pool)) {
      if (!purposes.has(purpose)) await forgetSent(this.#options.pool, purpose);
    }
  }

  /** Puts on record what the contract knows for as long as the market waits. */
  async #noteFinal(client: PublicClient, settlement: Settlement, task: ChainTask, finalBlock: number): Promise<void> {
    if (task.kind === 'commit' || !(await isDone(client, settlement, task, finalBlock))) return;
    // A set is settled with the last of its batches.
    if (task.kind === 'settle' && !(await this.#isSettled(client, settlement, task.set, finalBlock))) return;
    const purpose = purposeOf(task);
    const sent = (await readSent(this.#options.pool)).find((one) => one.purpose === purpose);
    const at = await whereDone(client, settlement, task, sent?.hashes ?? [], finalBlock);
    if (!at) return;
    const command =
      task.kind === 'root'
        ? { kind: 'notePostedRoot' as const, epoch: task.root.epoch, ...at }
        : { kind: 'noteSettledSet' as const, setId: task.set.setId, ...at };
    await this.#options.journal.execute(command, null);
    this.#options.log.info({ purpose, block: at.blockNumber }, 'the contract has been told for good');
  }

  async #isSettled(client: PublicClient, settlement: Settlement, set: JobSet, finalBlock: number): Promise<boolean> {
    for (let first = 0; first < set.items.length; first += BATCH_ITEMS_MAX) {
      if (!(await isDone(client, settlement, { kind: 'settle', set, first }, finalBlock))) return false;
    }
    return true;
  }

  /** @returns whether something is under way for the task, so that the others wait */
  async #push(client: PublicClient, settlement: Settlement, task: ChainTask): Promise<boolean> {
    const sent = await readSent(this.#options.pool);
    const under = sent.find(({ purpose }) => purpose === purposeOf(task));
    if (under) {
      await this.#follow(client, settlement, task, under);
      return true;
    }
    return (await this.#begin(client, settlement, task, sent)) || task.kind !== 'settle';
  }

  /** Looks after a transaction that was sent and has not told the contract yet. */
  async #follow(client: PublicClient, settlement: Settlement, task: ChainTask, sent: SentTransaction): Promise<void> {
    const { pool, log, key, nowMs } = this.#options;
    const { purpose, nonce, hashes } = sent;
    const receipts = await Promise.all(hashes.map((hash) => client.getTransactionReceipt({ hash }).catch(notFound)));
    const receipt = receipts.find((one) => one !== null);
    // It may have come in just now; or it was a part only: a key, or half of a batch.
    if (receipt?.status === 'success' && (await isDone(client, settlement, task))) return;
    if (receipt?.status === 'reverted')
      log.error({ purpose, transactionHash: receipt.transactionHash }, 'a transaction was reverted');
    const used = await client.getTransactionCount({ address: key.address, blockTag: 'latest' });
    if (receipt || used > nonce) {
      await forgetSent(pool, purpose);
      return;
    }
    if (nowMs() - sent.sentAtMs >= REPLACE_AFTER_MS && (await this.#replace(client, settlement, sent))) return;
    if ((await client.getTransaction({ hash: hashes.at(-1)! }).catch(notFound)) === null) {
      await this.#broadcast(client, sent);
    }
  }

  /**
   * Sends the same call again for more, with the same nonce: only one of them can count.
   * @returns false when it pays as much as it may already
   */
  async #replace(client: PublicClient, settlement: Settlement, sent: SentTransaction): Promise<boolean> {
    const { data, gas } = parseTransaction(sent.raw);
    const now = await feesNow(client);
    const fees = raisedFees(sent, now, this.#allowedWei);
    if (!fees) {
      this.#sayWaits(sent.purpose, now, 'a transaction waits although it pays as much as it may');
      return false;
    }
    const replaced = await this.#signed(settlement, sent, { data: data!, gas: gas! }, fees);
    replaced.hashes = [...sent.hashes, ...replaced.hashes].slice(-HASHES_MAX);
    const fields = { purpose: sent.purpose, maxFeePerGasWei: `${fees.maxFeePerGasWei}` };
    this.#options.log.info(fields, 'a transaction waits and is sent for more');
    await writeSent(this.#options.pool, replaced);
    await this.#broadcast(client, replaced);
    this.#waits = null;
    return true;
  }

  /** Says once what waits, and whether for cheaper gas or for something that money does not cure. */
  #sayWaits(purpose: string, { maxFeePerGasWei }: GasFees, what: string): void {
    if (this.#waits === purpose) return;
    this.#waits = purpose;
    const fields = { purpose, askedWei: `${maxFeePerGasWei}`, allowedWei: `${this.#allowedWei}` };
    const isDear = maxFeePerGasWei > this.#allowedWei;
    const advice = isDear
      ? 'raise --max-fee-gwei, or wait until gas is cheaper'
      : 'look whether the provider’s blocks go on';
    this.#options.log.error(
      { ...fields, alarm: isDear ? 'gasTooDear' : 'transactionStuck' },
      `${what}: ${advice}; exit begins when no root comes for too long`,
    );
  }

  async #begin(
    client: PublicClient,
    settlement: Settlement,
    task: ChainTask,
    sent: SentTransaction[],
  ): Promise<boolean> {
    const { pool, key } = this.#options;
    const { call, gas } = await this.#estimated(client, settlement, task);
    if (!call) return false;
    const used = await client.getTransactionCount({ address: key.address, blockTag: 'latest' });
    const nonce = Math.max(used, ...sent.map((one) => one.nonce + 1));
    const now = await feesNow(client);
    const fees = firstFees(now, this.#allowedWei);
    if (!fees) {
      this.#sayWaits(purposeOf(task), now, 'gas costs more than is allowed, so nothing is sent');
      return true;
    }
    this.#waits = null;
    const signed = await this.#signed(settlement, { purpose: purposeOf(task), nonce }, { data: call.data, gas }, fees);
    if (!(await this.#canPay(client, purposeOf(task), gas * fees.maxFeePerGasWei))) return true;
    await writeSent(pool, signed);
    await this.#broadcast(client, signed);
    return true;
  }

  /** What to call and the gas for it; no call when the contract would refuse it now. */
  async #estimated(
    client: PublicClient,
    settlement: Settlement,
    task: ChainTask,
  ): Promise<{ call: ContractCall | null; gas: bigint }> {
    const { key, log, source } = this.#options;
    const call = await callOf(client, settlement, task, source);
    if (!call) return { call, gas: 0n };
    try {
      const { functionName, args } = call;
      const request = { ...contractAt(settlement.terms.contract), account: key.address, functionName, args };
      const gas = await client.estimateContractGas({ ...request, blockTag: 'latest' } as never);
      const ampleGas = (gas * GAS_PERCENT) / 100n;
      return { call, gas: ampleGas < GAS_MAX ? ampleGas : GAS_MAX };
    } catch (error) {
      const reason = revertReason(error);
      if (reason === null && sendRefusal(error) !== 'insufficientFunds') throw error;
      const words = reason ? 'the contract would refuse a transaction' : 'the chain key cannot pay for gas';
      log.error({ purpose: purposeOf(task), address: key.address, reason: reason ?? messageOf(error) }, words);
      return { call: null, gas: 0n };
    }
  }

  async #canPay(client: PublicClient, purpose: string, costWei: bigint): Promise<boolean> {
    const { address } = this.#options.key;
    const heldWei = await client.getBalance({ address });
    if (heldWei >= costWei) return true;
    const fields = { purpose, address, heldWei: `${heldWei}`, neededWei: `${costWei}` };
    this.#options.log.error(
      fields,
      'the chain key cannot pay for gas: send coins to its address; nothing is lost meanwhile',
    );
    return false;
  }

  async #signed(
    { terms }: Settlement,
    { purpose, nonce }: Pick<SentTransaction, 'purpose' | 'nonce'>,
    { data, gas }: { data: Hex; gas: bigint },
    fees: GasFees,
  ): Promise<SentTransaction> {
    const raw = (await this.#options.key.signTransaction({
      type: 'eip1559',
      chainId: terms.chainId,
      to: terms.contract,
      data,
      nonce,
      gas,
      maxFeePerGas: fees.maxFeePerGasWei,
      maxPriorityFeePerGas: fees.priorityFeeWei,
    })) as Hex;
    return { purpose, nonce, raw, hashes: [keccak256(raw)], ...fees, sentAtMs: this.#options.nowMs() };
  }

  /** Sends what is written down. Whatever a node says, it stays written down until the chain has settled the matter. */
  async #broadcast(client: PublicClient, sent: SentTransaction): Promise<void> {
    const { log, key } = this.#options;
    const { purpose, nonce, raw } = sent;
    try {
      await client.sendRawTransaction({ serializedTransaction: raw });
      log.info({ purpose, nonce, transactionHash: sent.hashes.at(-1) }, 'a transaction was sent');
    } catch (error) {
      const refusal = sendRefusal(error);
      if (refusal === null) throw error;
      if (refusal === 'insufficientFunds') {
        log.error({ purpose, address: key.address }, 'the chain key cannot pay for gas: send coins to its address');
      }
      // The next step raises the fee at once.
      if (refusal === 'underpriced') await writeSent(this.#options.pool, { ...sent, sentAtMs: 0 });
    }
  }
}

async function feesNow(client: PublicClient): Promise<GasFees> {
  const { maxFeePerGas, maxPriorityFeePerGas } = await client.estimateFeesPerGas();
  return { maxFeePerGasWei: maxFeePerGas, priorityFeeWei: maxPriorityFeePerGas };
}
