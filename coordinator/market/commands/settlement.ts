/** The rules of a market whose money is on a chain: what comes in, what goes out, and when the contract is told. */
import type { ChainTerms } from '#protocol/chainEntries.js';
import { countOf, packedTreeRoot } from '#protocol/packedBalanceTree.js';
import { reject } from '#protocol/rejections.js';
import { sumTreeRoot } from '#protocol/sumTree.js';
import { currentTree } from '../balanceRoot.js';
import { accept, type CommandOf, type Decision, NOTHING } from '../command.js';
import { jobSetLeaves, nextRootAtMs, setAccount } from '../settlement.js';
import type { SettlementCommand } from '../settlementCommand.js';
import { compactPostings, freeWei, type MarketState, posting } from '../state.js';
import { checkDate } from './register.js';

/** Binds the market to its contract, once and for ever. A market has demo money or a chain, never both. */
function attachChain(state: MarketState, { terms }: CommandOf<'attachChain'>, nowMs: number): Decision {
  if (state.market?.faucet) return reject('chainRefused', 'its money comes from a faucet');
  if (state.market && state.market.chainId !== terms.chainId) {
    return reject('chainRefused', `its messages are signed for chain ${state.market.chainId}`);
  }
  if (!state.settlement) return accept({ type: 'chainAttached', atMs: nowMs, ...terms });
  const known = state.settlement.terms;
  const differing = (Object.keys(known) as (keyof ChainTerms)[]).find((key) => known[key] !== terms[key]);
  return differing ? reject('chainRefused', `its ${differing} is ${known[differing]}`) : NOTHING;
}

/**
 * Credits a deposit that has its confirmations. Its place on the line of all deposits is what makes it idempotent: what
 * ends below the credited sum is known, wherever the chain has it by now, and a leap shows that one is missing.
 */
function creditDeposit(state: MarketState, command: CommandOf<'creditDeposit'>, nowMs: number): Decision {
  const { settlement } = state;
  const { account, amountWei, deposit } = command;
  if (!settlement) return reject('noChain');
  const startWei = BigInt(deposit.startWei);
  if (startWei + amountWei <= settlement.depositedWei) return NOTHING;
  if (startWei !== settlement.depositedWei) {
    return reject('depositGap', `credited are ${settlement.depositedWei} wei, this one begins at ${startWei}`);
  }
  return accept({
    type: 'deposited',
    atMs: nowMs,
    account,
    amountWei: amountWei.toString(),
    source: 'chain',
    reference: `${deposit.blockNumber}/${deposit.logIndex}`,
    chain: deposit,
    postings: [posting('outside', `account:${account}`, amountWei, 'deposit')],
  });
}

/** Takes an account's free money out of the ledger, up to the sum over all time that it has signed. */
function requestWithdrawal(state: MarketState, command: CommandOf<'requestWithdrawal'>, nowMs: number): Decision {
  const { message, signature, digest } = command;
  const { account } = message;
  if (!state.settlement) return reject('noChain');
  const stale = checkDate(message.issuedAtMs, nowMs);
  if (stale) return stale;
  const takenWei = state.settlement.withdrawn.get(account) ?? 0n;
  const amountWei = BigInt(message.cumulativeWei) - takenWei;
  if (amountWei <= 0n) return reject('alreadyWithdrawn', `${takenWei} wei are`);
  const heldWei = freeWei(state, account);
  if (heldWei < amountWei) return reject('insufficientFunds', `needs ${amountWei} wei, has ${heldWei}`);
  return accept({
    type: 'withdrawalRequested',
    atMs: nowMs,
    withdrawalId: digest,
    message,
    signature,
    postings: [posting(`account:${account}`, 'outside', amountWei, 'withdrawal')],
  });
}

/**
 * Computes the epoch's root over all entitlements, when it is due and the one before has been posted. With a prepared tree
 * that does not fit any more it does nothing.
 */
function computeBalanceRoot(
  state: MarketState,
  { prepared }: CommandOf<'computeBalanceRoot'>,
  nowMs: number,
): Decision {
  const { settlement } = state;
  const dueMs = settlement && nextRootAtMs(settlement);
  if (!settlement || dueMs === null || nowMs < dueMs!) return NOTHING;
  const tree = currentTree(state, prepared);
  if (!tree) return NOTHING;
  const { hash: balanceRoot, sumWei } = packedTreeRoot(tree);
  const owedWei = settlement.depositedWei - settlement.committedWei;
  if (sumWei !== owedWei) throw new Error(`accounts are entitled to ${sumWei} wei, the contract owes ${owedWei}`);
  return accept({
    type: 'balanceRootComputed',
    atMs: nowMs,
    epoch: (settlement.computed?.epoch ?? 0) + 1,
    balanceRoot,
    sumWei: sumWei.toString(),
    creditedWei: settlement.depositedWei.toString(),
    accounts: countOf(tree.entitlements),
  });
}

function notePostedRoot({ settlement }: MarketState, command: CommandOf<'notePostedRoot'>, nowMs: number): Decision {
  const { epoch, transactionHash, blockNumber } = command;
  if (settlement?.computed?.epoch !== epoch || settlement.posted?.epoch === epoch) return NOTHING;
  return accept({ type: 'rootPosted', atMs: nowMs, epoch, transactionHash, blockNumber });
}

/** Hands what a block's provers are paid on chain over to the contract, once the block has ended. */
function commitJobSet(state: MarketState, { setId }: CommandOf<'commitJobSet'>, nowMs: number): Decision {
  const set = state.settlement?.sets.get(setId);
  if (!set || set.completedAtMs === null || set.setRoot !== null) return NOTHING;
  const items = set.items.map(({ jobId, payee, amountWei }) => ({ jobId, payee, amountWei }));
  const { hash: setRoot, sumWei: totalWei } = sumTreeRoot(jobSetLeaves(set, state.circuits.get(set.circuitId)!));
  return accept({
    type: 'jobSetCommitted',
    atMs: nowMs,
    setId,
    setRoot,
    totalWei: totalWei.toString(),
    items,
    postings: compactPostings([posting(setAccount(setId), 'outside', totalWei, 'jobSet')]),
  });
}

function noteSettledSet({ settlement }: MarketState, command: CommandOf<'noteSettledSet'>, nowMs: number): Decision {
  const { setId, transactionHash, blockNumber } = command;
  if (!settlement?.sets.get(setId)?.setRoot) return NOTHING;
  return accept({ type: 'jobSetSettled', atMs: nowMs, setId, transactionHash, blockNumber });
}

/** What `decide` knows of the chain. */
export const SETTLEMENT_DECIDERS: {
  [Kind in SettlementCommand['kind']]: (state: MarketState, command: CommandOf<Kind>, nowMs: number) => Decision;
} = {
  attachChain,
  creditDeposit,
  requestWithdrawal,
  computeBalanceRoot,
  notePostedRoot,
  commitJobSet,
  noteSettledSet,
};
