import { RejectedError } from '#protocol/client.js';
import { contentHashOf } from '#protocol/contentHash.js';
import type { GiveUp } from '#protocol/messages.js';
import { pause, repeatUntilDone } from '../backoff.js';
import { isLoginLost, isUnreachable, type Session } from '../client/session.js';
import { type AgentLog, messageOf } from '../log.js';
import { expectedEnds, paceEndMs } from './expectedEnds.js';
import { type HeldJob, type JobBook, planWork } from './jobBook.js';
import type { Measurements } from './measurements.js';
import { commitToPool } from './poolCommit.js';
import type { ProvableCircuit } from './provableCircuit.js';
import type { MadeProof } from './prover.js';
import { flawed, ProvingError } from './provingError.js';
import type { ProvingTimes } from './provingTimes.js';

/** How often a job is tried anew after a failed proof, while there is time for it. */
const RETRIES_MAX = 8;
/** The first retry comes at once; the second after this, each further one after twice as long, in milliseconds. */
const RETRY_PAUSE_MS = 250;
const RETRY_PAUSE_MS_MAX = 5_000;
/** Work that takes so many times what was promised, and at least so many milliseconds, hangs and is ended. */
const HANGING_FACTOR = 5;
const HANGING_MS_MIN = 20_000;
/** Jobs lost in a row to failing proofs after which no more are bid for, and for how long, in milliseconds. */
const LOSSES_MAX = 3;
const LOSSES_FOR_MS = 600_000;
/** Inputs fetched at once. */
const FETCHES_MAX = 4;
/** How often an input with a wrong hash is fetched again. */
const WRONG_INPUTS_MAX = 3;
/** Pause before a delivery is repeated that came before the market had called the backup, in milliseconds. */
const TOO_EARLY_MS = 500;

export interface JobRunnerOptions {
  session: Session;
  book: JobBook;
  circuits: ReadonlyMap<string, ProvableCircuit>;
  measurements: Measurements;
  /** Where it is written down what was expected and what came of it. */
  times: ProvingTimes;
  slots: number;
  log: AgentLog;
  /** Ends all repeating. */
  signal: AbortSignal;
  /** Whether a circuit is being prepared: its jobs wait for it. */
  isComing(circuitId: string): boolean;
  /** Called when a job enters another stage: the moment for a heartbeat. */
  onStage(): void;
}

/** Carries the jobs of a book from input to delivery. All methods return at once and never throw. */
export class JobRunner {
  readonly #options: JobRunnerOptions;
  readonly #freeSlots: number[];
  readonly #givingUp = new Set<string>();
  /** Jobs lost in a row to failing proofs, by circuit; times are of the coordinator's clock. */
  readonly #losses = new Map<string, { count: number; lastMs: number }>();
  #fetches = 0;
  /** False before the circuits are ready and once the agent is stopping. */
  #isOpen = false;

  constructor(options: JobRunnerOptions) {
    this.#options = options;
    this.#freeSlots = Array.from({ length: options.slots }, (_, slot) => slot);
  }

