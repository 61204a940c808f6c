import { createHash } from 'node:crypto';
import { type Queue, UnrecoverableError, type Worker } from 'bullmq';
import { openQueueBackend, type QueueBackend, type QueueBackendOptions } from './queueBackend.js';

/**
 * Says that something is due. The truth is a row of the journal (a wake-up, or a piece of background work); a bell
 * only makes a worker look at it in time, and may be lost or ring twice without harm.
 */
export interface Bell {
  /** What the handler does, for example `closeRound` or `verifyZkProof`. */
  kind: string;
  /** Of what, unique within the kind: a round id, a job id. */
  key: string;
  /** When it rings, Unix milliseconds. */
  dueMs: number;
}

/** Where the queue tells what happens: typed fields first, then a constant message. */
export interface BellLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** How many bells are in which state. Rung ones are not kept, nor are those given up. */
export interface BellCounts {
  waiting: number;
  delayed: number;
  active: number;
  failed: number;
}

/** A queue of bells, shared by all processes that open it on the same server with the same prefix. */
export interface BellQueue {
  /** Which server keeps the bells. */
  backend: QueueBackend['kind'];
  /** Adds bells that are not there yet; one that is due already rings at once. Rejects when the server is away. */
  ring(bells: Bell[]): Promise<void>;
  /** Begins to ring, in this process, at most `concurrency` at a time. At most once a queue. */
  start(handler: (bell: Bell) => Promise<void>, options: { concurrency: number }): Promise<void>;
  counts(): Promise<BellCounts>;
  /** Drops all bells that are not ringing at the moment. */
  flush(): Promise<void>;
  /** Takes no more bells, waits for the handlers that run, and disconnects. May be called repeatedly. */
  close(): Promise<void>;
}

/** Options of {@link createBellQueue}. */
export interface BellQueueOptions extends QueueBackendOptions {
  /** Keeps apart queues that share a server; letters, digits and hyphens. Default `understudy`. */
  prefix?: string;
  /** The clock that `dueMs` is read against, Unix milliseconds. Default: the system's. */
  nowMs?: () => number;
  log?: BellLog;
  /** How long a handler's process may be silent before its bell rings elsewhere, milliseconds. Default 5,000. */
  lockMs?: number;
  /** How often a bell rings whose handler fails, the first time included. Default 6. */
  attemptsMax?: number;
  /** Pause before the second attempt, milliseconds; doubles with every further one. Default 250. */
  retryDelayMs?: number;
}

const BELLS_PER_INSERT_MAX = 500;
/** A bell that kills its process again and again is given up at last; the journal's sweeper brings it back. */
const STALLS_MAX = 10;
const SILENT: BellLog = { info: () => {}, warn: () => {}, error: () => {} };

/**
 * Opens the queue of bells on Redis when `redisUrl` is given, otherwise on PostgreSQL.
 *
 * Delivery is at least once: handlers must be idempotent. A failed handler is tried again with exponential backoff
 * and then dropped; whoever owns the truth rings again what is still due.
 *
 * @throws Error when no server is named or PostgreSQL cannot be reached
 */
export async function createBellQueue(options: BellQueueOptions): Promise<BellQueue> {
  const log = options.log ?? SILENT;
  const nowMs = options.nowMs ?? Date.now;
  const name = `${options.prefix ?? 'understudy'}-bells`;
  const backend = await openQueueBackend(options, log);
  const queue = backend.openQueue<Bell>(name);
  let worker: Worker<Bell> | undefined;
  let closing: Promise<void> | undefined;
  // Connections that end while the queue is being closed are no news.
  const warn = (message: string) => (error: Error) => {
    if (!closing) log.warn({ reason: error.message }, message);
  };
  queue.on('error', warn('bell queue error'));
  return {
    backend: backend.kind,
    ring: (bells) => addBells(queue, bells, nowMs(), options),
    start: async (handler, { concurrency }) => {
      if (worker) throw new Error('This bell queue has been started already.');
      worker = openBellWorker(backend, name, handler, { concurrency, log, lockMs: options.lockMs ?? 5_000 });
      worker.on('error', warn('bell worker error'));
      await worker.waitUntilReady();
    },
    counts: async () => {
      const { waiting = 0, delayed = 0, active = 0, failed = 0, prioritized = 0 } = await queue.getJobCounts();
      return { waiting: waiting + prioritized, delayed, active, failed };
    },
    flush: () => queue.drain(true),
    close: () => {
      closing ??= (async () => {
        await worker?.close();
        await queue.close();
        await backend.close();
      })();
      return closing;
    },
  };
}

async function addBells(queue: Queue<Bell>, bells: Bell[], nowMs: number, options: BellQueueOptions): Promise<void> {
  const retry = {
    attempts: options.attemptsMax ?? 6,
    backoff: { type: 'exponential' as const, delay: options.retryDelayMs ?? 250 },
    removeOnComplete: true,
    removeOnFail: true,
  };
  for (let start = 0; start < bells.length; start += BELLS_PER_INSERT_MAX) {
    const queueJobs = bells.slice(start, start + BELLS_PER_INSERT_MAX).map(({ kind, key, dueMs }) => ({
      name: kind,
      data: { kind, key, dueMs },
      opts: { ...retry, jobId: bellId(kind, key, dueMs), delay: Math.max(0, dueMs - nowMs) },
    }));
    await queue.addBulk(queueJobs as never);
  }
}

/** Equal bells get equal ids, so that the queue keeps one of them. Hashed, because BullMQ allows no colon. */
function bellId(kind: string, key: string, dueMs: number): string {
  return createHash('sha256')
    .update(JSON.stringify([kind, key, dueMs]))
    .digest('base64url');
}

interface BellWorkerOptions {
  concurrency: number;
  log: BellLog;
  lockMs: number;
}

function openBellWorker(
  backend: QueueBackend,
  name: string,
  handler: (bell: Bell) => Promise<void>,
  { concurrency, log, lockMs }: BellWorkerOptions,
): Worker<Bell> {
  const worker = backend.openWorker<Bell>(name, handler, {
    concurrency,
    lockDuration: lockMs,
    stalledInterval: Math.ceil(lockMs / 2),
    maxStalledCount: STALLS_MAX,
  });
  worker.on('failed', (queueJob, error) => {
    const fields = { kind: queueJob?.data.kind, key: queueJob?.data.key, attempt: queueJob?.attemptsMade, error };
    const givenUp = !queueJob || queueJob.attemptsMade >= (queueJob.opts.attempts ?? 1);
    if (givenUp || error instanceof UnrecoverableError) log.error(fields, 'bell given up after its last attempt');
    else log.warn(fields, 'bell handler failed and will be tried again');
  });
  worker.on('stalled', (queueJobId) => log.warn({ queueJobId }, 'bell rings again: its process fell silent'));
  return worker;
}
