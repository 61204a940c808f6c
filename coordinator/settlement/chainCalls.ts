/** What each task calls the contract with, and where the chain has it once it is done. */
import { encodeFunctionData, getAbiItem, type PublicClient } from 'viem';
import type { Settlement } from '#market/settlement.js';
import type { Hex } from '#protocol/units.js';
import type { ChainTask } from './chainTasks.js';
import { SETTLEMENT_ABI } from './contracts/settlementAbi.js';

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
export interface TaskSource {
  /** Root hash of the log at a tree size. */
  logRootHash(treeSize: number): Promise<Hex>;
}

/** The call of a task; null when there is nothing to call just now. */
export async function callOf(
  _client: PublicClient,
  settlement: Settlement,
  task: ChainTask,
  source: TaskSource,
): Promise<ContractCall | null> {
  if (task.kind === 'root') return rootCall(settlement, source);
  return null;
}

async function rootCall({ computed }: Settlement, source: TaskSource): Promise<ContractCall> {
  const { epoch, balanceRoot, sumWei, creditedWei, treeSize } = computed!;
  const logRootHash = await source.logRootHash(treeSize);
  const root = { balanceRoot, logRootHash, sumWei, creditedWei, treeSize: BigInt(treeSize) };
  const call = { functionName: 'postRoot' as const, args: [BigInt(epoch), root] as const };
  return { ...call, data: encodeFunctionData({ abi: SETTLEMENT_ABI, ...call }) };
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
  { kind, epoch, set }: ChainTask,
  hashes: readonly Hex[],
  finalBlock: number,
): Promise<DoneAt | null> {
  for (const hash of hashes) {
    const receipt = await client.getTransactionReceipt({ hash }).catch(notFound);
    if (receipt?.status !== 'success' || receipt.blockNumber > BigInt(finalBlock)) continue;
    return { transactionHash: receipt.transactionHash, blockNumber: Number(receipt.blockNumber) };
  }
  const search = { address: terms.contract, fromBlock: BigInt(terms.deployBlock), toBlock: BigInt(finalBlock) };
  const logs =
    kind === 'root'
      ? await client.getLogs({ ...search, event: ROOT_POSTED, args: { epoch: BigInt(epoch!) } })
      : await client.getLogs({ ...search, event: JOBS_SETTLED, args: { setId: set!.setId } });
  const last = logs.at(-1);
  return last ? { transactionHash: last.transactionHash, blockNumber: Number(last.blockNumber) } : null;
}

/** What is not on the chain is null; whatever else is wrong is thrown. */
export function notFound(error: unknown): null {
  const { name } = error as Error;
  if (name === 'TransactionReceiptNotFoundError' || name === 'TransactionNotFoundError') return null;
  throw error;
}
