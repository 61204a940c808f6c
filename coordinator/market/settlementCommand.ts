/** The commands of a market whose money is on a chain. All but withdrawals come from the coordinator's look at the chain. */
import type { ChainDeposit, ChainTerms } from '#protocol/chainEntries.js';
import type { Withdrawal } from '#protocol/messages.js';
import type { Address, Hex } from '#protocol/units.js';
import type { PreparedRoot } from './balanceRoot.js';

export type SettlementCommand =
  | { kind: 'attachChain'; terms: ChainTerms }
  /** A deposit that has its confirmations. */
  | { kind: 'creditDeposit'; account: Address; amountWei: bigint; deposit: ChainDeposit }
  | { kind: 'requestWithdrawal'; message: Withdrawal; signature: Hex; digest: Hex }
  /** With a tree that was made beside the writer, if there is one. */
  | { kind: 'computeBalanceRoot'; prepared?: PreparedRoot }
  /** The contract has had the root of this epoch for as long as the market waits. */
  | { kind: 'notePostedRoot'; epoch: number; transactionHash: Hex; blockNumber: number }
  | { kind: 'commitJobSet'; setId: Hex }
  /** The contract has credited all items of the set, and as long ago. */
  | { kind: 'noteSettledSet'; setId: Hex; transactionHash: Hex; blockNumber: number };
