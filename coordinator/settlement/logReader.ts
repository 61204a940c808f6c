/** Reads a contract's events in ranges of blocks that shrink when a provider refuses them, and grow again when it does not. */
import { getAbiItem, type PublicClient } from 'viem';
import type { ChainDeposit } from '#protocol/chainEntries.js';
import type { Address, Hex } from '#protocol/units.js';
import { isRangeRefusal } from './chainErrors.js';
import { SETTLEMENT_ABI } from './contracts/settlementAbi.js';

/** Blocks that a provider is asked for at once, at first and at most. */
export const RANGE_BLOCKS_FIRST = 2_000;
export const RANGE_BLOCKS_MAX = 10_000;

/** A deposit as the contract tells of it. */
export interface FoundDeposit extends ChainDeposit {
  account: Address;
  amountWei: bigint;
}

const DEPOSITED = getAbiItem({ abi: SETTLEMENT_ABI, name: 'Deposited' });

export class LogReader {
  #rangeBlocks = RANGE_BLOCKS_FIRST;

  /**
   * Deposits from a block on, in the order of the chain.
   * @returns them, and the last block that was looked at: `until` or an earlier one
   */
  async deposits(
    client: PublicClient,
    contract: Address,
    from: number,
    until: number,
  ): Promise<{ deposits: FoundDeposit[]; to: number }> {
    for (;;) {
      const to = Math.min(until, from + this.#rangeBlocks - 1);
      try {
        const logs = await client.getLogs({
          address: contract,
          event: DEPOSITED,
          fromBlock: BigInt(from),
          toBlock: BigInt(to),
          strict: true,
        });
        this.#rangeBlocks = Math.min(RANGE_BLOCKS_MAX, this.#rangeBlocks * 2);
        const deposits = logs.map(({ args, blockNumber, blockHash, logIndex, transactionHash }) => ({
          account: args.account.toLowerCase() as Address,
          amountWei: args.amountWei,
          startWei: args.startWei.toString(),
          blockNumber: Number(blockNumber),
          blockHash: blockHash as Hex,
          logIndex: Number(logIndex),
          transactionHash: transactionHash as Hex,
        }));
        return { deposits: deposits.sort((one, other) => comparePlaces(one, other)), to };
      } catch (error) {
        if (!isRangeRefusal(error) || to === from) throw error;
        this.#rangeBlocks = Math.max(1, Math.floor((to - from + 1) / 2));
      }
    }
  }
}

function comparePlaces(one: FoundDeposit, other: FoundDeposit): number {
  return one.blockNumber - other.blockNumber || one.logIndex - other.logIndex;
}
