/**
 * What the contract is still to be told, in the order of the log: it follows from the state alone, so that a coordinator
 * that was killed, or another one, goes on where the last one was. Doing a thing twice is harmless: the contract takes
 * each root, each set and each item once.
 */
import type { PublicClient } from 'viem';
import type { BalanceRoot, JobSet, Settlement } from '#market/settlement.js';
import { BATCH_ITEMS_MAX } from '#protocol/jobSet.js';
import type { Address, Hex } from '#protocol/units.js';
import { SETTLEMENT_ABI } from './contracts/settlementAbi.js';

/** Sets that are looked after at a time: the oldest ones. */
const SETS_MAX = 64;

const ZERO_WORD: Hex = `0x${'0'.repeat(64)}`;

/** One thing to tell the contract. */
export type ChainTask =
  | { kind: 'root'; root: BalanceRoot }
  | { kind: 'commit'; set: JobSet }
  /** The items of a set from a multiple of {@link BATCH_ITEMS_MAX} on. */
  | { kind: 'settle'; set: JobSet; first: number };

/** Names a task among the transactions: one at a time is under way for it. */
export function purposeOf(task: ChainTask): string {
  if (task.kind === 'root') return `root ${task.root.epoch}`;
  return task.kind === 'commit' ? `commit ${task.set.setId}` : `settle ${task.set.setId} ${task.first}`;
}

/** Sets and roots by their place in the log, then sets that a later root lets be settled. */
export function chainTasks({ sets, computed, posted }: Settlement): ChainTask[] {
  const committed = [...sets.values()].filter(({ treeSize }) => treeSize !== null).slice(0, SETS_MAX);
  const told: ChainTask[] = committed.map((set) => ({ kind: 'commit', set }));
  if (computed && computed.epoch !== posted?.epoch) told.push({ kind: 'root', root: computed });
  const settled = committed.filter(({ treeSize }) => posted && posted.treeSize > treeSize!).flatMap(settleTasks);
  return [...told.sort((one, other) => placeOf(one) - placeOf(other)), ...settled];
}

function placeOf(task: ChainTask): number {
  return task.kind === 'root' ? task.root.treeSize : task.set.treeSize!;
}

function settleTasks(set: JobSet): ChainTask[] {
  const batches = Math.ceil(set.items.length / BATCH_ITEMS_MAX);
  return Array.from({ length: batches }, (_, at) => ({ kind: 'settle', set, first: at * BATCH_ITEMS_MAX }));
}

/** The contract at a block: the newest one, unless a number is given. */
export function contractAt(contract: Address, blockNumber?: number) {
  return {
    address: contract,
    abi: SETTLEMENT_ABI,
    ...(blockNumber !== undefined && { blockNumber: BigInt(blockNumber) }),
  };
}

/** Whether the contract has been told, as of a block; the newest one unless given. */
export async function isDone(
  client: PublicClient,
  { terms }: Settlement,
  task: ChainTask,
  blockNumber?: number,
): Promise<boolean> {
  const at = contractAt(terms.contract, blockNumber);
  if (task.kind === 'root') {
    return (await client.readContract({ ...at, functionName: 'epoch' })) >= BigInt(task.root.epoch);
  }
  const { setId } = task.set;
  if ((await client.readContract({ ...at, functionName: 'jobSets', args: [setId] })) === ZERO_WORD) return false;
  return task.kind === 'commit' || (await openBits(client, terms.contract, task, blockNumber)) === 0n;
}

/** The items of a batch that wait to be settled: bit i is the i-th of the batch. */
export function openBits(
  client: PublicClient,
  contract: Address,
  { set, first }: Extract<ChainTask, { kind: 'settle' }>,
  blockNumber?: number,
): Promise<bigint> {
  const args = [set.setId, BigInt(first / BATCH_ITEMS_MAX)] as const;
  return client.readContract({ ...contractAt(contract, blockNumber), functionName: 'openBits', args });
}
