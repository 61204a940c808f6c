/**
 * The one writer, as `journal/journal.ts` is: commands that wait are decided together on a state in memory, committed
 * in one go, and only then answered. What is here dies with its process; what is in {@link Storage} does not.
 */
import type { Command, CommandOf, Decision } from '#market/command.js';
import { decide } from '#market/decide.js';
import { evolve } from '#market/evolve.js';
import { emptyState, forgetCompleted, type MarketState, parametersOf } from '#market/state.js';
import type { Entry } from '#protocol/entries.js';
import type { LogName } from '#protocol/logLink.js';
import type { Hex } from '#protocol/units.js';
import { openingOf } from './logSigner.js';
import { PASSING } from './network.js';
import type { Answer, BatchWrites, Storage } from './storage.js';
import type { World } from './world.js';

const BATCH_MAX = 512;

/** A command that waits for its answer. */
interface Waiting {
  command: Command;
  digest: Hex | null;
  answer(answer: Answer): void;
}

export interface WriterOptions {
  world: World;
  storage: Storage;
  /** Plans something that happens only if the process still lives by then. */
  later(ms: number, happen: () => void): void;
  /** Kills the process. */
  crash(why: string): void;
  /** Called after every commit, before the answers. */
  onCommitted(entries: Entry[]): void;
  /** Called with an answer as it leaves the writer. */
  onAnswered(digest: Hex, answer: Answer): void;
}

/** Folds a log, completed blocks forgotten, as a process does at its start. */
export function foldLog(entries: Iterable<Entry>): MarketState {
  const state = emptyState();
  for (const entry of entries) {
    evolve(state, entry);
    if (entry.type === 'blockCompleted') forgetCompleted(state, entry.blockId);
  }
  return state;
}

/** The writer of one life of the coordinator's process. */
export class Writer {
  state: MarketState;
  /** The last sign of life that this process has written; what is older than `downtimeMsMin` goes on record first. */
  lastSignedMs: number | null = null;
  private readonly options: WriterOptions;
  private waiting: Waiting[] = [];
  private draining = false;
  private stale = false;

  constructor(options: WriterOptions) {
    this.options = options;
    this.state = foldLog(options.storage.entries);
  }

  /** True while the state in memory is that of the durable log. */
  isSettled(): boolean {
    return !this.stale && this.state.size === this.options.storage.entries.length;
  }

  execute(command: Command, digest: Hex | null, answer: (answer: Answer) => void = () => {}): void {
    this.waiting.push({ command, digest, answer });
    if (this.draining) return;
    this.draining = true;
    this.options.later(this.options.world.fate.between('writer begins', 0, 3), () => this.begin());
  }

  private nowMs(): number {
    return Math.max(this.options.world.timeline.nowMs, this.state.lastAtMs);
  }

  private begin(): void {
    const { world, storage } = this.options;
    const batch = this.waiting.splice(0, BATCH_MAX);
    if (batch.length === 0) {
      this.draining = false;
      return;
    }
    if (storage.away) {
      this.fail(batch);
      return;
    }
    if (this.stale) this.state = foldLog(storage.entries);
    this.stale = false;
    if (this.isBehind()) batch.unshift({ command: this.gap(), digest: null, answer: () => {} });
    const answers: Answer[] = [];
    let writes: BatchWrites;
    try {
      writes = this.decideAll(batch, answers);
    } catch (error) {
      world.violation(`the rules threw: ${error instanceof Error ? error.message : String(error)}`);
      return;
    }
    if (world.broken === 'acknowledgesBeforeCommit') this.answerAll(batch, answers, (digest) => digest !== null);
    this.write(batch, writes, answers);
  }

  /** Commits after a while, or fails in one of the ways in which databases and processes fail. */
  private write(batch: Waiting[], writes: BatchWrites, answers: Answer[]): void {
    const { world, later, crash } = this.options;
    const { fate, weather } = world;
    const strikes = (place: string, percent: number) => world.stormy() && fate.chance(place, percent);
    const commitMs = fate.between('commit takes', 1, strikes('commit is slow', weather.slowCommitPercent) ? 1_500 : 12);
    if (strikes('crash before commit', weather.commitCrashPercent)) {
      later(commitMs, () => crash('before a commit'));
    } else if (strikes('crash after commit', weather.commitCrashPercent)) {
      later(commitMs, () => {
        this.commit(writes);
        crash('after a commit, before its answers');
      });
    } else if (strikes('batch error', weather.batchErrorPercent)) {
      world.note('fault: batch failed');
      later(commitMs, () => this.fail(batch));
    } else if (strikes('lost confirmation', weather.lostConfirmationPercent)) {
      world.note('fault: commit not confirmed');
      later(commitMs, () => {
        this.commit(writes);
        this.fail(batch);
      });
    } else {
      later(commitMs, () => this.finish(batch, writes, answers));
    }
  }

  private finish(batch: Waiting[], writes: BatchWrites, answers: Answer[]): void {
    if (this.options.storage.away) {
      this.fail(batch);
      return;
    }
    this.commit(writes);
    const isEarly = this.options.world.broken === 'acknowledgesBeforeCommit';
    this.answerAll(batch, answers, (digest) => !isEarly || digest === null);
    this.options.later(0, () => this.begin());
  }

