import type { EntryOf } from '#protocol/entries.js';
import type { Posting } from '#protocol/ledger.js';
import type { Address } from '#protocol/units.js';

/**
 * What postings bring a prover, in wei: below zero when it loses. Money that goes from its own account into its own bond
 * or back is neither, and what is brought in from outside is not earned. Summed over a log it is what the ledger shows.
 */
export function moneyMoved(postings: readonly Posting[], prover: Address): bigint {
  const own = [`account:${prover}`, `bond:${prover}`];
  let sumWei = 0n;
  for (const { from, to, amountWei } of postings) {
    if (from === 'outside' || to === 'outside') continue;
    if (own.includes(to)) sumWei += BigInt(amountWei);
    if (own.includes(from)) sumWei -= BigInt(amountWei);
  }
  return sumWei;
}

/** True when postings touch a prover's money at all, its bond included. */
export function touchesMoney(postings: readonly Posting[], prover: Address): boolean {
  const own = [`account:${prover}`, `bond:${prover}`];
  return postings.some(({ from, to }) => own.includes(from) || own.includes(to));
}

/**
 * What a block that is settled on chain brings a prover, job by job, in wei: the contract pays it, so that no posting goes
 * to the prover's account.
 */
export function earnedOnChain(
  { items }: EntryOf<'jobSetCommitted'>,
  prover: Address,
): { jobId: string; amountWei: bigint }[] {
  return items
    .filter(({ payee }) => payee === prover)
    .map(({ jobId, amountWei }) => ({ jobId, amountWei: BigInt(amountWei) }));
}
