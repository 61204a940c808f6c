/** What the coordinator pays for gas: what the chain asks for now, more when a transaction waits, and never more than allowed. */

/** Fees of a transaction, in wei for each unit of gas. */
export interface GasFees {
  maxFeePerGasWei: bigint;
  /** What of it goes to whoever mines it, whatever the block's own fee. */
  priorityFeeWei: bigint;
}

/** The most that is paid for gas unless told otherwise: 500 gwei, far above an ordinary day's price. */
export const MAX_FEE_WEI = 500n * 10n ** 9n;

/** Nodes take a replacement when both its fees are at least a tenth higher. */
const RAISE_PERCENT = 125n;

/** What waits for a reason that money does not cure must not pay more and more for it: times what others pay now. */
const PRIORITY_TIMES_MAX = 10n;

/** What it may rise to in any case: on some chains nobody pays for priority, and a replacement needs something. */
const PRIORITY_WEI = 10n ** 9n;

/** Fees of a new transaction; null while the chain asks for more than is allowed. */
export function firstFees(now: GasFees, allowedWei: bigint): GasFees | null {
  return now.maxFeePerGasWei <= allowedWei ? now : null;
}

/** Fees of what takes the place of a transaction that waits; null when it pays as much as it may already. */
export function raisedFees(sent: GasFees, now: GasFees, allowedWei: bigint): GasFees | null {
  const priorityFeeWei = raised(sent.priorityFeeWei, now.priorityFeeWei);
  const maxFeePerGasWei = raised(sent.maxFeePerGasWei, now.maxFeePerGasWei);
  const othersWei = now.priorityFeeWei * PRIORITY_TIMES_MAX;
  const isTooDear = maxFeePerGasWei > allowedWei || priorityFeeWei > maxFeePerGasWei;
  return isTooDear || priorityFeeWei > (othersWei > PRIORITY_WEI ? othersWei : PRIORITY_WEI)
    ? null
    : { maxFeePerGasWei, priorityFeeWei };
}

function raised(sentWei: bigint, nowWei: bigint): bigint {
  const leastWei = (sentWei * RAISE_PERCENT) / 100n + 1n;
  return nowWei > leastWei ? nowWei : leastWei;
}
