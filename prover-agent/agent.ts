import type { Entry, EntryOf, EntryType } from '#protocol/entries.js';
import { pause, repeatUntilDone } from './backoff.js';
import type { Bidder } from './bidding/bidder.js';
import type { BidMemory } from './bidding/bidMemory.js';
import type { BidOpener } from './bidding/bidOpener.js';
import type { PoolWatcher } from './bidding/poolWatcher.js';
import type { HeartbeatJobs } from './client/heartbeat.js';
import { isUnreachable, type Session } from './client/session.js';
import type { Standing } from './client/standing.js';
import { type AgentLog, messageOf } from './log.js';
import type { HeldJob, JobBook } from './proving/jobBook.js';
import type { JobRunner } from './proving/jobRunner.js';
import { earnedOnChain, moneyMoved, touchesMoney } from './status/moneyMoved.js';

/** The entries that an agent acts on. */
export const FOLLOWED_TYPES = [
  'circuitRegistered',
  'parametersSet',
  'roundOpened',
  'bidsSealed',
  'roundCleared',
  'blockWithdrawn',
  'backupActivated',
  'poolOpened',
  'proofAccepted',
  'proofRejected',
  'jobSetCommitted',
  'jobExpired',
  'coordinatorStarted',
] as const satisfies readonly EntryType[];

/** An entry of one of those types: to act on any other would be to wait for ever. */
export type FollowedEntry = EntryOf<(typeof FOLLOWED_TYPES)[number]>;

/** How often a stopping agent looks whether its last work is done, in milliseconds. */
const STOP_LOOK_MS = 100;
/** How long a stopping agent tries to hand its jobs back, in milliseconds. */
const HAND_BACK_MS = 5_000;

export interface AgentParts {
  session: Session;
  book: JobBook;
  runner: JobRunner;
  bidder: Bidder;
  opener: BidOpener;
  /** Null for an agent that takes no part in the pool. */
  pool: PoolWatcher | null;
  memory: BidMemory;
  standing: Standing;
  log: AgentLog;
  /** Ends all repeating. */
  signal: AbortSignal;
  /** Called when a circuit was registered. */
  onCircuit(circuit: EntryOf<'circuitRegistered'>): void;
  /** Called when jobs were taken up: the moment for a heartbeat. */
  onNews(): void;
}

/** Turns the market's news into bids and work. Holds no state of its own beyond what it is given. */
export class Agent {
  readonly #parts: AgentParts;
  #listing: Promise<void> | null = null;
  #isListAgainDue = false;
  #isStopping = false;

  constructor(parts: AgentParts) {
    this.#parts = parts;
  }

  /** Acts on an entry of the log. Returns at once and never throws. */
  onEntry(entry: FollowedEntry): void {
    const { session, runner, bidder, book } = this.#parts;
    const me = session.address;
    if ('postings' in entry) this.#tellMoney(entry);
    switch (entry.type) {
      case 'circuitRegistered':
        this.#parts.onCircuit(entry);
        break;
      case 'roundOpened':
        if (!this.#isStopping) void bidder.consider(entry);
        break;
      case 'parametersSet':
        session.learnParameters(entry.version, entry.parameters);
        this.#parts.log('parametersSet', { version: entry.version, reason: entry.reason });
        break;
      case 'bidsSealed':
        this.#parts.opener.watch(entry.roundId);
        break;
      case 'roundCleared':
        this.#tellResult(entry);
        bidder.onCleared(entry);
        if (entry.awards.some(({ primary, backup }) => primary.prover === me || backup?.prover === me)) {
          void this.takeDues();
        }
        break;
      case 'blockWithdrawn':
        bidder.onWithdrawn(entry);
        for (const roundId of entry.roundIds) this.#parts.opener.watch(roundId);
        break;
      case 'backupActivated':
        if (entry.prover === me) {
          book.activate(entry.jobId);
          this.#parts.memory.standby.called();
          this.#parts.log('activated', { jobId: entry.jobId, cause: entry.cause });
          runner.pump();
        }
        break;
      case 'poolOpened':
        if (!this.#isStopping) void this.#parts.pool?.consider(entry.jobId);
        break;
      case 'proofAccepted':
      case 'jobExpired':
        if (entry.type === 'jobExpired' || entry.role === 'pool') this.#countMissed(entry.jobId);
        this.drop([entry.jobId], entry.type);
        break;
      case 'proofRejected':
        if (entry.prover === me) runner.takeInvalid(entry.jobId);
        break;
      case 'jobSetCommitted':
        for (const { jobId, amountWei } of earnedOnChain(entry, me)) {
          this.#parts.log('earned', { jobId, amountWei: amountWei.toString(), by: entry.type });
        }
        break;
      case 'coordinatorStarted':
        void this.catchUp();
        break;
    }
  }

  /** A backup that was called, and whose job has ended without anybody's delivery under its award. */
  #countMissed(jobId: string): void {
    const job = this.#parts.book.get(jobId);
    if (job?.role === 'backup' && job.isActive) this.#parts.memory.standby.missed();
  }

  /** Logs what an entry brings this prover, or takes. */
  #tellMoney(entry: Extract<Entry, { postings: unknown }>): void {
    const { session, standing, log } = this.#parts;
    if (!touchesMoney(entry.postings, session.address)) return;
    standing.look();
    const amountWei = moneyMoved(entry.postings, session.address);
    if (amountWei === 0n) return;
    const of = 'jobId' in entry ? { jobId: entry.jobId } : 'roundId' in entry ? { roundId: entry.roundId } : {};
    log('earned', { ...of, amountWei: amountWei.toString(), by: entry.type });
  }

