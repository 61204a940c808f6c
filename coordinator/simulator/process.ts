/**
 * One life of the coordinator's process: its writer, bells and sweeps, its judge, the watch over leases, and its signs
 * of life, as `queue/` and `journal/lifeSigns.ts` have them. All of it is lost when the process dies.
 */
import { isPredictedMiss, leaseEndsMs } from '#market/commands/cover.js';
import { type Assignment, type MarketState, parametersOf, recordKey, type Submission } from '#market/state.js';
import { type WakeUp, wakeUpsByEntity } from '#market/wakeUps.js';
import type { Entry } from '#protocol/entries.js';
import type { Address, Hex } from '#protocol/units.js';
import type { Storage } from './storage.js';
import type { World } from './world.js';
import { foldLog, Writer, type WriterOptions } from './writer.js';

const TICK_MS = 200;
const SIGN_TICKS = 5;
const SWEEP_TICKS = 10;
const BELL_HORIZON_MS = 10_000;
const OVERDUE_MS = 1_000;

export class CoordinatorProcess {
  readonly writer: Writer;
  private readonly options: WriterOptions;
  private readonly world: World;
  private readonly storage: Storage;
  /** Bells that were set, by wake-up; flushing the queue makes those of earlier generations silent. */
  private readonly bells = new Set<string>();
  private bellGeneration = 0;
  private readonly judging = new Set<string>();
  private readonly judgeAgain = new Set<string>();
  private readonly lastSeen: Map<string, number>;
  private readonly unwritten = new Map<string, number>();
  private readonly expectedEnds = new Map<string, number | null>();
  private ticks = 0;

  constructor(options: WriterOptions) {
    this.options = { ...options, onCommitted: (entries) => this.onCommitted(entries) };
    this.world = options.world;
    this.storage = options.storage;
    this.lastSeen = new Map(options.storage.heartbeats);
    this.announce = options.onCommitted;
    this.writer = new Writer(this.options);
    if (this.world.broken === 'forgetsWakeUps') for (const one of this.wakeUps()) this.bells.add(idOf(one));
  }

  private readonly announce: (entries: Entry[]) => void;

  /** Puts the gap before this life on record, then begins to work. @param onServing - called when it serves */
  start(onServing: () => void): void {
    this.writer.execute(this.writer.gap(), null, (answer) => {
      if (!answer.ok) {
        this.options.later(500, () => this.start(onServing));
        return;
      }
      this.sign();
      this.sweep();
      this.tick();
      onServing();
    });
  }

  /** Notes an agent's sign of life: in memory at once, durable at the next tick. */
  noteHeartbeat(jobId: string, prover: Address, expectedEndMs: number | null): void {
    this.expectedEnds.set(`${jobId} ${prover}`, expectedEndMs);
    this.lastSeen.set(`${jobId} ${prover}`, this.world.timeline.nowMs);
    this.unwritten.set(`${jobId} ${prover}`, this.world.timeline.nowMs);
  }

  /** What answers provers that ask for their inputs. */
  desk(): { state: MarketState; execute: Writer['execute'] } {
    return { state: this.writer.state, execute: (...command) => this.writer.execute(...command) };
  }

  /** Empties the queue. */
  flushQueue(): void {
    this.bells.clear();
    this.bellGeneration += 1;
  }

  private tick(): void {
    this.ticks += 1;
    if (!this.storage.away) {
      for (const [key, atMs] of this.unwritten) this.storage.heartbeats.set(key, atMs);
      this.unwritten.clear();
    }
    if (this.ticks % SIGN_TICKS === 0) {
      this.sign();
      this.watchLeases();
    }
    if (this.ticks % SWEEP_TICKS === 0) this.sweep();
    this.options.later(TICK_MS, () => this.tick());
  }

  private sign(): void {
    const { nowMs } = this.world.timeline;
    const signedMs = this.writer.lastSignedMs;
    const isBehind = signedMs !== null && nowMs - signedMs >= parametersOf(this.writer.state).downtimeMsMin;
    if (isBehind) this.writer.execute(this.writer.gap(), null, (answer) => answer.ok && this.writeSign());
    else this.writeSign();
  }

  private writeSign(): void {
    if (this.storage.away) return;
    this.storage.lastSignMs = this.world.timeline.nowMs;
    this.writer.lastSignedMs = this.world.timeline.nowMs;
  }

  /** The wake-ups on record: those of what is committed, whatever the memory holds. */
  private wakeUps(): WakeUp[] {
    const state = this.writer.isSettled() ? this.writer.state : foldLog(this.storage.entries);
    return [...wakeUpsByEntity(state).values()].flat();
  }

  private onCommitted(entries: Entry[]): void {
    this.announce(entries);
    this.arm();
    for (const entry of entries) {
      if (entry.type === 'proofReceived') this.judge(entry.message.jobId);
      if (entry.type === 'challengeReceived') {
        this.judgeChallenge(recordKey(entry.message.prover, entry.message.circuitId));
      }
      if (entry.type === 'gaveUp' && entry.message.reason === 'witnessFailed') this.checkWitness(entry.message.jobId);
    }
  }

  /** Sets bells for what is due soon. */
  private arm(): void {
    const { fate, weather, timeline } = this.world;
    for (const wakeUp of this.wakeUps()) {
      const id = idOf(wakeUp);
      if (wakeUp.kind === 'verifyZkProof' || wakeUp.dueMs > timeline.nowMs + BELL_HORIZON_MS || this.bells.has(id)) {
        continue;
      }
      this.bells.add(id);
      if (this.world.stormy() && fate.chance('bell loss', weather.bellLossPercent)) {
        this.world.note('fault: bell lost');
        continue;
      }
      const generation = this.bellGeneration;
      this.options.later(
        Math.max(0, wakeUp.dueMs - timeline.nowMs) + fate.between('bell', 0, 20),
        () => generation === this.bellGeneration && this.handle(wakeUp),
      );
    }
  }

