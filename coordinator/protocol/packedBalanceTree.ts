/**
 * The tree of a balance root in bytes: the same tree as `sumTree.ts` makes of `balanceTree.ts`, many times as fast, small
 * enough to be handed from a thread to another and to be kept in one row, and changed in the time of what has changed.
 */
import { keccak_256 } from '@noble/hashes/sha3.js';
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import { bytes32OfText } from './evmWords.js';
import { type SumNode, TREE_LEAVES_MAX, TREE_SUM_WEI_MAX } from './sumTree.js';
import type { Address } from './units.js';

/** An account (20 bytes) and its entitlement (16 bytes, the highest first) one behind the other, by account, rising. */
export type PackedEntitlements = Uint8Array<ArrayBuffer>;

/** Packed entitlements with the nodes above: of each level hash (32 bytes) and sum (16 bytes), without padding. */
export interface PackedBalanceTree {
  entitlements: PackedEntitlements;
  levels: Uint8Array<ArrayBuffer>[];
}

const ACCOUNT_BYTES = 20;
const ENTITLEMENT_BYTES = 36;
const HASH_BYTES = 32;
const NODE_BYTES = 48;
const WORD_BYTES = 32;

const tagOf = (text: string) => hexToBytes(bytes32OfText(text).slice(2));
const BALANCE_TAG = tagOf('understudy.balance.v1');
const NODE_TAG = tagOf('understudy.node.v1');

/** Packs entitlements; those of nothing are left out. Throws RangeError for one that does not fit in 128 bits. */
export function packEntitlements(entitlements: ReadonlyMap<Address, bigint>): PackedEntitlements {
  const accounts = [...entitlements.keys()].filter((account) => entitlements.get(account) !== 0n).sort();
  const packed = new Uint8Array(accounts.length * ENTITLEMENT_BYTES);
  for (const [index, account] of accounts.entries()) {
    packed.set(hexToBytes(account.slice(2)), index * ENTITLEMENT_BYTES);
    writeWei(packed, index * ENTITLEMENT_BYTES + ACCOUNT_BYTES, entitlements.get(account)!);
  }
  return packed;
}

/** How many accounts are entitled to something. */
export function countOf(packed: PackedEntitlements): number {
  return packed.length / ENTITLEMENT_BYTES;
}

/** Every account with its entitlement, in the order of the leaves. */
export function* unpackEntitlements(packed: PackedEntitlements): Generator<[Address, bigint]> {
  for (let at = 0; at < packed.length; at += ENTITLEMENT_BYTES) {
    yield [`0x${bytesToHex(packed.subarray(at, at + ACCOUNT_BYTES))}`, readWei(packed, at + ACCOUNT_BYTES)];
  }
}

/** An account's place among the leaves, in the time of a binary search; -1 when it is entitled to nothing. */
export function leafIndexOf(packed: PackedEntitlements, account: Address): number {
  const wanted = hexToBytes(account.slice(2));
  let [from, to] = [0, countOf(packed)];
  while (from < to) {
    const middle = (from + to) >> 1;
    const order = compare(packed, middle * ENTITLEMENT_BYTES, wanted);
    if (order === 0) return middle;
    if (order < 0) from = middle + 1;
    else to = middle;
  }
  return -1;
}

/** What an account is entitled to, in wei. */
export function entitlementOf(packed: PackedEntitlements, account: Address): bigint {
  const index = leafIndexOf(packed, account);
  return index < 0 ? 0n : readWei(packed, index * ENTITLEMENT_BYTES + ACCOUNT_BYTES);
}

/** Makes the whole tree. Pure; linear in the accounts. Throws RangeError for too many leaves or too large a sum. */
export function packedBalanceTree(entitlements: PackedEntitlements): PackedBalanceTree {
  const count = countOf(entitlements);
  if (count > TREE_LEAVES_MAX) throw new RangeError(`a sum tree has at most ${TREE_LEAVES_MAX} leaves`);
  const levels = [new Uint8Array(Math.max(1, count) * NODE_BYTES)];
  for (let index = 0; index < count; index += 1) writeLeaf(levels[0]!, entitlements, index);
  while (levels.at(-1)!.length > NODE_BYTES) {
    const below = levels.at(-1)!;
    const nodes = Math.ceil(below.length / NODE_BYTES / 2);
    const level = new Uint8Array(nodes * NODE_BYTES);
    const padding = paddingOf(levels.length - 1);
    for (let index = 0; index < nodes; index += 1) writeNode(level, below, index, padding);
    levels.push(level);
  }
  return { entitlements, levels };
}

/**
 * The tree with other entitlements of some accounts that it has, in the time of hashing what leads from these to the root.
 * The given tree stays as it was. Throws RangeError when an account is not in it.
 */
