/**
 * Follows the contract's deposits and credits those that have their confirmations. A reorganisation of fewer blocks
 * undoes nothing, because nothing was credited. One of more blocks is found by the hash of the block that was last
 * believed: then crediting stops until the chain has every credited deposit again, as it was.
 *
 * Two coordinators may watch at once, and the same one may look at a range twice: a deposit's place on the contract's
 * line of all deposits makes the second time do nothing, and shows when a provider has left one out.
 */
import type { Pool } from 'pg';
import type { PublicClient } from 'viem';
import type { Journal } from '#journal/journalPort.js';
import type { Settlement } from '#market/settlement.js';
import type { Hex } from '#protocol/units.js';
import type { ChainClient } from './chainClient.js';
import { type ChainCursor, readCursor, writeCursor } from './chainCursor.js';
import { ChainUnavailableError } from './chainErrors.js';
import { SETTLEMENT_ABI } from './contracts/settlementAbi.js';
import { creditedDeposits } from './creditedDeposits.js';
import { type FoundDeposit, LogReader } from './logReader.js';

export interface DepositWatcherOptions {
  pool: Pool;
  journal: Pick<Journal, 'execute' | 'state'>;
  chain: Pick<ChainClient, 'use'>;
  log: { info(fields: object, message: string): void; error(fields: object, message: string): void };
}

/** What a look has shown. */
export interface WatchedChain {
  headBlock: number;
  /** The newest block with its confirmations. */
  finalBlock: number;
  haltedReason: string | null;
}

export class DepositWatcher {
  readonly #options: DepositWatcherOptions;
  readonly #reader = new LogReader();

  constructor(options: DepositWatcherOptions) {
    this.#options = options;
  }

  /** Looks once, as far as the chain is final. Throws ChainUnavailableError when it cannot be read. */
  async look(): Promise<WatchedChain> {
    return this.#options.chain.use((client) => this.#lookThrough(client));
  }