  /** Looks at all wake-ups: what is due soon gets a bell, what is overdue is handled at once. */
  private sweep(): void {
    if (this.storage.away || this.world.broken === 'forgetsWakeUps') return;
    this.arm();
    const overdueMs = this.world.timeline.nowMs - OVERDUE_MS;
    for (const wakeUp of this.wakeUps()) if (wakeUp.dueMs < overdueMs) this.handle(wakeUp);
  }

  private handle({ kind, key }: WakeUp): void {
    if (kind === 'verifyZkProof') this.judge(key);
    else if (kind === 'checkWitness') this.checkWitness(key);
    else if (kind === 'verifyChallenge') this.judgeChallenge(key);
    else if (kind === 'closeRound') this.writer.execute({ kind, roundId: key, bids: [] }, null);
    else if (kind === 'sealBids') this.writer.execute({ kind, roundId: key }, null);
    else if (kind === 'computeBalanceRoot') this.writer.execute({ kind }, null);
    else if (kind === 'commitJobSet') this.writer.execute({ kind, setId: key as Hex }, null);
    else this.writer.execute({ kind, jobId: key }, null);
  }

  /** Has a job's zkProofs checked in the order of their claims; when the verifier fails, the wake-up tries again. */
  private judge(jobId: string): void {
    if (this.judging.has(jobId)) {
      this.judgeAgain.add(jobId);
      return;
    }
    const pending = this.writer.state.jobs.get(jobId)?.submissions.filter(({ verdict }) => verdict === 'pending') ?? [];
    this.judging.add(jobId);
    const isBackwards = this.world.broken === 'paysOutOfTurn';
    pending.sort((one, other) => (one.claimIndex - other.claimIndex) * (isBackwards ? -1 : 1));
    this.judgeNext(jobId, pending);
  }

  private judgeNext(jobId: string, [next, ...others]: Submission[]): void {
    const received = next && this.storage.entries[next.entryIndex];
    if (!next || received?.type !== 'proofReceived' || received.submissionId !== next.submissionId) {
      this.judging.delete(jobId);
      if (this.judgeAgain.delete(jobId)) this.judge(jobId);
      return;
    }
    const { fate, weather } = this.world;
    this.options.later(fate.between('verifier takes', 2, weather.verifyMsMax), () => {
      if (this.world.stormy() && fate.chance('verifier fails', weather.verifierFailPercent)) {
        this.world.note('fault: verifier failed');
        this.judging.delete(jobId);
        return;
      }
      const valid = received.zkProof.truth === 'valid' || this.world.broken === 'paysUnverified';
      const code = valid ? '' : 'pairingFailed';
      const { submissionId } = next;
      this.writer.execute({ kind: 'recordVerdict', jobId, submissionId, valid, code }, null, (answer) => {
        if (answer.ok) this.judgeNext(jobId, others);
        else this.judging.delete(jobId);
      });
    });
  }

  /** Looks whether a job has a witness at all, as a prover said it has not. */
  private checkWitness(jobId: string): void {
    const { fate, weather } = this.world;
    this.options.later(fate.between('witness takes', 2, weather.verifyMsMax), () => {
      if (this.world.stormy() && fate.chance('witness fails', weather.verifierFailPercent)) return;
      const satisfiable = !this.world.unprovable.has(jobId) && this.world.broken !== 'believesClaims';
      this.writer.execute({ kind: 'recordWitness', jobId, satisfiable, error: satisfiable ? '' : 'none' }, null);
    });
  }

  /** Has a challenge's zkProof checked. */
  private judgeChallenge(key: string): void {
    const challenge = this.writer.state.challenges.get(key);
    if (challenge?.status !== 'received') return;
    const { fate, weather } = this.world;
    if (this.world.stormy() && fate.chance('verifier fails', weather.verifierFailPercent)) return;
    const { prover, circuitId, challengeId, submissionId } = challenge;
    const valid = this.world.challengeTruths.get(submissionId!) === true;
    const code = valid ? '' : 'pairingFailed';
    this.options.later(fate.between('verifier takes', 2, weather.verifyMsMax), () => {
      this.writer.execute({ kind: 'recordChallenge', prover, circuitId, challengeId, valid, code }, null);
    });
  }

  private watchLeases(): void {
    if (this.storage.away) return;
    const { state } = this.writer;
    for (const job of state.jobs.values()) {
      if (job.status !== 'awarded') continue;
      for (const side of [job.primary, job.backup]) {
        if (side && !isOut(side)) this.watchLease(job.jobId, side.prover);
      }
      const expectedEndMs = job.primary && this.expectedEnds.get(`${job.jobId} ${job.primary.prover}`);
      if (expectedEndMs && isPredictedMiss(state, job, expectedEndMs)) {
        this.writer.execute({ kind: 'predictMiss', jobId: job.jobId, expectedEndMs }, null);
      }
    }
  }

  private watchLease(jobId: string, prover: Address): void {
    const { state } = this.writer;
    const lastSeenMs = this.lastSeen.get(`${jobId} ${prover}`) ?? 0;
    if (this.world.timeline.nowMs < leaseEndsMs(state, state.jobs.get(jobId)!, lastSeenMs)) return;
    this.writer.execute({ kind: 'missLease', jobId, prover, lastSeenMs }, null);
  }
}

function idOf({ kind, key, dueMs }: WakeUp): string {
  return `${kind} ${key} ${dueMs}`;
}

function isOut(side: Assignment): boolean {
  return side.status === 'gaveUp' || side.leaseMissed;
}
