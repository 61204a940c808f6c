/**
 * What the contract is still to be told, in the order of the log: it follows from the state alone, so that a coordinator
 * that was killed, or another one, goes on where the last one was. Doing a thing twice is harmless: the contract takes
 * each root and each set once.
 */
import type { PublicClient } from 'viem';
import type { JobSet, Settlement } from '#market/settlement.js';
import type { Hex } from '#protocol/units.js';
import { SETTLEMENT_ABI } from './contracts/settlementAbi.js';

const ZERO_WORD: Hex = `0x${'0'.repeat(64)}`;

/** One thing to tell the contract. */
export interface ChainTask {
  /** Names it among the transactions: one at a time is under way for it. */
  purpose: string;
  kind: 'root' | 'commit' | 'settle';
  /** The epoch of a root; otherwise null. */
  epoch: number | null;
  /** The set; null of a root. */
  set: JobSet | null;
  /** Its place in the order of the log. */
  place: number;
}

/** All of it: sets and roots by their place in the log, then sets that a later root lets be settled. */
export function chainTasks(settlement: Settlement): ChainTask[] {
  const { sets, computed, posted } = settlement;
  const told: ChainTask[] = [];
  const settled: ChainTask[] = [];
  for (const set of sets.values()) {
    if (set.treeSize === null) continue;
    const task = { epoch: null, set, place: set.treeSize };
    told.push({ purpose: `commit ${set.setId}`, kind: 'commit', ...task });
    if (posted && posted.treeSize > set.treeSize)
      settled.push({ purpose: `settle ${set.setId}`, kind: 'settle', ...task });
  }
  if (computed && computed.epoch !== posted?.epoch) {
    const { epoch, treeSize: place } = computed;
    told.push({ purpose: `root ${epoch}`, kind: 'root', epoch, set: null, place });
  }
  return [...told, ...settled].sort(
    (one, other) => Number(one.kind === 'settle') - Number(other.kind === 'settle') || one.place - other.place,
  );
}

/** Whether the contract has been told, as of a block; the newest one unless given. */
export async function isDone(
  client: PublicClient,
  { terms }: Settlement,
  { kind, epoch, set }: ChainTask,
  blockNumber?: number,
): Promise<boolean> {
  const at = {
    address: terms.contract,
    abi: SETTLEMENT_ABI,
    ...(blockNumber !== undefined && { blockNumber: BigInt(blockNumber) }),
  };
  if (kind === 'root') return (await client.readContract({ ...at, functionName: 'epoch' })) >= BigInt(epoch!);
  const { setId } = set!;
  if (kind === 'commit')
    return (await client.readContract({ ...at, functionName: 'jobSets', args: [setId] })) !== ZERO_WORD;
  return false;
}
