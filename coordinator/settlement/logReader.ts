/** Reads a contract's events in ranges of blocks that shrink when a provider refuses them, and grow again when it does not. */
import { getAbiItem, type PublicClient } from 'viem';
import type { ChainDeposit } from '#protocol/chainEntries.js';
import type { Address, Hex } from '#protocol/units.js';
import { isRangeRefusal, isRateLimit, messageOf, ProviderRefusalError } from './chainErrors.js';
import { SETTLEMENT_ABI } from './contracts/settlementAbi.js';

/** Blocks that a provider is asked for at once, at first and at most. */
export const RANGE_BLOCKS_FIRST = 2_000;
export const RANGE_BLOCKS_MAX = 10_000;

/** Ranges that must be answered after one that was not, before wider ones are tried again. */
const ANSWERS_BEFORE_WIDER = 16;

/** A deposit as the contract tells of it. */
export interface FoundDeposit extends ChainDeposit {
  account: Address;
  amountWei: bigint;
}

const DEPOSITED = getAbiItem({ abi: SETTLEMENT_ABI, name: 'Deposited' });

export class LogReader {
  #rangeBlocks = RANGE_BLOCKS_FIRST;
  #answersBeforeWider = 0;

  /**
   * Deposits from a block on, in the order of the chain.
   * @returns them, and the last block that was looked at: `until` or an earlier one
   * @throws ProviderRefusalError when not even one block is shown
   */
  async deposits(
    client: PublicClient,
    contract: Address,
    from: number,
    until: number,
  ): Promise<{ deposits: FoundDeposit[]; to: number }> {
    const { found, to } = await this.#shrinking(from, until, async (to) => {
      const range = { fromBlock: BigInt(from), toBlock: BigInt(to) };
      return client.getLogs({ address: contract, event: DEPOSITED, ...range, strict: true });
    });
    const deposits = found.map(({ args, blockNumber, blockHash, logIndex, transactionHash }) => ({
      account: args.account.toLowerCase() as Address,
      amountWei: args.amountWei,
      startWei: args.startWei.toString(),
      blockNumber: Number(blockNumber),
      blockHash: blockHash as Hex,
      logIndex: Number(logIndex),
      transactionHash: transactionHash as Hex,
    }));
    return { deposits: deposits.sort((one, other) => comparePlaces(one, other)), to };
  }

  /**
   * The newest block with something to be found, and the transaction that did it; null when there is none.
   * @param find - asks for the events of a range of blocks, both ends included
   */
  async newest(
    from: number,
    until: number,
    find: (fromBlock: bigint, toBlock: bigint) => Promise<{ blockNumber: bigint; transactionHash: Hex }[]>,
  ): Promise<{ blockNumber: number; transactionHash: Hex } | null> {
    for (let left = until - from + 1; left > 0; ) {
      const last = BigInt(from + left - 1);
      // Counted from the newest block backwards.
      const { found, to: blocks } = await this.#shrinking(1, left, (count) => find(last - BigInt(count) + 1n, last));
      const one = found.at(-1);
      if (one) return { transactionHash: one.transactionHash, blockNumber: Number(one.blockNumber) };
      left -= blocks;
    }
    return null;
  }

  #widen(): void {
    if (this.#answersBeforeWider > 0) this.#answersBeforeWider -= 1;
    else this.#rangeBlocks = Math.min(RANGE_BLOCKS_MAX, this.#rangeBlocks * 2);
  }

  #narrow(askedBlocks: number): void {
    this.#rangeBlocks = Math.max(1, Math.floor(askedBlocks / 2));
    this.#answersBeforeWider = ANSWERS_BEFORE_WIDER;
  }

  /** Asks for as many blocks as are answered, from `from` on and up to `until` at most. */
  async #shrinking<Found>(
    from: number,
    until: number,
    ask: (to: number) => Promise<Found>,
  ): Promise<{ found: Found; to: number }> {
    for (;;) {
      const to = Math.min(until, from + this.#rangeBlocks - 1);
      try {
        const found = await ask(to);
        if (to - from + 1 === this.#rangeBlocks) this.#widen();
        return { found, to };
      } catch (error) {
        // What hangs, breaks off or fails may do so for the size of the answer: the next attempt asks for less.
        if (!isRateLimit(error)) this.#narrow(to - from + 1);
        if (!isRangeRefusal(error)) throw error;
        if (to === from) throw new ProviderRefusalError(`it refuses eth_getLogs of one block: ${messageOf(error)}`);
      }
    }
  }
}

function comparePlaces(one: FoundDeposit, other: FoundDeposit): number {
  return one.blockNumber - other.blockNumber || one.logIndex - other.logIndex;
}
