/**
 * The market's dealings with its chain: looks at it every few seconds, credits deposits, tells the contract what the log
 * says, and signs vouchers. Whatever fails is tried again at the next look; nothing is lost by it, because all that is to
 * be done follows from the log.
 */
import type { Pool } from 'pg';
import type { PrivateKeyAccount } from 'viem';
import type { Journal } from '#journal/journalPort.js';
import { voucherWei } from '#market/settlement.js';
import type { Address, Hex } from '#protocol/units.js';
import { voucherTypedData } from '#protocol/voucher.js';
import type { ChainClient } from './chainClient.js';
import { messageOf } from './chainErrors.js';
import { DepositWatcher, type WatchedChain } from './depositWatcher.js';
import { taskSource } from './taskSource.js';
import { TransactionSender } from './transactionSender.js';

export interface SettlementServiceOptions {
  pool: Pool;
  journal: Pick<Journal, 'execute' | 'state'>;
  chain: Pick<ChainClient, 'use'>;
  key: PrivateKeyAccount;
  /** The most that is paid for a unit of gas, in wei; 500 gwei unless told. */
  maxFeePerGasWei?: bigint;
  nowMs: () => number;
  log: { info(fields: object, message: string): void; error(fields: object, message: string): void };
}

/** How the market stands with its chain. */
export interface ChainStatus extends WatchedChain {
  /** The last look at the chain that succeeded; null before the first. */
  lookedAtMs: number | null;
  /** Why the newest look failed; null when it did not. */
  failure: string | null;
}

/** A voucher of the coordinator: the contract pays the account up to this sum over all time. */
export interface Voucher {
  account: Address;
  cumulativeWei: bigint;
  signature: Hex;
}

export interface SettlementService {
  status(): ChainStatus;
  /** Looks and sends once; one look at a time. Never throws: what failed is in the status and in the log. */
  look(): Promise<void>;
  /** The voucher for what an account may be paid by now; null while vouchers are not given. */
  voucher(account: Address): Promise<Voucher | null>;
  stop(): Promise<void>;
}

/**
 * @param pollMs - between two looks at the chain; 0 looks only when it is told to
 */
export function startSettlement(options: SettlementServiceOptions, pollMs: number): SettlementService {
  const { journal, key, log, nowMs } = options;
  const watcher = new DepositWatcher(options);
  const source = taskSource(options);
  const sender = new TransactionSender({ ...options, source });
  let status: ChainStatus = { headBlock: 0, finalBlock: 0, haltedReason: null, lookedAtMs: null, failure: null };
  const lookOnce = async () => {
    try {
      const seen = await watcher.look();
      status = { ...seen, lookedAtMs: nowMs(), failure: null };
      if (seen.haltedReason === null && seen.finalBlock >= 0) await sender.step(seen.finalBlock);
    } catch (error) {
      const failure = messageOf(error);
      if (failure !== status.failure)
        log.error({ reason: failure }, 'the chain could not be followed, and is asked again');
      status = { ...status, failure };
    }
  };
  let looking: Promise<void> | null = null;
  const look = () => {
    looking ??= lookOnce().finally(() => {
      looking = null;
    });
    return looking;
  };
  const timer = pollMs > 0 ? setInterval(() => void look(), pollMs) : null;
  if (timer) void look();
  return {
    status: () => status,
    look,
    voucher: async (account) => {
      const { settlement } = journal.state();
      if (!settlement || status.haltedReason !== null || status.lookedAtMs === null) return null;
      const voucher = { account, cumulativeWei: voucherWei(settlement, account) };
      const signature = await key.signTypedData(voucherTypedData(settlement.terms, voucher));
      return { ...voucher, signature };
    },
    stop: async () => {
      if (timer) clearInterval(timer);
      await looking;
    },
  };
}
