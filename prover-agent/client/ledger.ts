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

/** What blocks that are settled on chain brought a prover. Reads the whole log where there are any. Throws like the client. */
export async function chainEarnings(client: Client, address: Address): Promise<ChainEarning[]> {
  const found: ChainEarning[] = [];
  if (!(await hasCommitted(client))) return found;
  for (let from = 0; ; ) {
    const { entries } = await client.call('listEntries', { query: { from, limit: ENTRIES_AT_ONCE } });
    if (entries.length === 0) return found;
    for (const { index, leaf } of entries) {
      const entry = JSON.parse(leaf) as EntryOf<'jobSetCommitted'>;
      if (entry.type !== 'jobSetCommitted') continue;
      for (const one of earnedOnChain(entry, address)) found.push({ ...one, atMs: entry.atMs, entryIndex: index });
    }
    from = entries.at(-1)!.index + 1;
  }
}

/** Whether the contract was ever handed anything to pay. */
async function hasCommitted(client: Client): Promise<boolean> {
  try {
    return (await client.call('getChain', {})).committedWei !== '0';
  } catch (error) {
    if (error instanceof RejectedError && error.code === 'noChain') return false;
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
