import type { Entry } from '#protocol/entries.js';
import type { Messages, MessageType } from '#protocol/messages.js';
import type { Hex } from '#protocol/units.js';
import type { Command } from './command.js';

type DigestOf = <Type extends MessageType>(type: Type, message: Messages[Type]) => Hex;

/** The command behind an entry of the chain; null for any other entry. */
export function settlementCommandOf(entry: Entry, digestOf: DigestOf): Command | null {
  switch (entry.type) {
    case 'chainAttached': {
      const { type: _type, atMs: _atMs, ...terms } = entry;
      return { kind: 'attachChain', terms };
    }
    case 'deposited': {
      const { account, amountWei, source, reference, chain } = entry;
      if (chain) return { kind: 'creditDeposit', account, amountWei: BigInt(amountWei), deposit: chain };
      if (source === 'chain') throw new Error('a deposit from the chain must say where it stands there');
      return { kind: 'deposit', account, amountWei: BigInt(amountWei), source, reference };
    }
    case 'withdrawalRequested': {
      const { message, signature } = entry;
      return { kind: 'requestWithdrawal', message, signature, digest: digestOf('Withdrawal', message) };
    }
    case 'balanceRootComputed':
      return { kind: 'computeBalanceRoot' };
    case 'rootPosted': {
      const { epoch, transactionHash, blockNumber } = entry;
      return { kind: 'notePostedRoot', epoch, transactionHash, blockNumber };
    }
    case 'jobSetCommitted':
      return { kind: 'commitJobSet', setId: entry.setId };
    case 'jobSetSettled': {
      const { setId, transactionHash, blockNumber } = entry;
      return { kind: 'noteSettledSet', setId, transactionHash, blockNumber };
    }
    default:
      return null;
  }
}
