/** A prover's slots and the queue in front of them: jobs run one after another, and take the time that they take. */
import type { Timeline } from '../timeline.js';
import { normal, unit } from './draws.js';
import type { Prover } from './population.js';
import { DURATION_SIGMA } from './scenario.js';

/** Work on a job, from its place in the queue to its end. */
export interface Work<Job> {
  job: Job;
  prover: Prover;
  startedMs: number | null;
  /** How long it would run, and whether it is lost then. */
  durationMs: number;
  willVanish: boolean;
  state: 'queued' | 'running' | 'done' | 'vanished' | 'cancelled';
  /** Milliseconds of a slot that it has used. */
  usedMs: number;
}

export interface WorkshopEvents<Job> {
  done(work: Work<Job>): void;
  vanished(work: Work<Job>): void;
}

/** The slots of one prover. How long a job takes and whether it is lost depends on prover and job alone. */
export class Workshop<Job extends { number: number }> {
  readonly prover: Prover;
  private readonly seed: number;
  private readonly timeline: Timeline;
  private readonly events: WorkshopEvents<Job>;
  private readonly queue: Work<Job>[] = [];
  private readonly running = new Set<Work<Job>>();

  constructor(prover: Prover, seed: number, timeline: Timeline, events: WorkshopEvents<Job>) {
    this.prover = prover;
    this.seed = seed;
    this.timeline = timeline;
    this.events = events;
  }

  get idleSlots(): number {
    return Math.max(0, this.prover.slots - this.running.size - this.queue.length);
  }

  /** Puts a job into the queue. @param prover - under which name it works on it */
  add(job: Job, prover: Prover = this.prover): Work<Job> {
    const { seed } = this;
    const { machine } = prover;
    const willVanish = unit(seed, 'vanish', job.number, machine) < prover.failing;
    const fullMs = prover.medianMs * Math.exp(DURATION_SIGMA * normal(seed, 'duration', job.number, machine));
    const part = willVanish ? unit(seed, 'vanish when', job.number, machine) : 1;
    const durationMs = Math.max(1, Math.round(fullMs * part));
    const work: Work<Job> = { job, prover, startedMs: null, durationMs, willVanish, state: 'queued', usedMs: 0 };
    this.queue.push(work);
    this.startNext();
    return work;
  }

  /** Drops work, queued or running; its slot is free at once. */
  cancel(work: Work<Job>): void {
    if (work.state === 'queued') {
      this.queue.splice(this.queue.indexOf(work), 1);
      work.state = 'cancelled';
    } else if (work.state === 'running') {
      this.stop(work, 'cancelled');
    }
  }

  /** Loses everything that is queued or running. */
  loseAll(): void {
    const lost = [...this.running, ...this.queue];
    this.queue.length = 0;
    for (const work of lost) {
      if (work.state === 'running') this.stop(work, 'vanished');
      else work.state = 'vanished';
    }
    for (const work of lost) this.events.vanished(work);
  }

  /** When a further job would be finished, by the time that this prover promises and what it has left to do. */
  promisedFinishMs(promisedMs = this.prover.promisedMs): number {
    return this.timeline.nowMs + Math.ceil(this.leftMs(promisedMs) / this.prover.slots) + promisedMs;
  }

  /** When a further job would be started, as expected: with all slots equally filled. */
  expectedStartMs(): number {
    const isFree = this.running.size + this.queue.length < this.prover.slots;
    return this.timeline.nowMs + (isFree ? 0 : this.leftMs(this.prover.medianMs) / this.prover.slots);
  }

  private leftMs(eachMs: number): number {
    const { nowMs } = this.timeline;
    let leftMs = this.queue.length * eachMs;
    for (const { startedMs } of this.running) leftMs += Math.max(0, eachMs - (nowMs - startedMs!));
    return leftMs;
  }

  private startNext(): void {
    while (this.running.size < this.prover.slots) {
      const work = this.queue.shift();
      if (!work) return;
      work.state = 'running';
      work.startedMs = this.timeline.nowMs;
      this.running.add(work);
      this.timeline.after(work.durationMs, () => this.finish(work));
    }
  }

  private finish(work: Work<Job>): void {
    if (work.state !== 'running') return;
    this.stop(work, work.willVanish ? 'vanished' : 'done');
    if (work.willVanish) this.events.vanished(work);
    else this.events.done(work);
  }

  private stop(work: Work<Job>, state: 'done' | 'vanished' | 'cancelled'): void {
    work.state = state;
    work.usedMs = this.timeline.nowMs - work.startedMs!;
    this.running.delete(work);
    this.startNext();
  }
}