  /** Looks at the book again: fetches what is missing, begins what is due, hands back what cannot be done. */
  pump(): void {
    if (!this.#isOpen) return;
    this.#fetchMissing();
    const { book, session, isComing } = this.#options;
    for (;;) {
      const plannable = book.all().filter(({ circuitId }) => !isComing(circuitId));
      const { next, hopeless } = planWork(plannable, session.clock.nowMs(), (id) => this.#typicalMs(id));
      for (const { job, reason } of hopeless) {
        if (reason === 'provingFailed') this.#countLoss(job);
        void this.giveUp(job, reason);
      }
      if (!next || this.#freeSlots.length === 0) return;
      void this.#run(next, this.#freeSlots.pop()!);
    }
  }

  /** Begins to work: the circuits are ready. */
  start(): void {
    this.#isOpen = true;
    this.pump();
  }

  /** Begins nothing any more. */
  stop(): void {
    this.#isOpen = false;
  }

  /** Tells the market that the job will not be delivered, and why, and drops it. One of the pool is just dropped. */
  async giveUp(job: HeldJob, reason: GiveUp['reason'], detail = ''): Promise<void> {
    const { session, book, log, signal } = this.#options;
    if (this.#givingUp.has(job.jobId)) return;
    if (job.role === 'pool') {
      book.end(job.jobId);
      log('poolLeft', { jobId: job.jobId, reason });
      return;
    }
    this.#givingUp.add(job.jobId);
    book.end(job.jobId);
    log('gaveUp', { jobId: job.jobId, role: job.role, reason });
    try {
      await repeatUntilDone(() => session.giveUp(job.jobId, reason, detail), {
        isWorthRepeating: (error) => isUnreachable(error) && session.clock.nowMs() < job.deadlineMs,
        signal,
      });
    } catch (error) {
      log('giveUpRefused', { jobId: job.jobId, reason: messageOf(error) });
    } finally {
      this.#givingUp.delete(job.jobId);
    }
  }

  /** True while proofs of a circuit keep failing here, as without memory: a while later it is tried again. */
  proofsFail(circuitId: string): boolean {
    const losses = this.#losses.get(circuitId);
    if (!losses || losses.count < LOSSES_MAX) return false;
    return this.#options.session.clock.nowMs() < losses.lastMs + LOSSES_FOR_MS;
  }

  /** When each job held is expected to be done, by the coordinator's clock: what heartbeats say. */
  expectedEnds(): ReadonlyMap<string, number | null> {
    const { book, session, slots } = this.#options;
    return expectedEnds(book.all(), slots, session.clock.nowMs(), (id) => this.#typicalMs(id));
  }

  #typicalMs(circuitId: string): number | null {
    const circuit = this.#options.circuits.get(circuitId);
    return circuit ? this.#options.measurements.typicalMs(circuit.setting) : null;
  }

  #fetchMissing(): void {
    const missing = this.#options.book.all().filter((job) => !job.input && !job.isFetching && job.phase === 'waiting');
    missing.sort((a, b) => Number(b.isActive) - Number(a.isActive) || a.dueMs - b.dueMs);
    for (const job of missing.slice(0, Math.max(0, FETCHES_MAX - this.#fetches))) void this.#fetch(job);
  }

  async #fetch(job: HeldJob): Promise<void> {
    const { session, book, log } = this.#options;
    this.#fetches += 1;
    job.isFetching = true;
    if (job.isActive) job.stage = 'fetching';
    try {
      for (let attempt = 1; ; attempt += 1) {
        const { input } = await repeatUntilDone(() => session.fetchInput(job.jobId), {
          isWorthRepeating: (error) =>
            (isUnreachable(error) || isLoginLost(error)) && session.clock.nowMs() < job.deadlineMs,
          signal: job.ended.signal,
        });
        if (contentHashOf(input) === job.inputHash) {
          job.input = input;
          break;
        }
        log('inputHashMismatch', { jobId: job.jobId, attempt });
        if (attempt >= WRONG_INPUTS_MAX) throw new Error('the coordinator serves an input with another hash');
      }
    } catch (error) {
      if (job.ended.signal.aborted) return;
      if (error instanceof RejectedError && ['jobEnded', 'unknownJob', 'notAssigned'].includes(error.code)) {
        book.end(job.jobId);
        log('jobDropped', { jobId: job.jobId, why: error.code, phase: job.phase });
      } else {
        log('inputUnavailable', { jobId: job.jobId, reason: messageOf(error) });
        void this.giveUp(job, 'inputUnavailable');
      }
    } finally {
      this.#fetches -= 1;
      job.isFetching = false;
      if (job.stage === 'fetching') job.stage = 'queued';
      this.pump();
    }
  }

  async #run(job: HeldJob, slot: number): Promise<void> {
    const { session, circuits, measurements, log, onStage } = this.#options;
    const circuit = circuits.get(job.circuitId)!;
    const limitMs = Math.max(HANGING_MS_MIN, HANGING_FACTOR * (measurements.promisedMs(circuit.setting) ?? 0));
    const typicalMs = this.#typicalMs(job.circuitId)!;
    job.phase = 'running';
    job.startedMs = session.clock.nowMs();
    job.expectedEndMs = job.startedMs + typicalMs;
    const { jobId, circuitId, promisedMs } = job;
    log('proofStarted', { jobId, role: job.role, slot, dueMs: job.dueMs, expectedMs: typicalMs });
    const beganMs = performance.now();
    let made: MadeProof | null = null;
    try {
      made = await circuit.provers[slot]!.prove(
        job.input!,
        ({ stage, progressPpm }) => {
          const isNew = stage !== job.stage;
          job.stage = stage;
          job.progressPpm = progressPpm;
          job.expectedEndMs = paceEndMs(job.startedMs!, session.clock.nowMs(), progressPpm) ?? job.expectedEndMs;
          log('proofProgress', { jobId, stage, progressPpm, expectedEndMs: job.expectedEndMs });
          if (isNew) onStage();
        },
        job.ended.signal,
        limitMs,
      );
      if (!sameSignals(made.publicSignals, job.publicSignals)) {
        made = null;
        throw flawed('otherSignals', 'the input leads to other public signals than those of the job');
      }
      const actualMs = Math.round(performance.now() - beganMs);
      void measurements.add(circuit.setting, actualMs);
      this.#losses.delete(circuitId);
      const { witnessMs, provingMs } = made;
      const time = { jobId, circuitId, promisedMs, expectedMs: typicalMs, actualMs, witnessMs, provingMs };
      this.#options.times.add({ atMs: session.clock.nowMs(), ...time });
      log('proofMade', { ...time, promisesMs: measurements.promisedMs(circuit.setting) });
    } catch (error) {
      this.#fail(job, error);
    }
    this.#freeSlots.push(slot);
    // The next job's thread is at work while this thread signs.
    this.pump();
    if (made && !job.ended.signal.aborted) void this.#deliver(job, made);
  }

  #fail(job: HeldJob, error: unknown): void {
    const { log } = this.#options;
    if (job.ended.signal.aborted) {
      log('proofCancelled', { jobId: job.jobId, progressPpm: job.progressPpm });
      return;
    }
    const isWitness = error instanceof ProvingError && error.code === 'witnessFailed';
    const code = isWitness ? 'witnessFailed' : 'provingFailed';
    const flaw = error instanceof ProvingError ? error.flaw : null;
    log('proofFailed', { jobId: job.jobId, code, flaw, reason: messageOf(error) });
    job.failures += 1;
    this.#requeue(job);
    // A witness that cannot be made will not be made by trying again; a proof that failed might.
    if (!isWitness && this.#retry(job)) return;
    if (!isWitness) this.#countLoss(job);
    // Of a prover's own trouble the public log is told the kind only.
    void this.giveUp(job, code, isWitness ? messageOf(error) : (flaw ?? ''));
  }

  #countLoss({ circuitId }: HeldJob): void {
    const count = (this.#losses.get(circuitId)?.count ?? 0) + 1;
    this.#losses.set(circuitId, { count, lastMs: this.#options.session.clock.nowMs() });
  }

  /** Has a failed job tried again if that can be done before the backup's start; false if not. */
  #retry(job: HeldJob): boolean {
    if (job.failures > RETRIES_MAX) return false;
    const pauseMs = job.failures === 1 ? 0 : Math.min(RETRY_PAUSE_MS * 2 ** (job.failures - 2), RETRY_PAUSE_MS_MAX);
    const typicalMs = this.#typicalMs(job.circuitId) ?? 0;
    if (this.#options.session.clock.nowMs() + pauseMs + typicalMs > job.dueMs) return false;
    if (pauseMs === 0) return true;
    job.isResting = true;
    void pause(pauseMs, job.ended.signal).then(() => {
      job.isResting = false;
      this.pump();
    });
    return true;
  }

  #requeue(job: HeldJob): void {
    job.phase = 'waiting';
    job.stage = 'queued';
    job.progressPpm = 0;
    job.expectedEndMs = null;
    job.startedMs = null;
  }

  /** Takes the verdict that this prover's zkProof for a job is invalid: tries again while the market allows it. */
  takeInvalid(jobId: string): void {
    const { book, session, log } = this.#options;
    const job = book.get(jobId);
    if (!job) return;
    job.invalidCount += 1;
    log('zkProofInvalid', { jobId, invalidCount: job.invalidCount });
    if (job.phase === 'delivered' && job.invalidCount < session.market.parameters.invalidProofsMax) this.#requeue(job);
    this.pump();
  }

  /** A verdict may be heard before the answer to the delivery that it is about: then it counts now. */
  #takeDelivered(job: HeldJob, invalidBefore: number): void {
    const { session, log } = this.#options;
    job.phase = 'delivered';
    log('proofDelivered', { jobId: job.jobId, role: job.role });
    const { invalidProofsMax } = session.market.parameters;
    if (job.invalidCount === invalidBefore || job.invalidCount >= invalidProofsMax) return;
    this.#requeue(job);
    this.pump();
  }

  async #deliver(job: HeldJob, made: MadeProof): Promise<void> {
    const { session, log } = this.#options;
    const invalidBefore = job.invalidCount;
    job.phase = 'delivering';
    job.stage = 'submitting';
    job.progressPpm = 1_000_000;
    job.expectedEndMs = session.clock.nowMs();
    try {
      await commitToPool(job, made, session, log);
      await repeatUntilDone(() => this.#submit(job, made), {
        isWorthRepeating: (error) => isUnreachable(error),
        onFailure: (error, attempt) => log('deliveryDelayed', { jobId: job.jobId, attempt, reason: messageOf(error) }),
        signal: job.ended.signal,
      });
      this.#takeDelivered(job, invalidBefore);
    } catch (error) {
      if (!job.ended.signal.aborted) this.#takeRefusal(job, error);
    }
  }

