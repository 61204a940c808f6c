/** What entries of the chain change: the part of `evolve` for {@link Settlement}. */
import type { ChainDeposit } from '#protocol/chainEntries.js';
import type { EntryOf } from '#protocol/entries.js';
import { signalsHash } from '#protocol/jobSet.js';
import type { Posting } from '#protocol/ledger.js';
import type { Address, Hex } from '#protocol/units.js';
import { currentEntitlements } from './balanceRoot.js';
import { type JobSet, type Settlement, setAccount } from './settlement.js';
import type { Job, MarketState } from './state.js';

/** Entries that only a market with a chain has. */
export type ChainEntryType =
  | 'chainAttached'
  | 'withdrawalRequested'
  | 'balanceRootComputed'
  | 'rootPosted'
  | 'jobSetCommitted'
  | 'jobSetSettled';

function settlementOf(state: MarketState): Settlement {
  if (!state.settlement) throw new Error('an entry of the chain in a market without one');
  return state.settlement;
}

export const SETTLEMENT_EVOLVERS: {
  [Type in ChainEntryType]: (state: MarketState, entry: EntryOf<Type>) => void;
} = {
  chainAttached: (state, { type: _type, atMs, ...terms }) => {
    state.settlement = {
      terms,
      attachedAtMs: atMs,
      depositedWei: 0n,
      newestDeposit: null,
      committedWei: 0n,
      withdrawn: new Map(),
      sets: new Map(),
      computed: null,
      posted: null,
    };
  },
  withdrawalRequested: (state, { message: { account, cumulativeWei } }) => {
    settlementOf(state).withdrawn.set(account, BigInt(cumulativeWei));
  },
  balanceRootComputed: (state, { epoch, balanceRoot, sumWei, creditedWei, atMs }) => {
    settlementOf(state).computed = {
      epoch,
      balanceRoot,
      sumWei: BigInt(sumWei),
      creditedWei: BigInt(creditedWei),
      treeSize: state.size + 1,
      computedAtMs: atMs,
      entitlements: currentEntitlements(state),
    };
  },
  rootPosted: (state) => {
    const settlement = settlementOf(state);
    settlement.posted = settlement.computed;
  },
  jobSetCommitted: (state, { setId, setRoot, totalWei }) => {
    const settlement = settlementOf(state);
    Object.assign(settlement.sets.get(setId)!, { setRoot, treeSize: state.size + 1 });
    settlement.committedWei += BigInt(totalWei);
    state.balances.delete(setAccount(setId));
  },
  jobSetSettled: (state, { setId }) => {
    settlementOf(state).sets.delete(setId);
  },
};

/** A deposit has come in from the chain. */
export function foldChainDeposit(state: MarketState, deposit: ChainDeposit, amountWei: string): void {
  const settlement = settlementOf(state);
  settlement.depositedWei += BigInt(amountWei);
  settlement.newestDeposit = deposit;
}

/** A zkProof of a block that is paid on chain becomes an item of its set. */
export function foldSetItem(state: MarketState, job: Job, payee: Address, postings: Posting[]): void {
  const { sets } = state.settlement ?? {};
  const paid = postings.find(({ to }) => to === setAccount(job.blockId));
  if (!sets || !paid) return;
  const { blockId, circuitId, jobId } = job;
  const begun = { completedAtMs: null, setRoot: null, treeSize: null };
  const set: JobSet = sets.get(blockId) ?? { setId: blockId, circuitId, items: [], ...begun };
  set.items.push({ jobId, payee, amountWei: paid.amountWei, signalsHash: signalsHash(job.publicSignals) });
  sets.set(blockId, set);
}

/** With its block a set is complete. */
export function foldSetBlock(state: MarketState, blockId: Hex, atMs: number): void {
  const set = state.settlement?.sets.get(blockId);
  if (set) set.completedAtMs = atMs;
}
