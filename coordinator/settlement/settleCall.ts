/**
 * The call that has the contract check a batch of zkProofs and credit their payees. It is tried out before it is sent:
 * when the contract would refuse it, or it does not fit in a transaction, its halves are tried, down to the one zkProof
 * that is at fault.
 */
import { type PublicClient, zeroAddress } from 'viem';
import { type JobSet, jobSetLeaves, type Settlement } from '#market/settlement.js';
import type { Circuit } from '#market/state.js';
import {
  BATCH_ITEMS_MAX,
  itemWords,
  jobSetCommitment,
  verificationKeyHash,
  verificationKeyWords,
} from '#protocol/jobSet.js';
import { sumTreeRoot, sumTreeSiblings } from '#protocol/sumTree.js';
import type { Address, Hex } from '#protocol/units.js';
import type { Groth16VerificationKey } from '#protocol/verificationKey.js';
import type { Groth16ZkProof } from '#protocol/zkProof.js';
import { type ContractCall, contractCall } from './chainCalls.js';
import { isOutOfGas, revertReason } from './chainErrors.js';
import { type ChainTask, contractAt, openBits } from './chainTasks.js';

/** The most gas of one transaction. Source: EIP-7825. */
export const GAS_MAX = 16_777_216n;

/** The most call data of one transaction: nodes pass on none of more than 128 KiB in all. Source: go-ethereum, txMaxSize */
export const CALL_BYTES_MAX = 120_000;

/** A zkProof with its public signals, as the log has it. */
export interface KnownZkProof {
  publicSignals: string[];
  zkProof: Groth16ZkProof;
}

/** The zkProofs of a set. */
export interface SetProofs {
  circuit(circuitId: Hex): Pick<Circuit, 'verificationKey'>;
  /** Accepted zkProofs of jobs, in their order. */
  zkProofs(jobIds: readonly string[]): Promise<KnownZkProof[]>;
  /** Told of an item that the contract will not pay. */
  onHopeless(set: JobSet, index: number): void;
  /** Sender of calls that are only tried out. */
  sender: Address;
}

type SettleTask = Extract<ChainTask, { kind: 'settle' }>;

/** The largest part of a batch that the contract takes; null when it takes none, or is not to be asked yet. */
export async function settleCall(
  client: PublicClient,
  { terms }: Settlement,
  task: SettleTask,
  source: SetProofs,
): Promise<ContractCall | null> {
  const { set, first } = task;
  const circuit = source.circuit(set.circuitId);
  const key = circuit.verificationKey as unknown as Groth16VerificationKey;
  const at = contractAt(terms.contract);
  const keyAt = await client.readContract({ ...at, functionName: 'keyAt', args: [verificationKeyHash(key)] });
  // A circuit's key is stored once; with the next step it is there.
  if (keyAt === zeroAddress) return contractCall('storeKey', [verificationKeyWords(key)]);
  const leaves = jobSetLeaves(set, circuit);
  const kept = await client.readContract({ ...at, functionName: 'jobSets', args: [set.setId] });
  const committedEpoch = epochOf(
    sumTreeRoot(leaves),
    kept,
    await client.readContract({ ...at, functionName: 'epoch' }),
  );
  const items = set.items.slice(first, first + BATCH_ITEMS_MAX);
  const known = await source.zkProofs(items.map(({ jobId }) => jobId));
  const words = known.map(({ zkProof, publicSignals }, place) => {
    const { payee, amountWei } = items[place]!;
    return itemWords(zkProof, publicSignals, { payee, amountWei: BigInt(amountWei) });
  });
  const callFor = (from: number, count: number) => {
    const siblings = sumTreeSiblings(leaves, first + from, count);
    const batch = { setId: set.setId, committedEpoch, firstIndex: BigInt(first + from), keyAt, siblings };
    return contractCall('settleBatch', [{ ...batch, items: words.slice(from, from + count).flat() }]);
  };
  const open = await openBits(client, terms.contract, task);
  return firstTaken({ client, contract: terms.contract, source, set, first, open, callFor }, 0, items.length);
}

interface Search {
  client: PublicClient;
  contract: Address;
  source: SetProofs;
  set: JobSet;
  first: number;
  open: bigint;
  callFor(from: number, count: number): ContractCall;
}

/** Tries a part of the batch, then its halves: each begins at a multiple of its own size rounded up to a power of two. */
async function firstTaken(search: Search, from: number, count: number): Promise<ContractCall | null> {
  const { client, contract, source, set, first, open, callFor } = search;
  const part = (open >> BigInt(from)) & ((1n << BigInt(count)) - 1n);
  if (part === 0n) return null;
  const call = callFor(from, count);
  const isTooLong = (call.data.length - 2) / 2 > CALL_BYTES_MAX;
  if (!isTooLong || count === 1) {
    try {
      const { functionName, args } = call;
      const request = { ...contractAt(contract), account: source.sender, functionName, args, gas: GAS_MAX };
      await client.simulateContract(request as never);
      return call;
    } catch (error) {
      if (revertReason(error) !== 'InvalidZkProofs' && !isOutOfGas(error)) throw error;
    }
  }
  if (count === 1) {
    source.onHopeless(set, first + from);
    return null;
  }
  const half = 2 ** (Math.ceil(Math.log2(count)) - 1);
  return (await firstTaken(search, from, half)) ?? (await firstTaken(search, from + half, count - half));
}

/** The epoch that a set was committed in: the contract keeps only a hash over it, and it was not long ago. */
function epochOf(root: { hash: Hex; sumWei: bigint }, kept: Hex, newest: bigint): bigint {
  for (let epoch = newest; epoch >= 0n; epoch -= 1n) if (jobSetCommitment(root, epoch) === kept) return epoch;
  throw new Error('the contract has another set under this id');
}