  /** Logs what became of this prover's bid for a round, and why. */
  #tellResult({ roundId, bids, explanations }: EntryOf<'roundCleared'>): void {
    const at = bids.findIndex(({ message }) => message.prover === this.#parts.session.address);
    if (at >= 0) this.#parts.log('bidResult', { roundId, ...explanations[at] });
  }

  /** Reads what the feed does not tell: the rounds that are open already, and the jobs held. Never throws. */
  async catchUp(): Promise<void> {
    const { session, bidder, opener, log } = this.#parts;
    opener.resume();
    await this.takeDues();
    if (!this.#isStopping) void this.#parts.pool?.catchUp();
    try {
      await session.readClock();
      const { rounds } = await session.client.call('listOpenRounds', {});
      if (!this.#isStopping) for (const round of rounds) void bidder.consider(round);
    } catch (error) {
      log('catchUpFailed', { reason: messageOf(error) });
    }
  }

  /**
   * Takes up the jobs that the coordinator lists for this prover; lists again when asked while listing. Never throws:
   * a list that cannot be had is asked for again with the next connection, award or heartbeat.
   */
  takeDues(): Promise<void> {
    if (this.#listing) {
      this.#isListAgainDue = true;
      return this.#listing;
    }
    this.#listing = this.#list().finally(() => {
      this.#listing = null;
    });
    return this.#listing;
  }

  async #list(): Promise<void> {
    const { session, book, runner, memory, log, signal } = this.#parts;
    do {
      this.#isListAgainDue = false;
      try {
        const jobs = await repeatUntilDone(() => session.listDues(), { isWorthRepeating: isUnreachable, signal });
        const before = book.all();
        for (const { jobId, circuitId, role, isActive, dueMs, deadlineMs } of book.takeList(jobs)) {
          if (role === 'backup' && !isActive) memory.standby.stood();
          log('jobTaken', { jobId, circuitId, role, isActive, dueMs, deadlineMs });
        }
        for (const { jobId, phase } of before.filter(({ ended }) => ended.signal.aborted)) {
          log('jobDropped', { jobId, why: 'notListed', phase });
        }
      } catch (error) {
        log('duesRefused', { reason: messageOf(error) });
      }
    } while (this.#isListAgainDue);
    this.#parts.onNews();
    runner.pump();
  }

  /** Drops jobs that have ended; running work on them is cancelled. */
  drop(jobIds: readonly string[], why: string): void {
    const { book, runner, log } = this.#parts;
    let dropped = 0;
    for (const jobId of jobIds) {
      const job = book.end(jobId);
      if (!job) continue;
      dropped += 1;
      log('jobDropped', { jobId, why, phase: job.phase });
    }
    if (dropped > 0) runner.pump();
  }

  /** What to say of the jobs held in a heartbeat; those of the pool have no lease. */
  heartbeatJobs(): HeartbeatJobs {
    const { book, runner } = this.#parts;
    const ends = runner.expectedEnds();
    const held = book.all().filter(({ role }) => role !== 'pool');
    return held.map(({ jobId, stage, progressPpm }) => {
      return { jobId, stage, progressPpm, expectedEndMs: ends.get(jobId) ?? null };
    });
  }

  /**
   * Ends cleanly: running proofs that are expected to be done within `finishMs` are finished and delivered, everything
   * else is handed back, so that backups start at once. Returns when that is done or has taken too long.
   */
  async stop(finishMs: number): Promise<void> {
    const { session, book, runner, log } = this.#parts;
    this.#isStopping = true;
    runner.stop();
    const stopMs = session.clock.nowMs();
    const isFinishing = (job: HeldJob) =>
      job.phase === 'delivering' || (job.phase === 'running' && (job.expectedEndMs ?? 0) <= stopMs + finishMs);
    const finishing = book.all().filter(isFinishing);
    const handedBack = book.all().filter((job) => !isFinishing(job) && job.phase !== 'delivered');
    log('stopping', { finishing: finishing.length, handedBack: handedBack.length });
    await this.#handBack(handedBack);
    const isBusy = (job: HeldJob) => !job.ended.signal.aborted && job.phase !== 'delivered' && job.phase !== 'waiting';
    while (finishing.some(isBusy) && session.clock.nowMs() < stopMs + 2 * finishMs) await pause(STOP_LOOK_MS);
    await this.#handBack(finishing.filter((job) => !job.ended.signal.aborted && job.phase !== 'delivered'));
  }

  /** Hands jobs back, but does not wait long for a coordinator that is away: leases end by themselves. */
  async #handBack(jobs: readonly HeldJob[]): Promise<void> {
    const isDone = new AbortController();
    const handing = Promise.all(jobs.map((job) => this.#parts.runner.giveUp(job, 'shutdown')));
    await Promise.race([handing, pause(HAND_BACK_MS, isDone.signal)]);
    isDone.abort();
  }
}