export function changedBalanceTree(tree: PackedBalanceTree, changes: ReadonlyMap<Address, bigint>): PackedBalanceTree {
  const entitlements = tree.entitlements.slice();
  const levels = tree.levels.map((level) => level.slice());
  let dirty = new Set<number>();
  for (const [account, wei] of changes) {
    const index = leafIndexOf(entitlements, account);
    if (index < 0) throw new RangeError(`${account} is not in the tree`);
    writeWei(entitlements, index * ENTITLEMENT_BYTES + ACCOUNT_BYTES, wei);
    writeLeaf(levels[0]!, entitlements, index);
    dirty.add(index >> 1);
  }
  for (let height = 1; height < levels.length; height += 1) {
    for (const index of dirty) writeNode(levels[height]!, levels[height - 1]!, index, paddingOf(height - 1));
    dirty = new Set([...dirty].map((index) => index >> 1));
  }
  return { entitlements, levels };
}

/** The tree's root, as `sumTreeRoot` gives it. */
export function packedTreeRoot({ levels }: PackedBalanceTree): SumNode {
  return nodeAt(levels.at(-1)!, 0);
}

/** The inclusionProof of a leaf, as `sumTreeSiblings` gives it. */
export function packedTreeSiblings({ levels }: PackedBalanceTree, index: number): SumNode[] {
  return levels.slice(0, -1).map((level, height) => {
    const beside = (index >> height) ^ 1;
    return beside * NODE_BYTES < level.length ? nodeAt(level, beside) : nodeAt(paddingOf(height), 0);
  });
}

function compare(packed: Uint8Array, at: number, account: Uint8Array): number {
  for (let byte = 0; byte < ACCOUNT_BYTES; byte += 1) {
    const difference = packed[at + byte]! - account[byte]!;
    if (difference !== 0) return difference;
  }
  return 0;
}

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset);

function readWei(bytes: Uint8Array, at: number): bigint {
  const view = viewOf(bytes);
  return (view.getBigUint64(at) << 64n) | view.getBigUint64(at + 8);
}

function writeWei(bytes: Uint8Array, at: number, wei: bigint): void {
  if (wei < 0n || wei > TREE_SUM_WEI_MAX) throw new RangeError('a sum in the tree does not fit in 128 bits');
  const view = viewOf(bytes);
  view.setBigUint64(at, wei >> 64n);
  view.setBigUint64(at + 8, wei & 0xffff_ffff_ffff_ffffn);
}

/** Tag, account and amount, a word each. */
function writeLeaf(leaves: Uint8Array, entitlements: Uint8Array, index: number): void {
  const preimage = new Uint8Array(3 * WORD_BYTES);
  const at = index * ENTITLEMENT_BYTES;
  preimage.set(BALANCE_TAG);
  preimage.set(entitlements.subarray(at, at + ACCOUNT_BYTES), 2 * WORD_BYTES - ACCOUNT_BYTES);
  preimage.set(entitlements.subarray(at + ACCOUNT_BYTES, at + ENTITLEMENT_BYTES), 3 * WORD_BYTES - 16);
  leaves.set(keccak_256(preimage), index * NODE_BYTES);
  leaves.set(entitlements.subarray(at + ACCOUNT_BYTES, at + ENTITLEMENT_BYTES), index * NODE_BYTES + HASH_BYTES);
}

/** Tag, and hash and sum of both children, a word each. */
function writeNode(level: Uint8Array, below: Uint8Array, index: number, padding: Uint8Array): void {
  const left = 2 * index * NODE_BYTES;
  const [right, rightAt] = left + NODE_BYTES < below.length ? [below, left + NODE_BYTES] : [padding, 0];
  const preimage = new Uint8Array(5 * WORD_BYTES);
  preimage.set(NODE_TAG);
  preimage.set(below.subarray(left, left + HASH_BYTES), WORD_BYTES);
  preimage.set(below.subarray(left + HASH_BYTES, left + NODE_BYTES), 3 * WORD_BYTES - 16);
  preimage.set(right.subarray(rightAt, rightAt + HASH_BYTES), 3 * WORD_BYTES);
  preimage.set(right.subarray(rightAt + HASH_BYTES, rightAt + NODE_BYTES), 5 * WORD_BYTES - 16);
  level.set(keccak_256(preimage), index * NODE_BYTES);
  const sumWei = readWei(below, left + HASH_BYTES) + readWei(right, rightAt + HASH_BYTES);
  writeWei(level, index * NODE_BYTES + HASH_BYTES, sumWei);
}

function nodeAt(level: Uint8Array, index: number): SumNode {
  const at = index * NODE_BYTES;
  return { hash: `0x${bytesToHex(level.subarray(at, at + HASH_BYTES))}`, sumWei: readWei(level, at + HASH_BYTES) };
}

/** The padding's node of each height: hash and sum 0 at the leaves. */
const PADDINGS: Uint8Array[] = [new Uint8Array(NODE_BYTES)];

function paddingOf(height: number): Uint8Array {
  while (PADDINGS.length <= height) {
    const below = PADDINGS.at(-1)!;
    const node = new Uint8Array(NODE_BYTES);
    writeNode(node, below, 0, below);
    PADDINGS.push(node);
  }
  return PADDINGS[height]!;
}
