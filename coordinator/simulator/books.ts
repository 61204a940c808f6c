/**
 * The checker: follows the durable log entry by entry and says what is not as it must be (I1 to I7 of ARCHITECTURE.md,
 * and that no innocent prover is slashed). It trusts nothing of the coordinator: its state is that of its own replay.
 */
import { depositWeiOf } from '#market/commitReveal.js';
import { Replay } from '#market/replay.js';
import { type Assignment, type Job, type MarketState, pinnedParameters } from '#market/state.js';
import { wakeUpsOfJob } from '#market/wakeUps.js';
import type { Entry, EntryOf } from '#protocol/entries.js';
import type { Hex } from '#protocol/units.js';
import { FaultBooks } from './faultBooks.js';
import { JobBooks } from './jobBooks.js';
import { PoolBooks } from './poolBooks.js';
import { SealBooks } from './sealBooks.js';
import type { Answer, Storage } from './storage.js';
import type { World } from './world.js';

/** Why nobody is served: the process is dead or stands still, or the database is away. */
export type OutageCause = 'dead' | 'frozen' | 'away';

export class Books {
  private readonly world: World;
  private readonly replay: Replay;
  private readonly pools: PoolBooks;
  private readonly jobs: JobBooks;
  private readonly faults: FaultBooks;
  private readonly seals: SealBooks;
  /** Leaves as they were first seen. */
  private readonly seen: string[] = [];
  private readonly acknowledged = new Map<Hex, { answer: string; leaves: string[] }>();
  private readonly causes = new Set<OutageCause>();
  private readonly outages: { fromMs: number; toMs: number }[] = [];

  constructor(world: World, checkSignatures: boolean) {
    this.world = world;
    this.pools = new PoolBooks(world);
    this.jobs = new JobBooks(world, this.pools);
    this.faults = new FaultBooks(world);
    this.seals = new SealBooks(world);
    this.replay = new Replay({
      checkSignatures,
      onBlockCompleted: (state, blockId) => {
        const leftWei = state.balances.get(`escrow:${blockId}`) ?? 0n;
        if (leftWei !== 0n) this.flaw('I3', `${leftWei} wei are left in the escrow of the completed block ${blockId}`);
      },
    });
  }

  /** The market as the log has it. */
  get state(): MarketState {
    return this.replay.state;
  }

  /** Reads what has been added to the log, and checks all of it. */
  follow(storage: Storage): void {
    this.checkUnchanged(storage);
    for (let index = this.seen.length; index < storage.leaves.length; index += 1) {
      const entry = storage.entries[index]!;
      this.seen.push(storage.leaves[index]!);
      this.world.note(`entry: ${entry.type}`, storage.leaves[index]!);
      this.checkInnocence(entry);
      this.faults.take(entry, this.state);
      if (!this.replay.push(entry)) {
        this.flaw('I7', `entry ${index} (${entry.type}): ${this.replay.divergence?.explanation}`);
        return;
      }
      if (entry.type !== 'proofAccepted' && entry.type !== 'jobExpired') this.pools.take(entry, index);
      this.jobs.take(entry, index);
      if (entry.type === 'proofAccepted' || entry.type === 'jobExpired') this.pools.take(entry, index);
      this.seals.take(entry);
    }
    this.checkMoney();
    this.checkWakeUps();
  }

  /** I1: an answer leaves the coordinator; what it promises must be durable, and the same digest gets the same answer. */
  acknowledge(storage: Storage, digest: Hex, answer: Answer): void {
    const text = JSON.stringify(answer);
    const kept = storage.answers.get(digest);
    const before = this.acknowledged.get(digest);
    if (before && before.answer !== text) this.flaw('I1', `${digest} was answered ${before.answer}, now ${text}`);
    if (!answer.ok) return;
    if (!kept || JSON.stringify(kept) !== text) this.flaw('I1', `the answer to ${digest} is not durable`);
    const leaves = storage.leaves.slice(answer.firstIndex, answer.firstIndex + answer.entryCount);
    if (leaves.length !== answer.entryCount) this.flaw('I1', `the entries of ${digest} are not durable`);
    this.acknowledged.set(digest, { answer: text, leaves });
  }

  /** I5: what a process has in memory is what the log folds to. */
  compareState(state: MarketState): void {
    if (state.size !== this.state.size)
      this.flaw('I5', `${state.size} entries in memory, ${this.state.size} in the log`);
    else if (textOf(state) !== textOf(this.state)) this.flaw('I5', 'the state in memory is not the fold of the log');
  }

  /** At the end of a run: all is there that was acknowledged, every command has its entries, every job has ended. */
  close(storage: Storage): void {
    this.checkUnchanged(storage);
    for (const [digest, { answer, leaves }] of this.acknowledged) {
      const { firstIndex } = JSON.parse(answer) as { firstIndex: number };
      if (leaves.some((leaf, at) => storage.leaves[firstIndex + at] !== leaf)) {
        this.flaw('I1', `the entries of the acknowledged ${digest} are gone`);
      }
    }
    const divergence = this.replay.end();
    if (divergence) this.flaw('I7', divergence.explanation);
    for (const jobId of this.jobs.openJobIds()) this.flaw('I4', `job ${jobId} has not ended`);
    for (const [account, wei] of this.state.balances) {
      if (/^(bond|escrow):/.test(account) && wei !== 0n) this.flaw('I3', `${account} holds ${wei} wei at the end`);
    }
  }