  private commit(writes: BatchWrites): void {
    const committed = this.options.storage.commit(writes);
    for (const entry of committed) if (entry.type === 'blockCompleted') forgetCompleted(this.state, entry.blockId);
    if (committed.some(({ type }) => type === 'coordinatorStarted')) this.lastSignedMs = committed.at(-1)!.atMs;
    this.options.onCommitted(committed);
  }

  /** After an error nobody knows what the database holds: the state is loaded anew, and nobody gets a decision. */
  private fail(batch: Waiting[]): void {
    this.stale = true;
    for (const { answer } of batch) answer({ ok: false, code: 'unavailable', atMs: this.nowMs() });
    this.options.later(5, () => this.begin());
  }

  private answerAll(batch: Waiting[], answers: Answer[], isMeant: (digest: Hex | null) => boolean): void {
    for (const [index, { digest, answer }] of batch.entries()) {
      if (!isMeant(digest)) continue;
      if (digest) this.options.onAnswered(digest, answers[index]!);
      answer(answers[index]!);
    }
  }

  /** Whether this process stood still or had no database for so long that it must go on record before anything else. */
  private isBehind(): boolean {
    const { world } = this.options;
    if (this.lastSignedMs === null || world.broken === 'judgesBeforeGaps') return false;
    return this.nowMs() - this.lastSignedMs >= parametersOf(this.state).downtimeMsMin;
  }

  /** The command that puts a gap on record. */
  gap(): CommandOf<'startCoordinator'> {
    const { storage, world } = this.options;
    const lastSignMs = world.broken === 'ignoresDowntime' ? null : storage.lastSignMs;
    return {
      kind: 'startCoordinator',
      lastSignMs: lastSignMs ?? world.timeline.nowMs,
      cause: this.lastSignedMs === null ? 'start' : 'stall',
    };
  }

  private decideAll(batch: Waiting[], answers: Answer[]): BatchWrites {
    const writes: BatchWrites = { entries: [], answers: new Map(), sealedBids: [] };
    for (const { command, digest } of batch) {
      const known = digest && (writes.answers.get(digest) ?? this.options.storage.answers.get(digest));
      const answer = known || this.decideOne(command, writes);
      if (digest && !known && (answer.ok || !PASSING.has(answer.code))) writes.answers.set(digest, answer);
      answers.push(answer);
    }
    return writes;
  }

  private decideOne(command: Command, writes: BatchWrites): Answer {
    const atMs = this.nowMs();
    if (command.kind === 'openBid' && this.options.world.broken === 'ignoresOpenings') {
      return { ok: false, code: 'unavailable', atMs };
    }
    const complete = command.kind === 'closeRound' ? this.withBids(command, writes) : command;
    const decision = this.outOfTurn(complete, atMs) ?? decide(this.state, complete, atMs);
    if (!decision.ok) return { ok: false, code: decision.rejection.code, atMs };
    const firstIndex = this.state.size;
    this.take(decision.entries, writes);
    if (command.kind === 'closeLog') this.openNext(command.next, writes, atMs);
    if (command.kind === 'placeBid' && decision.entries.length > 0) writes.sealedBids.push(command);
    return { ok: true, firstIndex, entryCount: decision.entries.length, atMs };
  }

  private take(entries: readonly Entry[], writes: BatchWrites): void {
    for (const entry of entries) {
      evolve(this.state, entry);
      writes.entries.push(entry);
    }
  }

  /** A rotation is one thing: the next log is opened in the batch that closes the one before. */
  private openNext(next: LogName, writes: BatchWrites, atMs: number): void {
    const { market, logFirstIndex } = this.state;
    const closed = [...this.options.storage.entries, ...writes.entries].slice(logFirstIndex);
    const decision = decide(this.state, openingOf(next, market!.origin, closed), atMs);
    if (!decision.ok) throw new Error(`the next log is refused: ${decision.rejection.detail}`);
    this.take(decision.entries, writes);
  }

  /** Broken on purpose: a verdict is decided as if nothing else waited for one, so that a later claim may go first. */
  private outOfTurn(command: Command, atMs: number): Decision | null {
    const job = command.kind === 'recordVerdict' ? this.state.jobs.get(command.jobId) : undefined;
    if (this.options.world.broken !== 'paysOutOfTurn' || command.kind !== 'recordVerdict' || !job) return null;
    const { submissions } = job;
    job.submissions = submissions.filter(
      (one) => one.verdict !== 'pending' || one.submissionId === command.submissionId,
    );
    const decision = decide(this.state, command, atMs);
    job.submissions = submissions;
    return decision;
  }

  /** The sealed bids behind a round's commitments, from this batch or from the table. */
  private withBids(command: CommandOf<'closeRound'>, writes: BatchWrites): CommandOf<'closeRound'> {
    const round = this.state.rounds.get(command.roundId);
    const digests = round && round.clearedAtMs === null ? [...round.bids.values()] : [];
    const bidOf = (digest: Hex) =>
      this.options.storage.sealedBids.get(digest) ?? writes.sealedBids.find((bid) => bid.digest === digest);
    return { ...command, bids: digests.flatMap((digest) => bidOf(digest) ?? []) };
  }
}
