/**
 * The market's money on its chain, as the log has it: what was deposited, what each account is entitled to, and which of
 * it the contract has been told.
 *
 * An account's entitlement is all that the ledger has ever let it take out, and all that is its own: free money, bonds,
 * escrows of its open blocks, payments of its zkProofs that wait for their block's end. It is cumulative, as the
 * contract's `withdrawn` is, so that by whatever road money leaves, none leaves twice.
 */
import type { ChainDeposit, ChainTerms, SetItem } from '#protocol/chainEntries.js';
import { jobSetLeaf, verificationKeyHash } from '#protocol/jobSet.js';
import { entitlementOf, type PackedEntitlements } from '#protocol/packedBalanceTree.js';
import type { SumNode } from '#protocol/sumTree.js';
import type { Address, Hex } from '#protocol/units.js';
import type { Groth16VerificationKey } from '#protocol/verificationKey.js';
import type { Circuit, MarketState } from './state.js';

/** A root over all entitlements at one place of the log. */
export interface BalanceRoot {
  epoch: number;
  balanceRoot: Hex;
  sumWei: bigint;
  /** All deposits that it knows of. */
  creditedWei: bigint;
  /** Entries of the log that it is the fold of, its own included. */
  treeSize: number;
  computedAtMs: number;
  /** The entitlements under it: see {@link PackedEntitlements}. */
  entitlements: PackedEntitlements;
}

/** What the contract is to pay for the zkProofs of one block. */
export interface JobSet {
  setId: Hex;
  circuitId: Hex;
  /** In the order in which their zkProofs were accepted; `signalsHash` binds an item to its statement. */
  items: (SetItem & { signalsHash: Hex })[];
  /** When its block ended. */
  completedAtMs: number | null;
  /** The root over its items, and the tree size with the entry that says so; null before. */
  setRoot: Hex | null;
  treeSize: number | null;
}

/** Most public signals of a circuit whose zkProofs the contract pays: a batch of them must fit in a transaction. */
export const SETTLED_SIGNALS_MAX = 64;

export interface Settlement {
  terms: ChainTerms;
  attachedAtMs: number;
  /** All deposits ever, in wei. */
  depositedWei: bigint;
  newestDeposit: ChainDeposit | null;
  /** All that left the ledger for job sets, in wei. */
  committedWei: bigint;
  /** All that each account has ever taken out of the ledger. */
  withdrawn: Map<Address, bigint>;
  /** Sets that the contract has not settled yet, by block. */
  sets: Map<Hex, JobSet>;
  /** The newest root; until it is posted there is no other. */
  computed: BalanceRoot | null;
  /** The newest root that the contract has. */
  posted: BalanceRoot | null;
}

/** Every account's entitlement that is not zero. One pass over all balances: for an epoch, not for a batch. */
export function entitlementsOf(state: MarketState): Map<Address, bigint> {
  const found = new Map<Address, bigint>();
  const add = (account: Address, wei: bigint) => {
    if (wei !== 0n) found.set(account, (found.get(account) ?? 0n) + wei);
  };
  for (const [account, wei] of state.balances) {
    if (wei === 0n) continue;
    if (account.startsWith('account:')) add(account.slice(8) as Address, wei);
    else if (account.startsWith('bond:')) add(account.slice(5) as Address, wei);
    else if (account.startsWith('escrow:')) add(state.blocks.get(account.slice(7) as Hex)!.request.requester, wei);
  }
  for (const [account, wei] of state.settlement?.withdrawn ?? []) add(account, wei);
  for (const { items, setRoot } of state.settlement?.sets.values() ?? []) {
    if (setRoot === null) for (const { payee, amountWei } of items) add(payee, BigInt(amountWei));
  }
  return found;
}

/**
 * What the contract may pay an account by now, over all time: what it has taken out of the ledger, as far as the newest
 * root that the contract has promises it. Money that moved later leaves after the next root, so that the coordinator
 * may vanish at any moment and everybody else's money is still there.
 */
export function voucherWei({ withdrawn, posted }: Settlement, account: Address): bigint {
  const takenWei = withdrawn.get(account) ?? 0n;
  const promisedWei = posted ? entitlementOf(posted.entitlements, account) : 0n;
  return takenWei < promisedWei ? takenWei : promisedWei;
}

/** When the next root is due; null while the newest waits to be posted. */
export function nextRootAtMs({ terms, attachedAtMs, computed, posted }: Settlement): number | null {
  if (computed?.epoch !== posted?.epoch) return null;
  return (computed?.computedAtMs ?? attachedAtMs) + terms.epochMs;
}

/** The account that keeps what a block's provers are paid on chain until the block ends. */
export function setAccount(blockId: Hex): string {
  return `set:${blockId}`;
}

/** The leaves of a set's tree: its items in their order. */
export function jobSetLeaves(set: JobSet, { verificationKey }: Pick<Circuit, 'verificationKey'>): SumNode[] {
  const keyHash = verificationKeyHash(verificationKey as unknown as Groth16VerificationKey);
  return set.items.map(({ signalsHash, payee, amountWei }, index) =>
    jobSetLeaf({ index, verificationKeyHash: keyHash, signalsHash, payee, amountWei: BigInt(amountWei) }),
  );
}
