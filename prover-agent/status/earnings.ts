import type { Posting } from '#protocol/ledger.js';
import type { Address } from '#protocol/units.js';

/** A movement of money as the market lists it. */
export interface DatedPosting extends Posting {
  entryIndex: number;
  sequence: number;
  atMs: number;
}

/** What a movement is to a prover. `bond` moves its own money between its account and its bond, which earns nothing. */
export const EARNING_KINDS = [
  'price',
  'standbyFee',
  'lateShare',
  'rescue',
  'slashed',
  'forfeited',
  'bond',
  'deposit',
  'asRequester',
] as const;
export type EarningKind = (typeof EARNING_KINDS)[number];

/** The kinds that are earned or lost by proving. */
const EARNED: readonly EarningKind[] = ['price', 'standbyFee', 'lateShare', 'rescue', 'slashed', 'forfeited'];

/** One movement seen from a prover's side; amounts in wei, below zero when money goes. */
export interface EarningLine {
  posting: DatedPosting;
  kind: EarningKind;
  freeWei: bigint;
  bondWei: bigint;
  earnedWei: bigint;
  /** The other ledger account; null for its own money. */
  counterparty: string | null;
}

/** Sums in wei. */
export interface Earnings {
  byKind: Record<EarningKind, { count: number; wei: bigint }>;
  earnedWei: bigint;
  freeWei: bigint;
  bondedWei: bigint;
}

/** Sees a movement from a prover's side. */
export function earningLine(posting: DatedPosting, prover: Address): EarningLine {
  const [account, bond] = [`account:${prover}`, `bond:${prover}`];
  const amountWei = BigInt(posting.amountWei);
  const change = (ledger: string) =>
    (posting.to === ledger ? amountWei : 0n) - (posting.from === ledger ? amountWei : 0n);
  const [freeWei, bondWei] = [change(account), change(bond)];
  const other = [posting.from, posting.to].find((ledger) => ledger !== account && ledger !== bond) ?? null;
  const kind = kindOf(posting, freeWei + bondWei, other);
  return {
    ...{ posting, kind, freeWei, bondWei, counterparty: other },
    earnedWei: EARNED.includes(kind) ? freeWei + bondWei : 0n,
  };
}

function kindOf({ why }: DatedPosting, changeWei: bigint, other: string | null): EarningKind {
  if (other === null) return 'bond';
  if (other === 'outside') return 'deposit';
  if (why === 'escrow' || why === 'refund') return 'asRequester';
  if (changeWei < 0n) return why === 'bidForfeited' ? 'forfeited' : 'slashed';
  if (why === 'price' || why === 'standbyFee' || why === 'lateShare') return why;
  // What others' bonds pay to whoever steps in; what they pay to a requester is not earned by proving.
  return why === 'cover' || why === 'slashToRescuer' ? 'rescue' : 'asRequester';
}

/** Adds lines up. */
export function sumEarnings(lines: Iterable<EarningLine>): Earnings {
  const none = () => ({ count: 0, wei: 0n });
  const byKind = Object.fromEntries(EARNING_KINDS.map((kind) => [kind, none()])) as Earnings['byKind'];
  const sums: Earnings = { byKind, earnedWei: 0n, freeWei: 0n, bondedWei: 0n };
  for (const { kind, freeWei, bondWei, earnedWei } of lines) {
    byKind[kind].count += 1;
    // Of the money in bonds the sum is what is locked now: what goes in less what comes back.
    byKind[kind].wei += kind === 'bond' ? bondWei : freeWei + bondWei;
    sums.earnedWei += earnedWei;
    sums.freeWei += freeWei;
    sums.bondedWei += bondWei;
  }
  return sums;
}
