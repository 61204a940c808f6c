/** How a market stands with its chain, for whoever watches over it: what an alarm needs, and nothing of anybody's. */
import type { Pool } from 'pg';
import type { Settlement } from '#market/settlement.js';
import type { ChainStatus } from './settlementService.js';

/** A Prometheus gauge: its name, what it says, and its value. */
export type Gauge = readonly [name: string, help: string, value: number | bigint];

/** Transactions that were sent and are not done with. */
export async function countPending(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ count: string }>('SELECT count(*) FROM chain_transactions');
  return Number(rows[0]!.count);
}

/**
 * The gauges of a market with a chain. Pure.
 *
 * @param status - the service's; null in a coordinator that was started without the chain
 * @param pendingTransactions - see {@link countPending}
 */
export function chainGauges(
  { terms, attachedAtMs, sets, computed, posted }: Settlement,
  status: ChainStatus | null,
  pendingTransactions: number,
  nowMs: number,
): Gauge[] {
  const ageSec = (sinceMs: number) => Math.max(0, Math.floor((nowMs - sinceMs) / 1_000));
  let unsettledWei = 0n;
  for (const { items } of sets.values()) for (const { amountWei } of items) unsettledWei += BigInt(amountWei);
  const isFailing = status === null || status.failure !== null;
  return [
    [
      'chain_halted',
      'Whether crediting and vouchers stand still: the chain contradicts the ledger.',
      flag(status?.haltedReason),
    ],
    ['chain_failing', 'Whether the newest look at the chain failed, or none is taken.', Number(isFailing)],
    ['chain_look_age_seconds', 'Since the last look that succeeded.', ageSec(status?.lookedAtMs ?? attachedAtMs)],
    ['chain_head_block', 'The newest block that was seen.', Math.max(0, status?.headBlock ?? 0)],
    ['chain_final_block', 'The newest block with its confirmations.', Math.max(0, status?.finalBlock ?? 0)],
    ['chain_pending_transactions', 'Transactions that were sent and are not done with.', pendingTransactions],
    ['chain_unsettled_wei', 'What zkProofs have earned that the contract has not credited yet, in wei.', unsettledWei],
    ['chain_open_sets', 'Job sets that the contract has not settled yet.', sets.size],
    ['chain_root_epoch', 'Epoch of the newest root that the contract has for good.', posted?.epoch ?? 0],
    ['chain_root_waits', 'Whether a computed root waits to be posted.', Number(computed?.epoch !== posted?.epoch)],
    [
      'chain_root_age_seconds',
      'Since the newest root that the contract has was computed; since the market was bound before the first.',
      ageSec(posted?.computedAtMs ?? attachedAtMs),
    ],
    ['chain_exit_delay_seconds', 'Without a root for so long, exit begins and never ends.', terms.exitDelaySec],
  ];
}

function flag(reason: string | null | undefined): number {
  return reason === null || reason === undefined ? 0 : 1;
}
