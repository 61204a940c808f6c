/**
 * Runs what requesters bring, in a thread that lives for one question and is ended when it takes too long or too much:
 * works out the public signals of a circuit's jobs, and holds a circuit's files against its verification key.
 */
import { Worker } from 'node:worker_threads';
import type { Hex } from '#protocol/units.js';
import { WORKER_DATA } from './verifierThreads.js';

/** How long one step may take (a witness, the reading of a proving key), in milliseconds. */
export const CIRCUIT_STEP_MS_MAX = 15_000;

/** How long a whole question may take, in milliseconds. */
export const CIRCUIT_QUESTION_MS_MAX = 120_000;

/** Questions that may wait or be under way; each may hold megabytes. */
export const CIRCUIT_QUEUE_MAX = 16;

/** Heap of the thread, in megabytes. A witness generator's own memory is bounded in the thread. */
const HEAP_MB = 256;

/** A job as the market takes it. */
export interface CircuitJob {
  publicSignals: string[];
  inputHash: Hex;
  after: number[];
  input: unknown;
}

/** Jobs of a requester's list, or why there are none. */
export type CircuitJobs =
  | { ok: true; jobs: CircuitJob[] }
  | { ok: false; code: 'blockHashMismatch' | 'invalidBlock' | 'artifactMissing'; detail: string };

/** The public signals of a circuit's samples, or why its files cannot be registered. */
export type CheckedFiles =
  | { ok: true; samples: { publicSignals: string[]; inputHash: Hex }[] }
  | { ok: false; code: 'artifactMissing' | 'circuitMismatch'; detail: string };

/** The witness generator of a question. */
interface Generator {
  wasmSha256: Hex;
  signalCount: number;
}

/** Who asks: one question of each may wait, so that nobody fills the queue. */
type Asked = Generator & { asker: string };

/** What the thread is asked. */
export type CircuitQuestion =
  | ({ kind: 'jobs'; wasmPath: string; blockHash: Hex; jobsFile: unknown } & Generator)
  | ({ kind: 'files'; wasmPath: string; zkeyPath: string; circuitId: Hex; samples: unknown[] } & Generator);

/** What the thread says: that a step begins, and its answer. */
export type CircuitWord = { kind: 'step'; name: string } | { kind: 'answer'; answer: CircuitJobs | CheckedFiles };

/** Too much waits: ask again in a moment. */
export class CircuitCheckerBusyError extends Error {
  override readonly name = 'CircuitCheckerBusyError';
  readonly retryable = true;
}

export interface CircuitChecker {
  /** Reads a requester's list, whose content hash must be `blockHash`, and works out each job's public signals. */
  jobsOf(question: Asked & { blockHash: Hex; jobsFile: unknown }): Promise<CircuitJobs>;
  /** Holds proving key and witness generator against the circuit, and works out its samples' public signals. */
  checkFiles(question: Asked & { zkeySha256: Hex; circuitId: Hex; samples: unknown[] }): Promise<CheckedFiles>;
  close(): Promise<void>;
}

export interface CircuitCheckerOptions {
  /** Path of the file with this SHA-256; null when this coordinator does not have it. */
  pathOf(sha256: Hex): string | null;
  /** {@link CIRCUIT_STEP_MS_MAX} and {@link CIRCUIT_QUESTION_MS_MAX} unless told. */
  stepMsMax?: number;
  questionMsMax?: number;
}

/** Makes a checker; one question is under way at a time. Its methods throw {@link CircuitCheckerBusyError}. */
export function createCircuitChecker(options: CircuitCheckerOptions): CircuitChecker {
  const { pathOf, stepMsMax = CIRCUIT_STEP_MS_MAX, questionMsMax = CIRCUIT_QUESTION_MS_MAX } = options;
  const open = new Set<Worker>();
  let last: Promise<unknown> = Promise.resolve();
  const waiting = new Set<string>();
  let isClosed = false;
  const ask = <Answer>(asker: string, question: CircuitQuestion): Promise<Answer> => {
    if (isClosed || waiting.size >= CIRCUIT_QUEUE_MAX || waiting.has(asker)) {
      throw new CircuitCheckerBusyError(`${waiting.size} circuits and lists of jobs wait already`);
    }
    waiting.add(asker);
    const answer = last.then(() => askThread(question, { stepMsMax, questionMsMax }, open));
    last = answer.catch(() => undefined);
    return answer.finally(() => {
      waiting.delete(asker);
    }) as Promise<Answer>;
  };
  return {
    async jobsOf({ asker, ...question }) {
      const wasmPath = pathOf(question.wasmSha256);
      return wasmPath === null
        ? { ok: false, code: 'artifactMissing', detail: missing('witness generator', question.wasmSha256) }
        : await ask(asker, { kind: 'jobs', ...question, wasmPath });
    },
    async checkFiles({ asker, zkeySha256, ...question }) {
      const [wasmPath, zkeyPath] = [pathOf(question.wasmSha256), pathOf(zkeySha256)];
      if (wasmPath === null) {
        return { ok: false, code: 'artifactMissing', detail: missing('witness generator', question.wasmSha256) };
      }
      return zkeyPath === null
        ? { ok: false, code: 'artifactMissing', detail: missing('proving key', zkeySha256) }
        : await ask(asker, { kind: 'files', ...question, wasmPath, zkeyPath });
    },
    async close() {
      isClosed = true;
      await Promise.all([...open].map((worker) => worker.terminate()));
    },
  };
}

function missing(what: string, sha256: Hex): string {
  return `the ${what} ${sha256} was not uploaded to this coordinator`;
}

/** Asks a thread of its own. Whatever ends the thread is the fault of what it was asked about. */
function askThread(
  question: CircuitQuestion,
  { stepMsMax, questionMsMax }: { stepMsMax: number; questionMsMax: number },
  open: Set<Worker>,
): Promise<CircuitJobs | CheckedFiles> {
  const code = question.kind === 'jobs' ? 'invalidBlock' : 'circuitMismatch';
  return new Promise((resolve) => {
    const worker = new Worker(new URL('./circuitWorker.js', import.meta.url), {
      execArgv: [],
      workerData: WORKER_DATA,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB, maxYoungGenerationSizeMb: 16 },
    });
    open.add(worker);
    worker.postMessage(question);
    let step = 'the start';
    const give = (detail: string) => {
      resolve({ ok: false, code, detail });
      void worker.terminate();
    };
    const tooLong = (ms: number) => () => give(`${step} took longer than ${ms} ms`);
    const whole = setTimeout(tooLong(questionMsMax), questionMsMax);
    let timer = setTimeout(tooLong(stepMsMax), stepMsMax);
    worker.on('message', (word: CircuitWord) => {
      clearTimeout(timer);
      if (word.kind === 'answer') {
        resolve(word.answer);
        return void worker.terminate();
      }
      step = word.name;
      timer = setTimeout(tooLong(stepMsMax), stepMsMax);
    });
    worker.once('error', (error) => give(`${step} failed: ${error.message}`));
    worker.once('exit', () => {
      clearTimeout(timer);
      clearTimeout(whole);
      open.delete(worker);
      give(`${step} ended the thread`);
    });
  });
}
