import { type Client, RejectedError } from '#protocol/client.js';
import type { EntryOf } from '#protocol/entries.js';
import type { Address } from '#protocol/units.js';
import type { AccountView } from '#protocol/views.js';
import { type DatedPosting, type EarningLine, type Earnings, earningLine, sumEarnings } from '../status/earnings.js';
import { earnedOnChain } from '../status/moneyMoved.js';

/** Readings of an account that moves while it is read, until one is whole. */
const READINGS_MAX = 5;
/** Most entries that are asked for at once. */
const ENTRIES_AT_ONCE = 500;
/** Most job sets that are asked for at once: each may hold the jobs of a large block. */
const SETS_AT_ONCE = 20;

/** A prover's money as the market lists it: every movement, oldest first, and the account that they sum up to. */
export interface Ledger {
  account: AccountView;
  lines: EarningLine[];
  sums: Earnings;
  /** Wei by which the movements miss what the account shows; anything but zero is the market's fault. */
  missingWei: bigint;
}

/** Reads all movements of an account and holds their sum against it. Throws like the client. */
export async function readLedger(client: Client, address: Address): Promise<Ledger> {
  for (let reading = 1; ; reading += 1) {
    const params = { address };
    const before = await client.call('getAccount', { params });
    const postings = await allPostings(client, address);
    const account = await client.call('getAccount', { params });
    const lines = postings.map((posting) => earningLine(posting, address));
    const sums = sumEarnings(lines);
    const off = (BigInt(account.freeWei) - sums.freeWei) ** 2n + (BigInt(account.bondedWei) - sums.bondedWei) ** 2n;
    const isStill = before.freeWei === account.freeWei && before.bondedWei === account.bondedWei;
    if (off === 0n || isStill || reading === READINGS_MAX) {
      const shownWei = BigInt(account.freeWei) + BigInt(account.bondedWei);
      return { account, lines, sums, missingWei: off === 0n ? 0n : shownWei - sums.freeWei - sums.bondedWei || off };
    }
  }
}

async function allPostings(client: Client, address: Address): Promise<DatedPosting[]> {
  const found: DatedPosting[] = [];
  for (let before: number | undefined; ; ) {
    const query = before === undefined ? {} : { before };
    const { postings } = await client.call('listPostings', { params: { address }, query });
    if (postings.length === 0) break;
    found.push(...postings);
    before = postings.at(-1)!.entryIndex;
  }
  return found.toSorted((a, b) => a.entryIndex - b.entryIndex || a.sequence - b.sequence);
}

/** What the contract owes a prover for a job: the ledger has no movement of it. */
export interface ChainEarning {
  jobId: string;
  amountWei: bigint;
  atMs: number;
  entryIndex: number;
}

/** What blocks that are settled on chain brought a prover. */
export interface ChainEarnings {
  earnings: ChainEarning[];
  /** Wei by which the sets that were shown miss what the market says it has handed to the contract; 0 when none are left out. */
  missingWei: bigint;
}

/**
 * Reads every job set of the log, and nothing else of it, and holds their sum against what the contract was handed: sets
 * cannot be left out unseen. Each earning names its entry, whose inclusionProof anybody can ask for. Throws like the client.
 */
export async function chainEarnings(client: Client, address: Address): Promise<ChainEarnings> {
  // Asked first: sets that are committed meanwhile only add to what is read.
  const committedWei = await committedTotalWei(client);
  const earnings: ChainEarning[] = [];
  let readWei = 0n;
  for (let from = 0; committedWei > 0n; ) {
    const query = { from, limit: SETS_AT_ONCE, type: 'jobSetCommitted' as const };
    const { entries } = await client.call('listEntries', { query });
    if (entries.length === 0) break;
    for (const { index, leaf } of entries) {
      const entry = JSON.parse(leaf) as EntryOf<'jobSetCommitted'>;
      if (entry.type !== 'jobSetCommitted') throw new Error('the market answers with entries that were not asked for');
      for (const one of earnedOnChain(entry, address)) earnings.push({ ...one, atMs: entry.atMs, entryIndex: index });
      for (const { amountWei } of entry.items) readWei += BigInt(amountWei);
    }
    from = entries.at(-1)!.index + 1;
  }
  return { earnings, missingWei: readWei < committedWei ? committedWei - readWei : 0n };
}

/** All that the contract was ever handed to pay; 0 on a market without a chain. */
async function committedTotalWei(client: Client): Promise<bigint> {
  try {
    return BigInt((await client.call('getChain', {})).committedWei);
  } catch (error) {
    if (error instanceof RejectedError && error.code === 'noChain') return 0n;
    throw error;
  }
}

/** What each entry is about: a job, a round or a block, by the entry's index. Reads the log only where it is asked for. */
export async function subjectsOf(client: Client, indexes: readonly number[]): Promise<Map<number, string>> {
  const subjects = new Map<number, string>();
  const wanted = new Set(indexes);
  let next: number | undefined = Math.min(...indexes);
  while (next !== undefined && wanted.size > 0) {
    const { entries } = await client.call('listEntries', { query: { from: next, limit: ENTRIES_AT_ONCE } });
    if (entries.length === 0) break;
    for (const { index, leaf } of entries) if (wanted.delete(index)) subjects.set(index, subjectOf(leaf));
    next = wanted.size > 0 ? Math.min(...wanted) : undefined;
  }
  return subjects;
}

function subjectOf(leaf: string): string {
  const { jobId, roundId, blockId } = JSON.parse(leaf) as Record<string, unknown>;
  return String(jobId ?? roundId ?? blockId ?? '');
}
