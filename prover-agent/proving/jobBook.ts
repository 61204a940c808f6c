import type { GiveUp } from '#protocol/messages.js';
import type { PoolRamp } from '#protocol/poolPrice.js';
import type { Address } from '#protocol/units.js';
import type { JobView, ProgressView } from '#protocol/views.js';
import type { WitnessInput } from './prover.js';

/** What an agent does for a job: waits for its turn, proves, sends, or waits for the verdict. */
export type JobPhase = 'waiting' | 'running' | 'delivering' | 'delivered';

/** What a pooled job pays, and what this prover asks for it. */
export interface PoolTerms {
  ramp: PoolRamp;
  priceWei: bigint;
}

/** A job that this prover is primary or backup of, or proves for the pool. */
export interface HeldJob {
  readonly jobId: string;
  readonly circuitId: string;
  readonly role: 'primary' | 'backup' | 'pool';
  /** For role `pool`: it is committed to when the price is reached. */
  readonly pool: PoolTerms | null;
  readonly publicSignals: readonly string[];
  readonly inputHash: string;
  deadlineMs: number;
  dueMs: number;
  /** False while a backup stands by. */
  isActive: boolean;
  /** Promised time that the market counts for it, in milliseconds. */
  promisedMs: number;
  phase: JobPhase;
  stage: ProgressView['stage'];
  progressPpm: number;
  expectedEndMs: number | null;
  input: WitnessInput | null;
  isFetching: boolean;
  /** Failed attempts to prove. */
  failures: number;
  /** True in the pause before it is tried again. */
  isResting: boolean;
  /** zkProofs that the market found invalid. */
  invalidCount: number;
  /** When the running proof began, by the coordinator's clock. */
  startedMs: number | null;
  /** Aborted when the job is dropped. */
  readonly ended: AbortController;
}

/** How many ended jobs are remembered, so that a late answer does not bring one back. */
const ENDED_MAX = 20_000;

/**
 * The jobs that this prover holds. What the coordinator lists is the truth; the feed only brings news sooner. News of
 * an end or an activation outlives a list that was drawn up before it.
 */
export class JobBook {
  readonly #prover: Address;
  readonly #jobs = new Map<string, HeldJob>();
  readonly #ended = new Set<string>();
  readonly #activated = new Set<string>();

  constructor(prover: Address) {
    this.#prover = prover;
  }

  get(jobId: string): HeldJob | undefined {
    return this.#jobs.get(jobId);
  }

