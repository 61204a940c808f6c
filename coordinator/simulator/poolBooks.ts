/** The story of each pool as the log tells it: who committed to what, in which order, and who was paid or forfeited. */
import type { Entry, EntryOf } from '#protocol/entries.js';
import type { Posting } from '#protocol/ledger.js';
import type { World } from './world.js';

type Ending = EntryOf<'proofAccepted'> | EntryOf<'jobExpired'>;

/** What a message may take on its way to the log, in milliseconds, without being called lost. */
const GRACE_MS = 2_500;

interface Committed {
  index: number;
  prover: string;
  commitment: string;
  priceWei: bigint;
  bondWei: bigint;
  revealByMs: number;
  submissionId: string | null;
}

interface Pool {
  opened: EntryOf<'poolOpened'>;
  committed: Committed[];
  invalid: Set<string>;
}

export class PoolBooks {
  private readonly world: World;
  private readonly pools = new Map<string, Pool>();
  private readonly deadlines = new Map<string, number>();

  constructor(world: World) {
    this.world = world;
  }

  /** Where a zkProof stands in the order of claims: its own place in the log, or that of its commitment. */
  claimOf(jobId: string, submissionId: string, index: number): number {
    const found = this.pools.get(jobId)?.committed.find((one) => one.submissionId === submissionId);
    return found?.index ?? index;
  }

  /** The commitment that a submission shows; null outside of the pool. */
  committedOf(jobId: string, submissionId: string): Committed | null {
    return this.pools.get(jobId)?.committed.find((one) => one.submissionId === submissionId) ?? null;
  }

  isOpen(jobId: string): boolean {
    return this.pools.has(jobId);
  }

  /** Takes the next entry of the log. */
  take(entry: Entry, index: number): void {
    switch (entry.type) {
      case 'roundOpened':
        for (const jobId of entry.jobIds) this.deadlines.set(jobId, entry.deadlineMs);
        break;
      case 'jobsEscalated':
        this.world.note(`escalation: ${entry.next}`);
        break;
      case 'poolOpened':
        if (this.pools.has(entry.jobId)) this.flaw('pool', `the pool of ${entry.jobId} opens twice`);
        this.pools.set(entry.jobId, { opened: entry, committed: [], invalid: new Set() });
        this.world.note(`pool: ${entry.cause}, ${entry.atFault.length} at fault`);
        break;
      case 'poolCommitted':
        this.commit(entry, index);
        break;
      case 'proofReceived':
        this.show(entry);
        break;
      case 'proofRejected':
        this.pools.get(entry.jobId)?.invalid.add(entry.submissionId);
        break;
      case 'coordinatorStarted':
        this.excuse(entry.atMs - entry.gapMs, entry.atMs);
        break;
      case 'proofAccepted':
      case 'jobExpired':
        this.end(entry);
        break;
    }
  }

  private commit(entry: EntryOf<'poolCommitted'>, index: number): void {
    const { message, priceWei, revealByMs, postings } = entry;
    const pool = this.pools.get(message.jobId);
    if (!pool) {
      this.flaw('I6', `a commitment to ${message.jobId}, which is in no pool`);
      return;
    }
    if (BigInt(priceWei) < BigInt(pool.opened.fromWei) || BigInt(priceWei) > BigInt(pool.opened.toWei)) {
      this.flaw('pool', `a commitment to ${message.jobId} earns ${priceWei}`);
    }
    const bondWei = postings.reduce((sum, { amountWei }) => sum + BigInt(amountWei), 0n);
    const { prover, commitment } = message;
    pool.committed.push({
      index,
      prover,
      commitment,
      priceWei: BigInt(priceWei),
      bondWei,
      revealByMs,
      submissionId: null,
    });
  }

  /** A prover has one commitment at a time, so what it shows is its newest. */
  private show({ message, submissionId, role, atMs }: EntryOf<'proofReceived'>): void {
    if (role !== 'pool') return;
    const own = this.pools.get(message.jobId)?.committed.findLast(({ prover }) => prover === message.prover);
    if (!own || own.submissionId !== null || atMs >= own.revealByMs) {
      this.flaw('I6', `${message.prover} shows a zkProof for ${message.jobId} out of its time`);
    } else own.submissionId = submissionId;
  }

  /** Whoever had to show something while the coordinator was away gets the time again: how long, the replay checks. */
  private excuse(fromMs: number, atMs: number): void {
    for (const { committed } of this.pools.values()) {
      for (const one of committed) {
        if (one.submissionId === null && one.revealByMs >= fromMs)
          one.revealByMs = Math.max(one.revealByMs, atMs + 5_000);
      }
    }
  }

  private end(entry: Ending): void {
    const pool = this.pools.get(entry.jobId);
    if (!pool) return;
    this.pools.delete(entry.jobId);
    for (const prover of new Set(pool.committed.map((one) => one.prover))) {
      const own = pool.committed.filter((one) => one.prover === prover);
      const isFree = (one: Committed) =>
        one.submissionId === null ? !this.isOver(entry, one) : !pool.invalid.has(one.submissionId);
      const isUnprovable = entry.type === 'jobExpired' && entry.reason === 'unsatisfiable';
      const freeWei = own.reduce((sum, one) => (isUnprovable || isFree(one) ? sum + one.bondWei : sum), 0n);
      const releasedWei = sumOf(entry, ({ from, why }) => from === `bond:${prover}` && why === 'bondReleased');
      if (releasedWei !== freeWei)
        this.flaw('pool', `${prover} gets back ${releasedWei} of ${freeWei} for ${entry.jobId}`);
      for (const one of own) if (!isUnprovable && !isFree(one)) this.judgeForfeit(entry, one);
    }
  }

  /** Whether a zkProof had its whole time to come: the deadline ends the time of all others without a forfeit. */
  private isOver({ jobId, atMs }: Ending, { revealByMs }: Committed): boolean {
    return atMs >= revealByMs && revealByMs <= this.deadlines.get(jobId)!;
  }

  /** Nobody forfeits who showed in time what it had committed to, unless the network lost a message of it. */
  private judgeForfeit({ jobId }: Ending, { commitment, prover, revealByMs }: Committed): void {
    this.world.note('pool: a commitment was forfeited');
    const shown = this.world.shown.get(commitment);
    if (!shown || shown.lost || shown.prover !== prover || shown.atMs > revealByMs - GRACE_MS) return;
    this.flaw('innocent', `${prover} forfeits for ${jobId}, and showed its zkProof at ${shown.atMs}`);
  }

  private flaw(invariant: string, text: string): void {
    this.world.violation(`${invariant}: ${text}`);
  }
}

function sumOf({ postings }: Ending, isChosen: (posting: Posting) => boolean): bigint {
  return postings.filter(isChosen).reduce((sum, { amountWei }) => sum + BigInt(amountWei), 0n);
}
