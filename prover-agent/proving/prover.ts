import { Worker } from 'node:worker_threads';
import type { MadeProof, ProverMessage, ProverProgress, ProverThreadData, ProvingFailureCode } from './proverThread.js';
import type { WitnessInput } from './witnessGenerator.js';

export type { MadeProof, ProverProgress } from './proverThread.js';
export type { WitnessInput } from './witnessGenerator.js';

/** The work ended without a zkProof: the input has no witness, proving failed, or it was cancelled. */
export class ProvingError extends Error {
  override readonly name = 'ProvingError';
  readonly code: ProvingFailureCode | 'cancelled';
  constructor(code: ProvingFailureCode | 'cancelled', message: string) {
    super(message);
    this.code = code;
  }
}

/** Makes zkProofs of one circuit, one at a time. */
export interface Prover {
  /** Loads proving key, witness generator and curve, so that the first zkProof does not wait for them. */
  warm(): Promise<void>;
  /**
   * Makes a zkProof and checks it against the verification key.
   * @param input - the circuit's input, decimal strings under the signals' names
   * @param signal - aborting it ends the work at once; the next call starts a new thread
   * @throws ProvingError; its message never quotes the input
   */
  prove(input: WitnessInput, onProgress?: (progress: ProverProgress) => void, signal?: AbortSignal): Promise<MadeProof>;
  /** Ends the thread; work under way ends as cancelled. */
  close(): Promise<void>;
}

/** Bytes of the artifacts, the verification key as snarkjs writes it, and how many threads one zkProof may use. */
export interface ProverOptions {
  wasm: Uint8Array;
  zkey: Uint8Array;
  verificationKey: object;
  threads: number;
  /** Verify every zkProof before handing it out (about 20 ms). Default: true. */
  selfCheck?: boolean;
}

/** Where provers come from; tests hand in their own. */
export type ProverFactory = (options: ProverOptions) => Prover;

/** Copies bytes into memory that threads share, unless they are there already. */
export function sharedBytes(bytes: Uint8Array): Uint8Array {
  if (bytes.buffer instanceof SharedArrayBuffer) return bytes;
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.byteLength));
  shared.set(bytes);
  return shared;
}

/**
 * Makes a Groth16 prover in a worker thread of its own. The thread starts with the first call and starts again after a
 * cancelled one; the artifacts are in memory once, however many provers share them.
 */
export function createProver(options: ProverOptions): Prover {
  return new ThreadedProver(options);
}

interface Waiter {
  resolve(made?: MadeProof): void;
  reject(error: ProvingError): void;
  onProgress?: ((progress: ProverProgress) => void) | undefined;
}

class ThreadedProver implements Prover {
  readonly #data: ProverThreadData;
  #worker: Worker | null = null;
  #isReady = false;
  #running: Waiter | null = null;
  #warming: Waiter[] = [];

  constructor({ wasm, zkey, verificationKey, threads, selfCheck = true }: ProverOptions) {
    if (!(Number.isInteger(threads) && threads >= 1)) throw new RangeError('a prover needs at least one thread');
    const shared = { wasm: sharedBytes(wasm), zkey: sharedBytes(zkey) };
    this.#data = { ...shared, verificationKey, threads, selfCheck, mod: 'data:,', name: 'prover' };
  }

  warm(): Promise<void> {
    this.#start();
    if (this.#isReady) return Promise.resolve();
    return new Promise((resolve, reject) => this.#warming.push({ resolve: () => resolve(), reject }));
  }

  prove(
    input: WitnessInput,
    onProgress?: (progress: ProverProgress) => void,
    signal?: AbortSignal,
  ): Promise<MadeProof> {
    if (this.#running) throw new Error('this prover is at work: it makes one zkProof at a time');
    if (signal?.aborted) return Promise.reject(new ProvingError('cancelled', 'cancelled before it began'));
    const worker = this.#start();
    return new Promise<MadeProof>((resolve, reject) => {
      const onAbort = () => void this.#end(new ProvingError('cancelled', 'the work was cancelled'));
      signal?.addEventListener('abort', onAbort, { once: true });
      const settle = () => signal?.removeEventListener('abort', onAbort);
      this.#running = {
        resolve: (made) => {
          settle();
          resolve(made!);
        },
        reject: (error) => {
          settle();
          reject(error);
        },
        onProgress,
      };
      worker.postMessage(input);
    });
  }

  close(): Promise<void> {
    return this.#end(new ProvingError('cancelled', 'the prover was closed'));
  }

  #start(): Worker {
    if (this.#worker) return this.#worker;
    const worker = new Worker(new URL('./proverThread.js', import.meta.url), { workerData: this.#data });
    const fail = (message: string) => {
      if (this.#worker === worker) void this.#end(new ProvingError('provingFailed', message));
    };
    worker.on('message', (message: ProverMessage) => {
      if (this.#worker === worker) this.#hear(message);
    });
    worker.on('error', (error) => fail(error.message));
    worker.on('exit', (code) => fail(`the prover's thread ended with code ${code}`));
    this.#worker = worker;
    return worker;
  }

  #hear(message: ProverMessage): void {
    if (message.kind === 'progress') {
      this.#running?.onProgress?.({ stage: message.stage, progressPpm: message.progressPpm });
    } else if (message.kind === 'ready') {
      this.#isReady = true;
      for (const waiter of this.#warming.splice(0)) waiter.resolve();
    } else if (message.kind === 'failed' && !this.#isReady) {
      void this.#end(new ProvingError(message.code, message.message));
    } else {
      const waiter = this.#running;
      this.#running = null;
      if (message.kind === 'made') waiter?.resolve(message.made);
      else waiter?.reject(new ProvingError(message.code, message.message));
    }
  }

  /** Ends the thread with its curve threads and fails whoever waits; returns when they are gone. */
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