  hasOpenJobs(): boolean {
    return this.jobs.openJobIds().length > 0;
  }

  /** Nobody is served from now on, for this reason too. */
  outageBegins(cause: OutageCause, nowMs: number): void {
    if (this.causes.size === 0) this.outages.push({ fromMs: nowMs, toMs: Number.POSITIVE_INFINITY });
    this.causes.add(cause);
  }

  outageEnds(cause: OutageCause, nowMs: number): void {
    if (this.causes.delete(cause) && this.causes.size === 0) this.outages.at(-1)!.toMs = nowMs;
  }

  private flaw(invariant: string, text: string): void {
    this.world.violation(`${invariant}: ${text}`);
  }

  private checkUnchanged(storage: Storage): void {
    if (storage.leaves.length < this.seen.length) this.flaw('I5', 'the log has shrunk');
    const changed = this.seen.findIndex((leaf, index) => storage.leaves[index] !== leaf);
    if (changed >= 0) this.flaw('I5', `entry ${changed} has changed`);
  }

  /** I3: money is where the open work is, and nowhere else. */
  private checkMoney(): void {
    const held = new Map<string, bigint>();
    const hold = (account: string, wei: bigint) => held.set(account, (held.get(account) ?? 0n) + wei);
    for (const job of this.state.jobs.values()) {
      if (job.status === 'ended') continue;
      hold(`escrow:${job.blockId}`, job.maxPriceWei);
      for (const side of sidesOf(job)) hold(`bond:${side.prover}`, side.bondWei);
      for (const one of job.pool?.commitments ?? []) hold(`bond:${one.prover}`, one.bondWei);
    }
    for (const round of this.state.rounds.values()) {
      const depositWei = round.clearedAtMs === null ? depositWeiOf(this.state, round) : 0n;
      for (const prover of round.bids.keys()) hold(`bond:${prover}`, depositWei);
    }
    let sumWei = 0n;
    for (const [account, wei] of this.state.balances) {
      sumWei += wei;
      if (wei < 0n && account !== 'outside') this.flaw('I3', `${account} is below zero`);
      if (/^(escrow|bond):/.test(account) && wei !== (held.get(account) ?? 0n))
        this.flaw('I3', `${account} holds ${wei}`);
    }
    if (sumWei !== 0n) this.flaw('I3', `the ledger is off by ${sumWei} wei`);
  }

  /** I4: a job that has not ended waits for something. */
  private checkWakeUps(): void {
    for (const job of this.state.jobs.values()) {
      const isIdle =
        job.status === 'awarded' || job.status === 'pooled'
          ? wakeUpsOfJob(job).length === 0
          : job.status === 'waiting'
            ? job.after.every((jobId) => this.state.jobs.get(jobId)!.status === 'ended')
            : job.status === 'open' && this.state.rounds.get(job.roundId!)?.clearedAtMs !== null;
      if (isIdle) this.flaw('I4', `job ${job.jobId} is neither ended nor holds a wake-up`);
    }
  }

  /**
   * Nobody is slashed for an expired job whose valid zkProof was ready in its time, unless it died or the network lost a
   * message of it: whatever else kept the zkProof out was the coordinator. Looked at before the entry is folded.
   */
  private checkInnocence(entry: Entry): void {
    if (entry.type !== 'jobExpired' || entry.reason !== 'deadlinePassed') return;
    const job = this.state.jobs.get(entry.jobId)!;
    for (const side of sidesOf(job)) {
      const slashed = isSlashed(entry, side);
      if (!slashed) this.world.note('ending: a bond was excused');
      const delivery = this.world.deliveries.get(`${side.prover} ${job.jobId}`);
      if (!delivery || delivery.lost || side.status === 'gaveUp') continue;
      const marginMs = pinnedParameters(this.state, job).deliveryMarginMs;
      if (delivery.readyAtMs > Math.min(side.dueMs, job.deadlineMs - marginMs)) continue;
      const wasOut = this.outages.some(({ fromMs, toMs }) => fromMs <= delivery.readyAtMs && toMs >= job.deadlineMs);
      this.world.note('ending: ready in time, and yet expired');
      if (wasOut) this.world.note('ending: ready, and no coordinator until the deadline');
      if (slashed) this.flaw('innocent', `${side.prover} was slashed for ${job.jobId}, ready at ${delivery.readyAtMs}`);
    }
  }
}

function sidesOf(job: Job): Assignment[] {
  return [job.primary, job.backup].filter((side): side is Assignment => side !== null);
}

function isSlashed(entry: EntryOf<'jobExpired'>, { prover }: Assignment): boolean {
  return entry.postings.some(({ from, why }) => from === `bond:${prover}` && why === 'slashToRequester');
}

/** A state as text: two states are the same when their texts are, in whatever order an object got its members. */
function textOf(state: MarketState): string {
  return JSON.stringify(state, (_key, value: unknown) => {
    if (typeof value === 'bigint') return `${value}n`;
    if (value instanceof Map) return [...value];
    if (value === null || typeof value !== 'object' || Array.isArray(value)) return value;
    return Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)));
  });
}
