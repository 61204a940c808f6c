/**
 * The checker of what is nobody's fault, and of whose it is: inputs that were not served, jobs without a witness, misses
 * that were expected, and challenges. What really happened is in the world; the log must have it right.
 */
import { assignmentOf, type Job, type MarketState, parametersOf } from '#market/state.js';
import type { Entry, EntryOf } from '#protocol/entries.js';
import type { Address } from '#protocol/units.js';
import type { World } from './world.js';

export class FaultBooks {
  private readonly world: World;
  /** Provers and jobs whose input was served after a refusal, by what the log says. */
  private readonly served = new Set<string>();
  private readonly passed = new Set<string>();

  constructor(world: World) {
    this.world = world;
  }

  /** Looks at an entry before it is folded. @param state - as it is before the entry */
  take(entry: Entry, state: MarketState): void {
    switch (entry.type) {
      case 'inputRefused':
        this.served.delete(`${entry.prover} ${entry.jobId}`);
        break;
      case 'inputServed':
        this.served.add(`${entry.prover} ${entry.jobId}`);
        break;
      case 'poolOpened':
        this.judgePoolOpened(entry, state.jobs.get(entry.jobId)!);
        break;
      case 'gaveUp':
        this.judgeGiveUp(entry);
        break;
      case 'jobExpired':
        this.judgeExpired(entry, state.jobs.get(entry.jobId)!);
        break;
      case 'proofAccepted':
        this.judgeProven(entry, state.jobs.get(entry.jobId)!);
        break;
      case 'challengePassed':
        this.passed.add(entry.prover);
        this.world.note('challenge: passed');
        break;
      case 'challengeFailed':
        this.world.note('challenge: failed');
        break;
      case 'bidPlaced':
        this.judgeBidder(entry, state);
        break;
    }
  }

  private judgeGiveUp({ message, excuse }: EntryOf<'gaveUp'>): void {
    const key = `${message.prover} ${message.jobId}`;
    if (excuse) this.world.note('give-up: excused');
    if (excuse && !this.world.everRefused.has(key)) this.flaw('excuse', `${key} was never refused its input`);
    const isRefused = this.world.refused.has(key) && !this.served.has(key);
    if (message.reason === 'inputUnavailable' && isRefused && !excuse) {
      this.flaw('innocent', `${key} was refused its input, and gives it back without an excuse`);
    }
  }

  private judgeExpired(entry: EntryOf<'jobExpired'>, job: Job): void {
    const { jobId, reason } = entry;
    const isUnprovable = this.world.unprovable.has(jobId);
    if (reason === 'unsatisfiable' && !isUnprovable) this.flaw('witness', `${jobId} can be proven`);
    if (isUnprovable && job.witnessClaimedAtMs !== null && reason !== 'unsatisfiable') {
      this.flaw('innocent', `${jobId} cannot be proven, a prover has said so, and it ends as ${reason}`);
    }
    if (reason === 'unsatisfiable' && slashedBy(entry).size > 0) this.flaw('innocent', `somebody pays for ${jobId}`);
    this.judgeUnserved(entry, job);
  }

  /** Nobody is at fault who waits, at the opening of the pool, for an input that the coordinator has refused it. */
  private judgePoolOpened({ atFault }: EntryOf<'poolOpened'>, job: Job): void {
    for (const prover of atFault) {
      if (this.waits(prover, job)) this.flaw('innocent', `${prover} waits for its input, and is at fault`);
    }
  }

  /**
   * Nobody pays who waits for an input that the coordinator has refused it. Who pays for a job from the pool was found at
   * its opening: whoever asks first when its promised time is over is late by itself.
   */
  private judgeUnserved(entry: EntryOf<'jobExpired'> | EntryOf<'proofAccepted'>, job: Job): void {
    if (entry.type === 'proofAccepted' && entry.role === 'pool') return;
    for (const prover of slashedBy(entry)) {
      if (this.waits(prover, job)) this.flaw('innocent', `${prover} ${job.jobId} waits for its input, and is slashed`);
    }
  }

  private waits(prover: Address, job: Job): boolean {
    const key = `${prover} ${job.jobId}`;
    const side = assignmentOf(job, prover)?.assignment;
    return side?.status !== 'gaveUp' && this.world.refused.has(key) && !this.served.has(key);
  }

  private judgeProven(entry: EntryOf<'proofAccepted'>, job: Job): void {
    this.judgeUnserved(entry, job);
    if (this.world.unprovable.has(job.jobId)) this.flaw('I6', `${job.jobId} cannot be proven, and is paid`);
    if (entry.role !== 'primary' || job.activationCause !== 'predictedMiss') return;
    const received = job.submissions.find(({ submissionId }) => submissionId === entry.submissionId)!;
    if (received.receivedAtMs >= job.primary!.dueMs) return;
    this.world.note('ending: on time against its own forecast');
    const paid = entry.postings.find(({ why }) => why === 'price')?.amountWei ?? '0';
    if (BigInt(paid) !== job.priceWei) this.flaw('innocent', `${entry.prover} was on time and gets ${paid} wei`);
  }

  private judgeBidder({ prover, roundId }: EntryOf<'bidPlaced'>, state: MarketState): void {
    const circuit = state.circuits.get(state.rounds.get(roundId)!.circuitId)!;
    if (circuit.samples.length === 0 || this.passed.has(prover)) return;
    const accepted = state.records.get(`${prover}|${circuit.circuitId}`)?.accepted ?? 0;
    if (accepted < parametersOf(state).newcomerJobs) this.flaw('challenge', `${prover} bids without having passed one`);
  }

  private flaw(kind: string, text: string): void {
    this.world.violation(`${kind}: ${text}`);
  }
}

/** Provers whose bonds go to others. */
function slashedBy({ postings }: EntryOf<'jobExpired'> | EntryOf<'proofAccepted'>): Set<Address> {
  const slashes = postings.filter(({ from, to, why }) => /^bond:/.test(from) && why !== 'bondReleased' && to !== from);
  return new Set(slashes.map(({ from }) => from.slice('bond:'.length) as Address));
}
