/**
 * The world in which a mechanism runs: blocks arrive, provers work, time passes, money moves. What a mechanism decides is
 * only who is asked to prove, when, and who is paid what.
 */
import { Timeline } from '../timeline.js';
import { type Account, Books } from './moneyBooks.js';
import type { Prover } from './population.js';
import type { Scenario } from './scenario.js';
import type { SimBlock, Workload } from './workload.js';
import { type Work, Workshop } from './workshop.js';

/** A job as it goes on, and what is measured of it. */
export interface SimJob {
  number: number;
  jobId: string;
  arrivalMs: number;
  deadlineMs: number;
  measured: boolean;
  /** When the first prover was asked to prove it; null while nobody was. */
  awardedMs: number | null;
  endedMs: number | null;
  /** Who delivered in time; null if nobody did. */
  deliveredBy: { prover: Prover; as: 'primary' | 'backup' | 'pool' } | null;
  /** All work on it, of any prover. */
  works: SimWork[];
  /** Those of them that came through an open race. */
  poolWorks: Set<SimWork>;
  /** Who was paid, or not, for standing by. */
  standby: Prover | null;
  /** True chance that the chosen primary or backup delivers in time, by theory; null without an award. */
  theory: number | null;
  /** The chance, as the market knows it at the award, that primary or backup delivers in time; null without an award. */
  promised: number | null;
  /** Sum of the true chances that those who enter the pool deliver in time when all before them do not; null unopened. */
  poolTheory: number | null;
}
export type SimWork = Work<SimJob>;

/** Rules by which jobs find provers and provers their money. */
export interface Mechanism {
  /** A block has come; all its jobs have the same deadline. */
  open(jobs: SimJob[]): void;
  /** A zkProof of a job that is not over, before its deadline. Ends the job, if it counts. */
  delivered(work: SimWork): void;
  /** A prover has lost a job; its agent says nothing more. */
  vanished(work: SimWork): void;
  /** The deadline of a job that is not over. */
  expired(job: SimJob): void;
  /** A region is lost: `vanished` has been called for all work in it. */
  regionLost?(): void;
}

export class SimMarket {
  readonly scenario: Scenario;
  readonly seed: number;
  readonly provers: readonly Prover[];
  readonly timeline = new Timeline(0);
  readonly books = new Books();
  readonly jobs: SimJob[] = [];
  private readonly workshops: Workshop<SimJob>[];
  private readonly workload: Workload;
  private mechanism: Mechanism | null = null;
  private regionIsLost = false;

  constructor(scenario: Scenario, seed: number, provers: readonly Prover[], workload: Workload) {
    this.scenario = scenario;
    this.seed = seed;
    this.provers = provers;
    this.workload = workload;
    const events = {
      done: (work: SimWork) => this.workDone(work),
      vanished: (work: SimWork) => this.mechanism!.vanished(work),
    };
    this.workshops = provers.map((prover) => new Workshop(prover, seed, this.timeline, events));
  }

  get nowMs(): number {
    return this.timeline.nowMs;
  }

  /** Runs to the end of the last job. */
  run(mechanism: Mechanism): void {
    this.mechanism = mechanism;
    for (const { fromMs, untilMs } of this.workload.outages) this.planOutage(fromMs, untilMs);
    this.planBlock(0);
    while (this.timeline.step());
  }

  /** True unless the prover's region is lost. */
  isUp(prover: Prover): boolean {
    return !(this.regionIsLost && prover.region === 0);
  }

  /** Provers that can hear of something now. */
  upProvers(): Prover[] {
    return this.regionIsLost ? this.provers.filter((prover) => this.isUp(prover)) : [...this.provers];
  }

  workshopOf(prover: Prover): Workshop<SimJob> {
    return this.workshops[prover.machine]!;
  }

  /** Has a prover work on a job, behind what it has in its queue. */
  assign(job: SimJob, prover: Prover): SimWork {
    job.awardedMs ??= this.nowMs;
    const work = this.workshopOf(prover).add(job, prover);
    job.works.push(work);
    if (!this.isUp(prover)) this.workshopOf(prover).loseAll();
    return work;
  }

  /** Ends a job and stops all work on it. @param winner - whose zkProof counts, if anybody's */
  end(job: SimJob, winner: SimJob['deliveredBy']): void {
    if (job.endedMs !== null) throw new Error(`job ${job.number} ends twice`);
    job.endedMs = this.nowMs;
    job.deliveredBy = winner;
    for (const work of job.works) this.workshopOf(work.prover).cancel(work);
  }

  pay(job: SimJob, from: Account, to: Account, amountWei: number): void {
    this.books.move(job, from, to, amountWei);
  }

  private planBlock(index: number): void {
    const block = this.workload.blocks[index];
    if (!block) return;
    this.timeline.at(block.arrivalMs, () => {
      this.planBlock(index + 1);
      this.mechanism!.open(this.jobsOf(block));
    });
  }

  private jobsOf({ jobs, arrivalMs, deadlineMs, measured, number: blockNumber }: SimBlock): SimJob[] {
    return jobs.map((number, index) => {
      const job: SimJob = {
        number,
        jobId: `0x${blockNumber.toString(16).padStart(64, '0')}.${index}`,
        arrivalMs,
        deadlineMs,
        measured,
        awardedMs: null,
        endedMs: null,
        deliveredBy: null,
        works: [],
        poolWorks: new Set(),
        standby: null,
        theory: null,
        promised: null,
        poolTheory: null,
      };
      this.jobs.push(job);
      this.timeline.at(deadlineMs, () => job.endedMs === null && this.mechanism!.expired(job));
      return job;
    });
  }

  private workDone(work: SimWork): void {
    if (work.job.endedMs === null && this.nowMs < work.job.deadlineMs) this.mechanism!.delivered(work);
  }

  private planOutage(fromMs: number, untilMs: number): void {
    this.timeline.at(fromMs, () => {
      this.regionIsLost = true;
      for (const prover of this.provers) if (!this.isUp(prover)) this.workshopOf(prover).loseAll();
      this.mechanism!.regionLost?.();
    });
    this.timeline.at(untilMs, () => {
      this.regionIsLost = false;
    });
  }
}