  /** A backup may be done before this prover's market has logged its call: then the same message is sent again. */
  async #submit(job: HeldJob, made: MadeProof): Promise<void> {
    for (;;) {
      try {
        await this.#options.session.submitProof(job.jobId, made.publicSignals, made.zkProof);
        return;
      } catch (error) {
        const isEarly = error instanceof RejectedError && error.code === 'notActivated';
        if (!isEarly || job.ended.signal.aborted) throw error;
        await pause(TOO_EARLY_MS, job.ended.signal);
      }
    }
  }

  #takeRefusal(job: HeldJob, error: unknown): void {
    const { book, log } = this.#options;
    const code = error instanceof RejectedError ? error.code : 'provingFailed';
    log('deliveryRefused', { jobId: job.jobId, code, reason: messageOf(error) });
    if (code === 'submissionPending') job.phase = 'delivered';
    else if (['jobEnded', 'unknownJob', 'notAssigned', 'tooManyInvalid'].includes(code)) {
      book.end(job.jobId);
      log('jobDropped', { jobId: job.jobId, why: code, phase: job.phase });
    } else void this.giveUp(job, 'provingFailed');
  }
}

function sameSignals(made: readonly string[], expected: readonly string[]): boolean {
  return made.length === expected.length && made.every((signal, index) => signal === expected[index]);
}
