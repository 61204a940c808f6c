import { Worker } from 'node:worker_threads';
import type { Verdict } from '#protocol/zkProof.js';
import type { KeyFault } from './keyFault.js';
import type { PoolBatch, PoolTask, VerifierQueue, VerifyTask } from './verifierQueue.js';
import type { WorkerAnswer, WorkerRequest } from './verifyWorker.js';

/** How often a statement is given to a worker before a worker's death is held against it. */
const ATTEMPTS_MAX = 2;

/** JavaScript heap of a worker in MB; parsed statements are small, and the curve's memory is not counted here. */
const WORKER_HEAP_MB = 96;

/**
 * snarkjs loads the package `web-worker`, which takes any thread it wakes up in for one that it started itself and runs
 * the module named here; without this it throws. An empty one leaves our worker alone.
 */
export const WORKER_DATA = { mod: 'data:,', name: 'verifier' };

interface Thread {
  readonly worker: Worker;
  /** What it works on; empty when idle. */
  batch: PoolBatch;
  deadline: NodeJS.Timeout | undefined;
}

/**
 * The worker threads of a pool. A thread is made when there is work and none is idle; an idle one does not keep the
 * process alive. A thread that dies or is late is replaced; what it held is tried once more, each task alone, and then
 * gets the code `verifierThrew`.
 */
export class VerifierThreads {
  readonly #options: { queue: VerifierQueue; threadsMax: number; timeoutMs: number; workerUrl: URL };
  readonly #threads = new Set<Thread>();
  #wakeIsDue = false;
  #isClosed = false;

  constructor(options: { queue: VerifierQueue; threadsMax: number; timeoutMs: number; workerUrl: URL }) {
    if (!(options.threadsMax >= 1)) throw new RangeError('a verifier needs at least one thread');
    this.#options = options;
  }

  /** Tasks that workers hold at this moment. */
  get inFlight(): number {
    let count = 0;
    for (const { batch } of this.#threads) count += batch.length;
    return count;
  }

  /** Says that there is work. It is handed out after the current tick, so that what arrives together goes together. */
  wake(): void {
    if (this.#wakeIsDue) return;
    this.#wakeIsDue = true;
    setImmediate(() => {
      this.#wakeIsDue = false;
      this.#handOut();
    });
  }

  /** Ends all threads; tasks under way fail with `error`. */
  async close(error: Error): Promise<void> {
    this.#isClosed = true;
    const threads = [...this.#threads];
    for (const thread of threads) {
      for (const task of this.#release(thread)) task.fail(error);
    }
    await Promise.all(threads.map(({ worker }) => worker.terminate()));
  }

  #handOut(): void {
    const { queue, threadsMax } = this.#options;
    while (!this.#isClosed && queue.size > 0) {
      const busy = [...this.#threads].filter(({ batch }) => batch.length > 0).length;
      if (busy >= threadsMax) return;
      const thread = [...this.#threads].find(({ batch }) => batch.length === 0) ?? this.#start();
      this.#give(thread, queue.takeBatch(threadsMax - busy));
    }
  }

  #start(): Thread {
    const worker = new Worker(this.#options.workerUrl, {
      execArgv: [],
      workerData: WORKER_DATA,
      resourceLimits: { maxOldGenerationSizeMb: WORKER_HEAP_MB, maxYoungGenerationSizeMb: 8 },
    });
    const thread: Thread = { worker, batch: [], deadline: undefined };
    worker.on('message', (answer: WorkerAnswer) => this.#settle(thread, answer));
    // The exit that follows an error is where the thread's work is seen to.
    worker.on('error', () => undefined);
    worker.on('exit', () => this.#bury(thread));
    worker.unref();
    this.#threads.add(thread);
    return thread;
  }

  #give(thread: Thread, batch: PoolBatch): void {
    thread.batch = batch;
    thread.deadline = setTimeout(() => void thread.worker.terminate(), this.#options.timeoutMs);
    thread.worker.ref();
    thread.worker.postMessage(requestFor(batch));
  }

  #release(thread: Thread): readonly PoolTask[] {
    const tasks: readonly PoolTask[] = thread.batch;
    clearTimeout(thread.deadline);
    thread.batch = [];
    return tasks;
  }

  #settle(thread: Thread, answer: WorkerAnswer): void {
    const tasks = this.#release(thread);
    thread.worker.unref();
    for (const [index, task] of tasks.entries()) {
      if (task.kind === 'checkKey') task.settle(answer.kind === 'checkKey' ? answer.fault : keyThrew);
      else task.settle((answer.kind === 'verify' ? answer.verdicts[index] : undefined) ?? threw);
    }
    this.#handOut();
  }

  #bury(thread: Thread): void {
    this.#threads.delete(thread);
    const again: PoolTask[] = [];
    for (const task of this.#release(thread)) {
      task.attempts += 1;
      if (task.attempts < ATTEMPTS_MAX) again.push(task);
      else if (task.kind === 'checkKey') task.settle(keyThrew);
      else task.settle(threw);
    }
    this.#options.queue.putBack(again);
    this.#handOut();
  }
}

const threw: Verdict = { valid: false, code: 'verifierThrew', detail: 'The verifier could not process the zkProof.' };

const keyThrew: KeyFault = {
  ok: false,
  code: 'verifierThrew',
  detail: 'The verifier could not process the verification key.',
};

function requestFor(batch: PoolBatch): WorkerRequest {
  const [head] = batch;
  if (!head) throw new RangeError('a batch holds at least one task');
  const { verificationKey } = head;
  if (head.kind === 'checkKey') return { kind: 'checkKey', verificationKey };
  const items = (batch as readonly VerifyTask[]).map(({ item }) => item);
  return { kind: 'verify', circuitId: head.circuitId, verificationKey, items };
}
