import { Worker } from 'node:worker_threads';

/** An operational error: nothing was decided; ask again in a moment. */
export class HeavyWorkUnavailableError extends Error {
  override readonly name = 'HeavyWorkUnavailableError';
  readonly retryable = true;
}

export interface WorkerLaneOptions {
  /** Compiled module of the worker: it answers a message of n tasks with a message of n answers, in order. */
  workerUrl: URL;
  workerData: unknown;
  threadsMax: number;
  /** Tasks that go to a thread in one message. */
  batchMax: number;
  /** Tasks that may wait or be under way at once. */
  queueMax: number;
  /** How long a thread may take over one message before it is ended. */
  timeoutMs: number;
  heapMb: number;
  /** A thread that has had nothing to do for so long is ended, and its memory freed. Default: never. */
  idleMs?: number;
}

interface Waiting<Task, Answer> {
  task: Task;
  resolve: (answer: Answer) => void;
  reject: (error: Error) => void;
}

interface Thread<Task, Answer> {
  worker: Worker;
  /** What it works on; empty when idle. */
  batch: Waiting<Task, Answer>[];
  deadline: NodeJS.Timeout | undefined;
  /** Ends it while it is idle. */
  retirement: NodeJS.Timeout | undefined;
}

/**
 * A bounded queue of tasks before a few worker threads. Tasks that wait together go together, which is what keeps the
 * cost of a message small. A thread is made when it is needed; one that dies takes its tasks with it as an operational
 * error, and the next task gets a new one.
 */
export class WorkerLane<Task, Answer> {
  readonly #options: WorkerLaneOptions;
  readonly #queue: Waiting<Task, Answer>[] = [];
  readonly #threads = new Set<Thread<Task, Answer>>();
  #underWay = 0;
  #isHandingOut = false;
  #isClosed = false;

  constructor(options: WorkerLaneOptions) {
    this.#options = options;
  }

  /** Has a task done. Throws HeavyWorkUnavailableError when too much waits. */
  run(task: Task): Promise<Answer> {
    const { queueMax } = this.#options;
    return new Promise((resolve, reject) => {
      if (this.#isClosed) return reject(new HeavyWorkUnavailableError('the workers are closed'));
      if (this.#queue.length + this.#underWay >= queueMax) {
        return reject(new HeavyWorkUnavailableError(`${queueMax} tasks wait already`));
      }
      this.#queue.push({ task, resolve, reject });
      if (this.#isHandingOut) return;
      this.#isHandingOut = true;
      setImmediate(() => {
        this.#isHandingOut = false;
        this.#handOut();
      });
    });
  }

  /** Ends the threads; whatever waits or is under way ends in an operational error. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const closed = new HeavyWorkUnavailableError('the workers were closed');
    for (const { reject } of this.#queue.splice(0)) reject(closed);
    await Promise.all([...this.#threads].map(({ worker }) => worker.terminate()));
  }

  #handOut(): void {
    while (!this.#isClosed && this.#queue.length > 0) {
      const idle = [...this.#threads].find(({ batch }) => batch.length === 0);
      if (!idle && this.#threads.size >= this.#options.threadsMax) return;
      this.#give(idle ?? this.#start());
    }
  }

  #give(thread: Thread<Task, Answer>): void {
    clearTimeout(thread.retirement);
    thread.batch = this.#queue.splice(0, this.#options.batchMax);
    this.#underWay += thread.batch.length;
    thread.deadline = setTimeout(() => void thread.worker.terminate(), this.#options.timeoutMs);
    thread.worker.ref();
    thread.worker.postMessage(thread.batch.map(({ task }) => task));
  }

  #start(): Thread<Task, Answer> {
    const { workerUrl, workerData, heapMb } = this.#options;
    const worker = new Worker(workerUrl, {
      execArgv: [],
      workerData,
      resourceLimits: { maxOldGenerationSizeMb: heapMb, maxYoungGenerationSizeMb: 8 },
    });
    const thread: Thread<Task, Answer> = { worker, batch: [], deadline: undefined, retirement: undefined };
    worker.on('message', (answers: Answer[]) => this.#settle(thread, answers));
    // The exit that follows an error is where the thread's work is seen to.
    worker.on('error', () => undefined);
    worker.on('exit', () => this.#bury(thread));
    worker.unref();
    this.#threads.add(thread);
    return thread;
  }

  #release(thread: Thread<Task, Answer>): Waiting<Task, Answer>[] {
    const { batch } = thread;
    clearTimeout(thread.deadline);
    thread.batch = [];
    this.#underWay -= batch.length;
    return batch;
  }

  #settle(thread: Thread<Task, Answer>, answers: Answer[]): void {
    const batch = this.#release(thread);
    thread.worker.unref();
    this.#handOut();
    if (thread.batch.length === 0) this.#retireLater(thread);
    for (const [index, { resolve }] of batch.entries()) resolve(answers[index] as Answer);
  }

  #retireLater(thread: Thread<Task, Answer>): void {
    const { idleMs } = this.#options;
    if (idleMs === undefined) return;
    thread.retirement = setTimeout(() => {
      this.#threads.delete(thread);
      void thread.worker.terminate();
    }, idleMs).unref();
  }

  #bury(thread: Thread<Task, Answer>): void {
    clearTimeout(thread.retirement);
    this.#threads.delete(thread);
    for (const { reject } of this.#release(thread)) reject(new HeavyWorkUnavailableError('a worker thread died'));
    this.#handOut();
  }
}
