/** What each task calls the contract with, and where the chain has it once it is done. */
import { encodeFunctionData, getAbiItem, type PublicClient } from 'viem';
import type { Settlement } from '#market/settlement.js';
import type { Hex } from '#protocol/units.js';
import type { ChainTask } from './chainTasks.js';
import { SETTLEMENT_ABI } from './contracts/settlementAbi.js';
import { LogReader } from './logReader.js';
import { type SetProofs, settleCall } from './settleCall.js';

/** A call of the contract, with its call data. */
export interface ContractCall {
  functionName: string;
  args: readonly unknown[];
  data: Hex;
}

/** Where the chain has something. */
export interface DoneAt {
  transactionHash: Hex;
  blockNumber: number;
}

/** What tasks need besides the state. */
export interface TaskSource extends SetProofs {
  /** Root hash of the log at a tree size. */
  logRootHash(treeSize: number): Promise<Hex>;
}

/** The call of a task; null when there is nothing that the contract would take just now. */
export async function callOf(
  client: PublicClient,
  settlement: Settlement,
  task: ChainTask,
  source: TaskSource,
): Promise<ContractCall | null> {
  if (task.kind === 'settle') return settleCall(client, settlement, task, source);
  if (task.kind === 'commit') {
    const { setId, setRoot, items } = task.set;
    const totalWei = items.reduce((sum, { amountWei }) => sum + BigInt(amountWei), 0n);
    return contractCall('commitJobSet', [setId, setRoot, totalWei, BigInt(items.length)]);
  }
  const { epoch, balanceRoot, sumWei, creditedWei, treeSize } = task.root;
  const logRootHash = await source.logRootHash(treeSize);
  const root = { balanceRoot, logRootHash, sumWei, creditedWei, treeSize: BigInt(treeSize) };
  return contractCall('postRoot', [BigInt(epoch), root]);
}

/** A call with its data. */
export function contractCall(functionName: string, args: readonly unknown[]): ContractCall {
  const data = encodeFunctionData({ abi: SETTLEMENT_ABI, functionName, args } as never);
  return { functionName, args, data };
}

const ROOT_POSTED = getAbiItem({ abi: SETTLEMENT_ABI, name: 'RootPosted' });
const JOBS_SETTLED = getAbiItem({ abi: SETTLEMENT_ABI, name: 'JobsSettled' });

/**
 * Where the chain has what a task was to tell: by the transaction that was sent for it, or, when it was another one, by
 * the contract's event. Null while it is not within the final blocks.
 */
export async function whereDone(
  client: PublicClient,
  { terms }: Settlement,
  task: ChainTask,
  hashes: readonly Hex[],
  finalBlock: number,
): Promise<DoneAt | null> {
  for (const hash of hashes) {
    const receipt = await client.getTransactionReceipt({ hash }).catch(notFound);
    if (receipt?.status !== 'success' || receipt.blockNumber > BigInt(finalBlock)) continue;
    return { transactionHash: receipt.transactionHash, blockNumber: Number(receipt.blockNumber) };
  }
  // The newest blocks first: it is hardly ever further back than a range.
  return new LogReader().newest(terms.deployBlock, finalBlock, (fromBlock, toBlock) => {
    const range = { address: terms.contract, fromBlock, toBlock };
    return task.kind === 'root'
      ? client.getLogs({ ...range, event: ROOT_POSTED, args: { epoch: BigInt(task.root.epoch) } })
      : client.getLogs({ ...range, event: JOBS_SETTLED, args: { setId: task.set.setId } });
  });
}

/** What is not on the chain is null; whatever else is wrong is thrown. */
export function notFound(error: unknown): null {
  const { name } = error as Error;
  if (name === 'TransactionReceiptNotFoundError' || name === 'TransactionNotFoundError') return null;
  throw error;
}
