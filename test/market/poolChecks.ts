/** What must hold of the pool, worked out from the log and not from the rules' own code. */
import type { Award, Entry, EntryOf } from '#protocol/entries.js';
import type { Parameters } from '#protocol/parameters.js';

type Ending = EntryOf<'proofAccepted'> | EntryOf<'jobExpired'>;

interface Committed {
  index: number;
  prover: string;
  priceWei: bigint;
  bondWei: bigint;
  revealByMs: number;
  submissionId: string | null;
}

interface PoolStory {
  opened: EntryOf<'poolOpened'> | null;
  /** Where the price begins to rise. */
  fromMs: number;
  committed: Committed[];
  /** Claims of zkProofs without a verdict, and the provers of invalid ones, by submission. */
  pending: Map<string, number>;
  invalid: Set<string>;
}

/** What the job's own story says at its end. */
export interface PoolContext {
  award: Award | null;
  deadlineMs: number;
  requester: string;
  /** The escrow share. */
  max: bigint;
  parameters: Parameters;
}

/** Follows the pool of every job. Flaws come back as texts. */
export class PoolBookkeeper {
  private readonly pools = new Map<string, PoolStory>();
  private readonly owners = new Map<string, string>();

  /** @param contextOf - what else is known of a job; @returns what is wrong with the entry */
  take(entry: Entry, index: number, contextOf: (jobId: string) => PoolContext): string[] {
    switch (entry.type) {
      case 'proverRegistered':
        this.owners.set(entry.message.prover, entry.message.owner);
        return [];
      case 'poolOpened':
        return this.open(entry, contextOf(entry.jobId));
      case 'poolCommitted':
        return this.commit(entry, index, contextOf(entry.message.jobId));
      case 'proofReceived':
        return this.receive(entry, index);
      case 'proofRejected':
        this.storyOf(entry.jobId).pending.delete(entry.submissionId);
        this.storyOf(entry.jobId).invalid.add(entry.submissionId);
        return [];
      case 'coordinatorStarted':
        this.goneFor(entry, contextOf);
        return [];
      case 'proofAccepted':
        return [
          ...this.judgeOrder(entry, contextOf(entry.jobId)),
          ...this.judgeBonds(entry, contextOf(entry.jobId)),
          ...this.judgePay(entry, contextOf(entry.jobId)),
        ];
      case 'jobExpired':
        return entry.reason === 'unsatisfiable' ? [] : this.judgeBonds(entry, contextOf(entry.jobId));
      default:
        return [];
    }
  }

  private storyOf(jobId: string): PoolStory {
    const known = this.pools.get(jobId);
    if (known) return known;
    const fresh = { opened: null, fromMs: 0, committed: [], pending: new Map(), invalid: new Set<string>() };
    this.pools.set(jobId, fresh);
    return fresh;
  }

  private open(entry: EntryOf<'poolOpened'>, { award, max }: PoolContext): string[] {
    const story = this.storyOf(entry.jobId);
    const flaws = story.opened ? [`the pool of ${entry.jobId} opens twice`] : [];
    if (award ? entry.cause !== 'sidesSpent' : entry.cause !== 'unsold') flaws.push(`pool cause ${entry.cause}`);
    if (BigInt(entry.toWei) > max || BigInt(entry.fromWei) > BigInt(entry.toWei)) flaws.push('prices of a pool');
    if (award && entry.fromWei !== award.priceWei) flaws.push(`a pool begins at ${entry.fromWei}`);
    story.opened = entry;
    story.fromMs = entry.atMs;
    return flaws;
  }

  private commit(entry: EntryOf<'poolCommitted'>, index: number, { award, deadlineMs, ...job }: PoolContext): string[] {
    const { message, atMs, postings } = entry;
    const story = this.storyOf(message.jobId);
    if (!story.opened) return [`a commitment to ${message.jobId}, which is in no pool`];
    const flaws: string[] = [];
    const [fromWei, toWei] = [BigInt(story.opened.fromWei), BigInt(story.opened.toWei)];
    const priceWei = fromWei + ((toWei - fromWei) * BigInt(atMs - story.fromMs)) / BigInt(deadlineMs - story.fromMs);
    if (BigInt(entry.priceWei) !== priceWei) flaws.push(`a commitment earns ${entry.priceWei}, not ${priceWei}`);
    const bondWei = postings.reduce((sum, { amountWei }) => sum + BigInt(amountWei), 0n);
    if (bondWei !== (job.max * BigInt(job.parameters.poolForfeitBps)) / 10_000n)
      flaws.push(`a commitment locks ${bondWei}`);
    const owner = this.owners.get(message.prover);
    if (award?.primary.owner === owner || award?.backup?.owner === owner) flaws.push('a side commits to its own pool');
    const own = story.committed.filter(({ prover }) => prover === message.prover);
    if (own.some((one) => one.submissionId === null && atMs < one.revealByMs)) flaws.push('two open commitments');
    const failed = own.filter((one) => isForfeited(one, story, deadlineMs, atMs)).length;
    if (failed >= job.parameters.poolFailuresMax) flaws.push(`a commitment after ${failed} failures`);
    const revealByMs = atMs + job.parameters.poolRevealMs;
    story.committed.push({ index, prover: message.prover, priceWei, bondWei, revealByMs, submissionId: null });
    return flaws;
  }

