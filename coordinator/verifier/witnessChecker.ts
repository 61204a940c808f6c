/**
 * Finds out whether a job has a witness at all, when a prover says that it has not: the circuit's own witness generator is
 * run on the job's input, in a thread that lives for one check.
 */
import { Worker } from 'node:worker_threads';
import type { Hex } from '#protocol/units.js';

/** How long a check may take before it is given up, in milliseconds; the rollup circuit takes a tenth of a second. */
export const WITNESS_TIMEOUT_MS = 30_000;

/** Heap of the thread, in megabytes. The generator's own memory is bounded in the thread. */
const WITNESS_HEAP_MB = 128;

/** A statement with the input that is to prove it. */
export interface WitnessQuestion {
  wasmSha256: Hex;
  publicSignals: readonly string[];
  input: unknown;
}

/** Whether there is a witness; null when that could not be found out. The error is for people. */
export interface WitnessFinding {
  satisfiable: boolean | null;
  error: string;
}

/** What the thread is started with. */
export interface WitnessTask extends Omit<WitnessQuestion, 'wasmSha256'> {
  wasmSha256: Hex;
  wasmPath: string;
}

export interface WitnessChecker {
  /** Never throws: what fails is a finding that nothing was found. One check runs at a time. */
  check(question: WitnessQuestion): Promise<WitnessFinding>;
  close(): Promise<void>;
}

export interface WitnessCheckerOptions {
  /** Path of the witness generator with this SHA-256; null when this coordinator does not have it. */
  wasmPathOf(sha256: Hex): string | null;
  /** {@link WITNESS_TIMEOUT_MS} unless told. */
  timeoutMs?: number;
}

/** Makes a checker; it starts no thread before there is a question. */
export function createWitnessChecker(options: WitnessCheckerOptions): WitnessChecker {
  const { wasmPathOf, timeoutMs = WITNESS_TIMEOUT_MS } = options;
  let last: Promise<unknown> = Promise.resolve();
  const open = new Set<Worker>();
  return {
    check(question) {
      const wasmPath = wasmPathOf(question.wasmSha256);
      if (wasmPath === null) return Promise.resolve(unknown('this coordinator does not have the witness generator'));
      const finding = last.then(() => checkInThread({ ...question, wasmPath }, timeoutMs, open));
      last = finding;
      return finding;
    },
    async close() {
      await Promise.all([...open].map((worker) => worker.terminate()));
    },
  };
}

function unknown(error: string): WitnessFinding {
  return { satisfiable: null, error };
}

function checkInThread(task: WitnessTask, timeoutMs: number, open: Set<Worker>): Promise<WitnessFinding> {
  return new Promise((resolve) => {
    const worker = new Worker(new URL('./witnessWorker.js', import.meta.url), {
      execArgv: [],
      workerData: task,
      resourceLimits: { maxOldGenerationSizeMb: WITNESS_HEAP_MB, maxYoungGenerationSizeMb: 16 },
    });
    open.add(worker);
    const timer = setTimeout(() => {
      resolve(unknown(`no answer within ${timeoutMs} ms`));
      void worker.terminate();
    }, timeoutMs);
    worker.once('message', resolve);
    worker.once('error', (error) => resolve(unknown(error.message)));
    worker.once('exit', (code) => {
      clearTimeout(timer);
      open.delete(worker);
      resolve(unknown(`the thread ended with code ${code}`));
    });
  });
}
