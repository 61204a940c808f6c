/**
 * A block's proven jobs as the settlement contract sees them: a sum tree over items, each a statement, a payee and an amount.
 * Source: coordinator/settlement/contracts/ISettlement.sol
 */
import { bytes32OfText, type EvmWord, keccakOfWords } from './evmWords.js';
import type { G2Point } from './strictReader.js';
import type { SumNode } from './sumTree.js';
import type { Address, Hex } from './units.js';
import type { Groth16VerificationKey } from './verificationKey.js';
import type { Groth16ZkProof } from './zkProof.js';

/** Most items that `settleBatch` takes at once. */
export const BATCH_ITEMS_MAX = 256;

/** The most that one item may pay, in wei: amount and payee share a word. */
export const ITEM_WEI_MAX = (1n << 96n) - 1n;

/** One proven job of a set: its payee is paid for a zkProof of this statement and no other. */
export interface JobSetItem {
  /** From 0, in the order of the set; every item of a set has its own. */
  index: number;
  verificationKeyHash: Hex;
  signalsHash: Hex;
  payee: Address;
  amountWei: bigint;
}

const ITEM_TAG = bytes32OfText('understudy.item.v1');

/** Payee and amount in one word. Throws RangeError when the amount does not fit. */
export function payoutWord({ payee, amountWei }: Pick<JobSetItem, 'payee' | 'amountWei'>): bigint {
  if (amountWei < 0n || amountWei > ITEM_WEI_MAX) throw new RangeError('an item pays from 0 to 2^96 - 1 wei');
  return (BigInt(payee) << 96n) | amountWei;
}

/** The leaf of an item. The hash covers tag, index, key hash, signals hash and payout, a word each. */
export function jobSetLeaf(item: JobSetItem): SumNode {
  const words = [ITEM_TAG, BigInt(item.index), item.verificationKeyHash, item.signalsHash, payoutWord(item)];
  return { hash: keccakOfWords(words), sumWei: item.amountWei };
}

/** A G2 point as the EVM reads it: the imaginary part first. Source: EIP-197. */
const wordsOfG2 = ([x, y]: G2Point): bigint[] => [x[1], x[0], y[1], y[0]].map(BigInt);
const wordsOfG1 = ([x, y]: readonly string[]): bigint[] => [BigInt(x!), BigInt(y!)];

/** The words of a Groth16 verification key, as `settleBatch` takes them: alpha, beta, gamma, delta, IC. */
export function verificationKeyWords(key: Groth16VerificationKey): bigint[] {
  const fixed = [key.vk_beta_2, key.vk_gamma_2, key.vk_delta_2].flatMap(wordsOfG2);
  return [...wordsOfG1(key.vk_alpha_1), ...fixed, ...key.IC.flatMap(wordsOfG1)];
}

/** What an item names its key by: Keccak-256 of {@link verificationKeyWords}. */
export function verificationKeyHash(key: Groth16VerificationKey): Hex {
  return keccakOfWords(verificationKeyWords(key));
}

/** What an item names its statement by: Keccak-256 of the public signals, a word each. */
export function signalsHash(publicSignals: readonly string[]): Hex {
  return keccakOfWords(publicSignals.map(BigInt));
}

/** The words of an item, as `settleBatch` takes them: A, B, C, public signals, payout. */
export function itemWords(
  zkProof: Groth16ZkProof,
  publicSignals: readonly string[],
  payout: Pick<JobSetItem, 'payee' | 'amountWei'>,
): bigint[] {
  const points = [...wordsOfG1(zkProof.pi_a), ...wordsOfG2(zkProof.pi_b), ...wordsOfG1(zkProof.pi_c)];
  return [...points, ...publicSignals.map(BigInt), payoutWord(payout)];
}

/** What the contract keeps of a set (`jobSets`). */
export function jobSetCommitment(root: SumNode, committedEpoch: bigint): Hex {
  const words: EvmWord[] = [root.hash, root.sumWei, committedEpoch];
  return keccakOfWords(words);
}
