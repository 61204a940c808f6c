/** The same zkProofs without a market: the same workers, fed from one queue. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { splitBlock } from '#market/splitBlock.js';
import type { BareProverAnswer } from './bareProver.js';
import type { AtEnd } from './temporary.js';

/** What the bare workers took, in milliseconds; costs are means of one zkProof. */
export interface BareRun {
  elapsedMs: number;
  witnessMs: number;
  provingMs: number;
  /** zkProofs of each worker. */
  jobs: number[];
}

/**
 * Proves all jobs of a block with one process for each number of threads, each as warm as an agent's prover is. The
 * block is split beforehand, and whoever is free takes the next job, so that nothing is lost but the proving itself.
 */
export async function runBare(atEnd: AtEnd, blockFile: unknown, threadsOfEach: readonly number[]): Promise<BareRun> {
  const split = splitBlock(blockFile as Parameters<typeof splitBlock>[0]);
  if (!split.ok) throw new Error(`the example block is refused: ${split.detail}`);
  const queue = split.jobs.map(({ witnessInput }) => witnessInput);
  const workers = await Promise.all(threadsOfEach.map((threads) => startWorker(atEnd, threads)));
  const startedAt = performance.now();
  const made = await Promise.all(workers.map((worker) => workOff(worker, queue)));
  const elapsedMs = performance.now() - startedAt;
  await Promise.all(workers.map(endWorker));
  const all = made.flat();
  const mean = (pick: (one: (typeof all)[number]) => number) =>
    all.reduce((total, one) => total + pick(one), 0) / all.length;
  return {
    elapsedMs,
    witnessMs: mean(({ witnessMs }) => witnessMs),
    provingMs: mean(({ provingMs }) => provingMs),
    jobs: made.map(({ length }) => length),
  };
}

async function startWorker(atEnd: AtEnd, threads: number): Promise<ChildProcess> {
  const worker = fork(new URL('./bareProver.js', import.meta.url), [String(threads)], { execArgv: [] });
  atEnd(() => endWorker(worker));
  await nextAnswer(worker);
  return worker;
}

/** Ends a worker; safe to call twice. */
async function endWorker(worker: ChildProcess): Promise<void> {
  if (worker.exitCode !== null || worker.signalCode !== null) return;
  const ended = once(worker, 'exit');
  worker.kill('SIGKILL');
  await ended;
}

async function workOff(worker: ChildProcess, queue: unknown[]): Promise<Extract<BareProverAnswer, { kind: 'made' }>[]> {
  const made: Extract<BareProverAnswer, { kind: 'made' }>[] = [];
  for (let input = queue.shift(); input !== undefined; input = queue.shift()) {
    worker.send(input as object);
    const answer = await nextAnswer(worker);
    if (answer.kind === 'made') made.push(answer);
  }
  return made;
}

/** The next thing that a worker says; an error when it ends instead. */
function nextAnswer(worker: ChildProcess): Promise<BareProverAnswer> {
  return new Promise((resolve, reject) => {
    const onEnd = () => {
      worker.off('message', onAnswer);
      reject(new Error('a bare prover has ended early'));
    };
    const onAnswer = (answer: unknown) => {
      worker.off('exit', onEnd);
      resolve(answer as BareProverAnswer);
    };
    worker.once('message', onAnswer);
    worker.once('exit', onEnd);
  });
}