  private receive({ message, submissionId, role, atMs }: EntryOf<'proofReceived'>, index: number): string[] {
    const story = this.storyOf(message.jobId);
    const own = story.committed.findLast(({ prover }) => prover === message.prover);
    if (role !== 'pool') {
      story.pending.set(submissionId, index);
      return [];
    }
    if (!own || own.submissionId !== null || atMs >= own.revealByMs) return ['a zkProof from the pool out of its time'];
    own.submissionId = submissionId;
    story.pending.set(submissionId, own.index);
    return [];
  }

  private goneFor({ atMs, gapMs }: EntryOf<'coordinatorStarted'>, contextOf: (jobId: string) => PoolContext): void {
    for (const [jobId, story] of this.pools) {
      story.fromMs = Math.min(story.fromMs + gapMs, atMs);
      const againMs = atMs + contextOf(jobId).parameters.poolRevealMs;
      for (const one of story.committed) {
        const isOpen = one.submissionId === null && one.revealByMs >= atMs - gapMs;
        if (isOpen) one.revealByMs = Math.max(one.revealByMs, againMs);
      }
    }
  }

  /** Whatever has an earlier claim has had its verdict, or its time. */
  private judgeOrder(entry: EntryOf<'proofAccepted'>, { deadlineMs }: PoolContext): string[] {
    const story = this.storyOf(entry.jobId);
    const claim = story.pending.get(entry.submissionId);
    if (claim === undefined) return [`${entry.jobId} is paid for a zkProof that waits for no verdict`];
    const isBehind = [...story.pending.values()].some((other) => other < claim);
    const waits = story.committed.some(
      (one) => one.index < claim && one.submissionId === null && entry.atMs < Math.min(one.revealByMs, deadlineMs),
    );
    return isBehind || waits ? [`${entry.jobId} is paid out of turn`] : [];
  }

  /** Every commitment is settled once: forfeited to the requester, or given back. */
  private judgeBonds(entry: Ending, { deadlineMs }: PoolContext): string[] {
    const story = this.storyOf(entry.jobId);
    const flaws: string[] = [];
    for (const prover of new Set(story.committed.map((one) => one.prover))) {
      const own = story.committed.filter((one) => one.prover === prover);
      const isKept = (one: Committed) => !isForfeited(one, story, deadlineMs, entry.atMs);
      const keptWei = own.reduce((sum, one) => (isKept(one) ? sum + one.bondWei : sum), 0n);
      const releasedWei = sumOf(entry, ({ from, why }) => from === `bond:${prover}` && why === 'bondReleased');
      if (releasedWei !== keptWei) flaws.push(`${prover} gets back ${releasedWei} of ${keptWei} for its commitments`);
    }
    return flaws;
  }

  private judgePay(entry: EntryOf<'proofAccepted'>, { award, max, requester }: PoolContext): string[] {
    if (entry.role !== 'pool') return [];
    const { committed, opened } = this.storyOf(entry.jobId);
    const winner = committed.find((one) => one.submissionId === entry.submissionId)!;
    const flaws: string[] = [];
    const fromEscrow = sumOf(entry, ({ from }) => from.startsWith('escrow:'));
    if (fromEscrow !== max) flaws.push(`moves ${fromEscrow} of the escrow`);
    const isPay = (why: string) => ['price', 'cover'].includes(why);
    const paidWei = sumOf(entry, ({ to, why }) => to === `account:${winner.prover}` && isPay(why));
    if (paidWei !== winner.priceWei) flaws.push(`the pool was paid ${paidWei}, not ${winner.priceWei}`);
    const costWei = max - sumOf(entry, ({ to, why }) => to === `account:${requester}` && why === 'refund');
    const agreedWei = award ? BigInt(award.priceWei) + BigInt(award.standbyFeeWei) : winner.priceWei;
    if (costWei > agreedWei) flaws.push(`the pool costs the requester ${costWei}, over ${agreedWei}`);
    for (const side of award ? [award.primary, award.backup] : []) {
      if (!side) continue;
      const keptWei = sumOf(entry, ({ from, why }) => from === `bond:${side.prover}` && why === 'bondReleased');
      const isAtFault = opened!.atFault.includes(side.prover);
      if (!isAtFault && keptWei !== BigInt(side.bondWei)) flaws.push(`the pool slashes the innocent ${side.prover}`);
    }
    return flaws;
  }
}

/** Whose time the deadline cuts short forfeits nothing. */
function isForfeited(one: Committed, { invalid }: PoolStory, deadlineMs: number, nowMs: number): boolean {
  if (one.submissionId !== null) return invalid.has(one.submissionId);
  return nowMs >= one.revealByMs && one.revealByMs <= deadlineMs;
}

function sumOf({ postings }: Ending, chosen: (posting: Ending['postings'][number]) => boolean): bigint {
  return postings.filter(chosen).reduce((sum, { amountWei }) => sum + BigInt(amountWei), 0n);
}
