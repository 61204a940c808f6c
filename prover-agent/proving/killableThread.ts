import { type ResourceLimits, Worker } from 'node:worker_threads';
import type { CircuitPlace } from './provingError.js';
import { cancelled, flawed, ProvingError, type ProvingFlaw } from './provingError.js';

/**
 * Room for young objects in a thread, as V8 takes by itself: the agent's own thread has less, so that it is small at rest.
 */
const YOUNG = { maxYoungGenerationSizeMb: 48 } as const;

/** What a thread says: that it is ready for work, how far it is, and how a piece of work ended. */
export type ThreadSays<Result> =
  | { kind: 'ready' }
  | { kind: 'progress'; progressPpm: number }
  | { kind: 'done'; result: Result }
  | ThreadFailure;

/** Errors do not travel between threads with what was added to them, so a failure is told in parts. */
export interface ThreadFailure {
  kind: 'failed';
  flaw: ProvingFlaw | null;
  message: string;
  places: readonly CircuitPlace[];
}

export interface KillableThreadOptions {
  file: URL;
  data: object;
  /** What its death, a time over its limit and memory over its limit are called. */
  flaws: { crashed: ProvingFlaw; timeLimit: ProvingFlaw; memoryLimit: ProvingFlaw };
  resourceLimits?: ResourceLimits;
}

/** How a piece of work is watched. */
export interface Watch {
  onProgress?: ((progressPpm: number) => void) | undefined;
  signal?: AbortSignal | undefined;
  /** The thread is ended when the work takes longer, in milliseconds. */
  limitMs?: number | undefined;
}

interface Waiter<Result> {
  resolve(result: Result): void;
  reject(error: ProvingError): void;
  onProgress?: ((progressPpm: number) => void) | undefined;
}

/**
 * A worker thread that does one piece of work at a time and is ended rather than asked to stop. It starts with the first
 * call, and again with the first call after an end.
 */
export class KillableThread<Request, Result> {
  readonly #options: KillableThreadOptions;
  #worker: Worker | null = null;
  #isReady = false;
  #running: Waiter<Result> | null = null;
  #warming: Waiter<void>[] = [];

  constructor(options: KillableThreadOptions) {
    this.#options = options;
  }

  /** Starts the thread and waits until it is ready. Throws ProvingError when it does not come to that. */
  warm(limitMs?: number): Promise<void> {
    const ready = () =>
      new Promise<void>((resolve, reject) => {
        this.#start();
        if (this.#isReady) resolve();
        else this.#warming.push({ resolve, reject });
      });
    return this.#watched(ready, { limitMs });
  }

  /**
   * Does a piece of work.
   * @param transfer - memory of the request that changes hands instead of being copied
   * @throws ProvingError
   */
  ask(request: Request, watch: Watch = {}, transfer: readonly ArrayBuffer[] = []): Promise<Result> {
    if (this.#running) throw new Error('this thread is at work: it does one thing at a time');
    if (watch.signal?.aborted) return Promise.reject(cancelled('cancelled before it began'));
    const asked = () =>
      new Promise<Result>((resolve, reject) => {
        const worker = this.#start();
        this.#running = { resolve, reject, onProgress: watch.onProgress };
        worker.postMessage(request, transfer as ArrayBuffer[]);
      });
    return this.#watched(asked, watch);
  }

  /** Ends the thread; work under way ends as cancelled. */
  close(): Promise<void> {
    return this.#end(cancelled('the prover was closed'));
  }

  async #watched<Outcome>(work: () => Promise<Outcome>, { signal, limitMs }: Watch): Promise<Outcome> {
    const onAbort = () => void this.#end(cancelled());
    const onLate = () => void this.#end(flawed(this.#options.flaws.timeLimit, `ended after ${limitMs} ms`));
    signal?.addEventListener('abort', onAbort, { once: true });
    const timer = limitMs === undefined ? undefined : setTimeout(onLate, limitMs);
    try {
      return await work();
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    }
  }

  #start(): Worker {
    if (this.#worker) return this.#worker;
    const { file, data, flaws, resourceLimits } = this.#options;
    const worker = new Worker(file, { workerData: data, resourceLimits: { ...YOUNG, ...resourceLimits } });
    const fail = (flaw: ProvingFlaw, message: string) => {
      if (this.#worker === worker) void this.#end(flawed(flaw, message));
    };
    worker.on('message', (says: ThreadSays<Result>) => {
      if (this.#worker === worker) this.#hear(says);
    });
    worker.on('error', (error: Error & { code?: string }) => {
      const isMemory = error.code === 'ERR_WORKER_OUT_OF_MEMORY';
      fail(isMemory ? flaws.memoryLimit : flaws.crashed, `a thread of the prover failed: ${error.message}`);
    });
    worker.on('exit', (code) => fail(flaws.crashed, `a thread of the prover ended with code ${code}`));
    this.#worker = worker;
    return worker;
  }

  #hear(says: ThreadSays<Result>): void {
    if (says.kind === 'progress') {
      this.#running?.onProgress?.(says.progressPpm);
    } else if (says.kind === 'ready') {
      this.#isReady = true;
      for (const waiter of this.#warming.splice(0)) waiter.resolve();
    } else if (says.kind === 'done') {
      const waiter = this.#running;
      this.#running = null;
      waiter?.resolve(says.result);
    } else {
      const error = errorOf(says);
      if (!this.#isReady) void this.#end(error);
      const waiter = this.#running;
      this.#running = null;
      waiter?.reject(error);
    }
  }

  /** Ends the thread and what it started and fails whoever waits; returns when it is gone. */
  async #end(error: ProvingError): Promise<void> {
    const worker = this.#worker;
    const waiters = [...this.#warming.splice(0), ...(this.#running ? [this.#running] : [])];
    this.#worker = null;
    this.#isReady = false;
    this.#running = null;
    for (const waiter of waiters) waiter.reject(error);
    await worker?.terminate();
  }
}

function errorOf({ flaw, message, places }: ThreadFailure): ProvingError {
  return flaw ? flawed(flaw, message, places) : new ProvingError('provingFailed', message);
}