  async #lookThrough(client: PublicClient): Promise<WatchedChain> {
    const { terms } = this.#settlement();
    const headBlock = Number(await client.getBlockNumber({ cacheTime: 0 }));
    const finalBlock = headBlock - terms.confirmations + 1;
    const cursor = await readCursor(this.#options.pool);
    const seen = { headBlock, finalBlock, haltedReason: cursor?.haltedReason ?? null };
    // A provider that lags, or a chain that is being rewritten: another look will tell.
    if (finalBlock < terms.deployBlock || (cursor && finalBlock < cursor.blockNumber)) return seen;
    if (cursor && (cursor.haltedReason !== null || !(await this.#stands(client, cursor)))) {
      return { ...seen, haltedReason: await this.#reconcile(client, cursor, finalBlock) };
    }
    if (cursor?.blockNumber === finalBlock) return seen;
    await this.#follow(client, cursor ? cursor.blockNumber + 1 : this.#firstBlock(), finalBlock);
    return seen;
  }

  /** Whether the block that was last believed is still of this chain. */
  async #stands(client: PublicClient, { blockNumber, blockHash }: ChainCursor): Promise<boolean> {
    return (await hashOf(client, blockNumber)) === blockHash;
  }

  /** Where to begin without a cursor: nothing before the newest credited deposit is missing. */
  #firstBlock(): number {
    const { terms, newestDeposit } = this.#settlement();
    return newestDeposit?.blockNumber ?? terms.deployBlock;
  }

  async #follow(client: PublicClient, first: number, finalBlock: number): Promise<void> {
    const { terms } = this.#settlement();
    for (let from = first; from <= finalBlock; ) {
      const { deposits, to } = await this.#reader.deposits(client, terms.contract, from, finalBlock);
      for (const deposit of deposits) await this.#credit(deposit);
      if (to === finalBlock) await this.#compareTotal(client, finalBlock);
      await writeCursor(this.#options.pool, {
        blockNumber: to,
        blockHash: await hashOf(client, to),
        haltedReason: null,
      });
      from = to + 1;
    }
  }

  async #credit({ account, amountWei, ...deposit }: FoundDeposit): Promise<void> {
    const command = { kind: 'creditDeposit' as const, account, amountWei, deposit };
    const outcome = await this.#options.journal.execute(command, null);
    if (!outcome.ok) await this.#lookBack(outcome.rejection.detail);
    else if (outcome.accepted.entryCount > 0) {
      this.#options.log.info(
        { account, amountWei: amountWei.toString(), block: deposit.blockNumber },
        'a deposit came in',
      );
    }
  }

  /** The contract's own sum, at the very block, says whether the provider has shown all of its deposits. */
  async #compareTotal(client: PublicClient, finalBlock: number): Promise<void> {
    const totalWei = await totalDepositedWei(client, this.#settlement(), finalBlock);
    const { depositedWei } = this.#settlement();
    if (totalWei > depositedWei) await this.#lookBack(`${totalWei} wei were deposited, ${depositedWei} shown`);
  }

  /** Something was left out: the next look begins at the newest deposit that is credited. */
  async #lookBack(detail: string): Promise<never> {
    await this.#options.pool.query('DELETE FROM chain_cursor WHERE halted_reason IS NULL');
    throw new ChainUnavailableError(`a provider has left out deposits and is asked again: ${detail}`);
  }

  /**
   * The chain was rewritten deeper than the market waits. It goes on when all that was credited is there again in the
   * same order; until then nothing is credited, and no voucher is given.
   * @returns why it stands still; null when it goes on
   */
  async #reconcile(client: PublicClient, cursor: ChainCursor, finalBlock: number): Promise<string | null> {
    const { pool, log } = this.#options;
    const flaw = await this.#missingDeposit(client, finalBlock);
    if (flaw !== cursor.haltedReason) {
      const fields = { alarm: 'chainContradictsLedger', reason: flaw, block: finalBlock };
      if (flaw) log.error(fields, 'the chain was rewritten below what is final: crediting stands still');
      else log.info(fields, 'the chain was rewritten and has every credited deposit: going on');
    }
    // What was mined again may stand in any block.
    if (flaw === null) await this.#follow(client, this.#settlement().terms.deployBlock, finalBlock);
    else await writeCursor(pool, { ...cursor, haltedReason: flaw });
    return flaw;
  }

  /** The first credited deposit that the chain does not have as it was; null when it has all of them. */
  async #missingDeposit(client: PublicClient, finalBlock: number): Promise<string | null> {
    const { terms, depositedWei } = this.#settlement();
    const found = new Map<bigint, FoundDeposit>();
    for (let from = terms.deployBlock; from <= finalBlock; ) {
      const { deposits, to } = await this.#reader.deposits(client, terms.contract, from, finalBlock);
      for (const one of deposits) if (BigInt(one.startWei) < depositedWei) found.set(BigInt(one.startWei), one);
      from = to + 1;
    }
    for await (const { account, amountWei, startWei } of creditedDeposits(this.#options.pool)) {
      const now = found.get(startWei);
      if (now?.account === account && now.amountWei === amountWei) continue;
      const words = now ? `is one of ${now.amountWei} wei by ${now.account} now` : 'is gone';
      return `the deposit of ${amountWei} wei by ${account} at ${startWei} on the line of deposits ${words}`;
    }
    return null;
  }

  #settlement(): Settlement {
    const { settlement } = this.#options.journal.state();
    if (!settlement) throw new Error('a watcher of deposits in a market without a chain');
    return settlement;
  }
}

async function hashOf(client: PublicClient, blockNumber: number): Promise<Hex> {
  return (await client.getBlock({ blockNumber: BigInt(blockNumber) })).hash;
}

function totalDepositedWei(client: PublicClient, { terms }: Settlement, blockNumber: number): Promise<bigint> {
  return client.readContract({
    address: terms.contract,
    abi: SETTLEMENT_ABI,
    functionName: 'totalDepositedWei',
    blockNumber: BigInt(blockNumber),
  });
}