  all(): HeldJob[] {
    return [...this.#jobs.values()];
  }

  /** Sum of the promised times of all jobs held, in milliseconds. */
  committedMs(): number {
    let sum = 0;
    for (const { promisedMs } of this.#jobs.values()) sum += promisedMs;
    return sum;
  }

  /**
   * Takes the coordinator's list of this prover's open jobs: adds what is new, updates what is known, drops what is no
   * longer listed.
   * @returns the jobs that are new
   */
  takeList(views: readonly JobView[]): HeldJob[] {
    const added: HeldJob[] = [];
    const listed = new Set<string>();
    for (const view of views) {
      const held = this.#assignmentOf(view);
      if (!held || this.#ended.has(view.jobId) || view.status !== 'awarded') continue;
      listed.add(view.jobId);
      const known = this.#jobs.get(view.jobId);
      if (known) this.#update(known, view, held.side);
      else added.push(this.#add(view, held.role, held.side));
    }
    for (const { jobId, role } of this.all()) {
      if (role !== 'pool' && !listed.has(jobId)) this.end(jobId);
    }
    return added;
  }

  /** Takes up a pooled job; null for one that has ended or is held. The market does not list it: it binds nobody. */
  addPooled(view: JobView, pool: PoolTerms, promisedMs: number, dueMs: number): HeldJob | null {
    if (this.hasEnded(view.jobId) || this.#jobs.has(view.jobId)) return null;
    const job = newJob(view, { role: 'pool', pool, dueMs, isActive: true, promisedMs, invalidCount: 0 });
    this.#jobs.set(view.jobId, job);
    return job;
  }

  /** True for a job whose end was heard of. */
  hasEnded(jobId: string): boolean {
    return this.#ended.has(jobId);
  }

  /** Calls a backup. Remembered even for a job that has not been listed yet. */
  activate(jobId: string): HeldJob | undefined {
    remember(this.#activated, jobId);
    const job = this.#jobs.get(jobId);
    if (job && !job.isActive) {
      job.isActive = true;
      job.stage = 'queued';
    }
    return job;
  }

  /** Drops a job and aborts its work. */
  end(jobId: string): HeldJob | undefined {
    remember(this.#ended, jobId);
    const job = this.#jobs.get(jobId);
    this.#jobs.delete(jobId);
    job?.ended.abort();
    return job;
  }

  #assignmentOf(view: JobView) {
    for (const role of ['primary', 'backup'] as const) {
      const side = view[role];
      if (side?.prover === this.#prover && side.status !== 'gaveUp') return { role, side };
    }
    return null;
  }

  #add(view: JobView, role: HeldJob['role'], side: NonNullable<JobView['primary']>): HeldJob {
    const isActive = side.status === 'active' || this.#activated.has(view.jobId);
    const { dueMs, provingMsP95: promisedMs, invalidCount } = side;
    const job = newJob(view, { role, pool: null, dueMs, isActive, promisedMs, invalidCount });
    if (this.#hasPending(view)) job.phase = 'delivered';
    this.#jobs.set(view.jobId, job);
    return job;
  }

  #update(job: HeldJob, view: JobView, side: NonNullable<JobView['primary']>): void {
    job.dueMs = side.dueMs;
    job.deadlineMs = view.deadlineMs;
    if (side.status === 'active') this.activate(job.jobId);
    if (side.invalidCount > job.invalidCount) {
      job.invalidCount = side.invalidCount;
      if (job.phase === 'delivered' && !this.#hasPending(view)) job.phase = 'waiting';
    }
  }

  #hasPending(view: JobView): boolean {
    return view.submissions.some((one) => one.prover === this.#prover && one.verdict === 'pending');
  }
}

function newJob(
  { jobId, circuitId, publicSignals, inputHash, deadlineMs }: JobView,
  terms: Pick<HeldJob, 'role' | 'pool' | 'dueMs' | 'isActive' | 'promisedMs' | 'invalidCount'>,
): HeldJob {
  return {
    ...{ jobId, circuitId, publicSignals, inputHash, deadlineMs },
    ...terms,
    phase: 'waiting',
    stage: terms.isActive ? 'queued' : 'standby',
    progressPpm: 0,
    expectedEndMs: null,
    input: null,
    isFetching: false,
    failures: 0,
    isResting: false,
    startedMs: null,
    ended: new AbortController(),
  };
}

function remember(kept: Set<string>, jobId: string): void {
  kept.add(jobId);
  if (kept.size > ENDED_MAX) kept.delete(kept.values().next().value as string);
}

/**
 * Which job to begin next, and which ones cannot be finished before their deadline and should be handed back. Pure.
 * Jobs of the pool come last, since nothing is lost by leaving them; then the nearest due time first; ties by id, so
 * that a restart goes on in the same order.
 *
 * @param typicalMs - the usual time of a zkProof of a circuit, in milliseconds; null when it cannot be proven here
 * @param nowMs - the coordinator's clock
 */
export function planWork(
  jobs: readonly HeldJob[],
  nowMs: number,
  typicalMs: (circuitId: string) => number | null,
): { next: HeldJob | null; hopeless: { job: HeldJob; reason: GiveUp['reason'] }[] } {
  const hopeless: { job: HeldJob; reason: GiveUp['reason'] }[] = [];
  let next: HeldJob | null = null;
  for (const job of jobs) {
    if (!job.isActive || job.phase !== 'waiting') continue;
    const ms = typicalMs(job.circuitId);
    if (ms === null) hopeless.push({ job, reason: 'artifactUnavailable' });
    else if (nowMs + ms > job.deadlineMs) hopeless.push({ job, reason: job.input ? 'overloaded' : 'inputUnavailable' });
    // A job that has failed is tried again for its bond's sake only: whoever covers it should begin in time.
    else if (job.failures > 0 && nowMs + ms > job.dueMs) hopeless.push({ job, reason: 'provingFailed' });
    else if (job.input && !job.isResting && (!next || isBefore(job, next))) next = job;
  }
  return { next, hopeless };
}

function isBefore(a: HeldJob, b: HeldJob): boolean {
  if ((a.role === 'pool') !== (b.role === 'pool')) return b.role === 'pool';
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.jobId < b.jobId);
}
