/**
 * The curve that snarkjs proves with, built so that this process decides how many threads it has. snarkjs looks for it
 * in `globalThis.curve_bn128`; with `singleThread` it would build a new one for every proof, and without it would start
 * as many workers as the machine has cores.
 */
import { Worker } from 'node:worker_threads';
import type { CurveStep, CurveThreadData, CurveWork } from './curveThread.js';
import { type ForeignGroup, multiExpAffine } from './msm/multiExp.js';
import { WindowSums, type WindowTask } from './msm/windowSums.js';

/** The part of ffjavascript's thread manager through which all heavy calls go. */
interface ThreadManager {
  code: Uint8Array;
  concurrency: number;
  queueAction(steps: CurveStep[]): Promise<Uint8Array[]>;
}

/** The parts of ffjavascript's curve that are replaced. */
interface ForeignCurve {
  tm: ThreadManager;
  G1: ForeignGroup;
  G2: ForeignGroup;
}

/**
 * Builds the curve with this many threads, and with our own multi-exponentiation, and puts it where snarkjs finds it.
 * Once per thread of execution.
 */
export async function installCurve(threads: number): Promise<void> {
  const { buildBn128 } = await import('ffjavascript');
  const curve = (await buildBn128(true)) as unknown as ForeignCurve;
  let runWindows: (task: WindowTask) => Promise<Uint8Array>;
  if (threads > 1) {
    const pool = new CurveThreads(curve.tm.code, threads);
    curve.tm.concurrency = threads;
    curve.tm.queueAction = (steps) => pool.run({ steps });
    runWindows = async (task) => (await pool.run({ task }))[0]!;
  } else {
    let sums: WindowSums | null = null;
    runWindows = async (task) => {
      sums ??= new WindowSums();
      return sums.run(task);
    };
  }
  for (const name of ['G1', 'G2'] as const) {
    curve[name].multiExpAffine = multiExpAffine(name, curve[name], runWindows, threads);
  }
  (globalThis as { curve_bn128?: unknown }).curve_bn128 = curve;
}

interface Waiting {
  work: CurveWork;
  resolve(out: Uint8Array[]): void;
}

/** Hands batches to threads in the order in which they come. A thread that dies ends the whole prover. */
class CurveThreads {
  readonly #idle: Worker[] = [];
  readonly #waiting: Waiting[] = [];
  /** Copies in shared memory: the windows of one multi-exponentiation all name the same two buffers. */
  readonly #shared = new WeakMap<Uint8Array, Uint8Array>();

  constructor(code: Uint8Array, threads: number) {
    const workerData: CurveThreadData = { code };
    for (let i = 0; i < threads; i++) {
      const worker = new Worker(new URL('./curveThread.js', import.meta.url), { workerData });
      worker.on('error', (error) => {
        throw error;
      });
      this.#idle.push(worker);
    }
  }

  run(work: CurveWork): Promise<Uint8Array[]> {
    return new Promise((resolve) => {
      this.#waiting.push({ work: this.#inSharedMemory(work), resolve });
      this.#handOut();
    });
  }

  #handOut(): void {
    while (this.#idle.length > 0 && this.#waiting.length > 0) {
      const worker = this.#idle.pop()!;
      const { work, resolve } = this.#waiting.shift()!;
      worker.once('message', (out: Uint8Array[]) => {
        this.#idle.push(worker);
        resolve(out);
        this.#handOut();
      });
      worker.postMessage(work);
    }
  }

  #inSharedMemory(work: CurveWork): CurveWork {
    if ('steps' in work) {
      return { steps: work.steps.map((step) => ('buff' in step ? { ...step, buff: this.#share(step.buff) } : step)) };
    }
    const { points, scalars } = work.task;
    return { task: { ...work.task, points: this.#share(points), scalars: this.#share(scalars) } };
  }

  #share(bytes: Uint8Array): Uint8Array {
    let shared = this.#shared.get(bytes);
    if (!shared) {
      shared = new Uint8Array(new SharedArrayBuffer(bytes.byteLength));
      shared.set(bytes);
      this.#shared.set(bytes, shared);
    }
    return shared;
  }
}
