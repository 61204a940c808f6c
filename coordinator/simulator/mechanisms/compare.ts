/** Runs a grid: every mechanism on the same markets, cell by cell, seed by seed, on one or several threads. */
import { Worker } from 'node:worker_threads';
import type { Cell } from './grid.js';
import type { MechanismName } from './mechanisms.js';
import { type Measures, runMarket } from './runMarket.js';
import { runStudy, type Study, type StudyGain } from './studies.js';

/** What is to be compared: markets of every mechanism, and studies of liars. */
export interface Plan {
  cells: readonly Cell[];
  studies: readonly Study[];
}

/** One market to run, or one seed of a study. */
export type Task =
  | { cell: number; mechanism: MechanismName; seed: number; study: null }
  | { study: number; seed: number };

/** Results by cell, then mechanism, then seed. */
export type Results = Map<MechanismName, Measures[]>[];

export interface Comparison extends Plan {
  results: Results;
  /** Gains by study, then seed. */
  gains: StudyGain[][][];
  /** Events of virtual time, over all runs, and the seconds of all threads that they took. */
  events: number;
  tookSec: number;
}

/** The tasks of a plan, the longest first, so that no thread is left with one at the end. */
export function tasksOf({ cells, studies }: Plan, fromSeed: number): Task[] {
  const seedsOf = (count: number) => Array.from({ length: count }, (_, index) => fromSeed + index);
  const lying = studies.flatMap(({ seeds }, study) => seedsOf(seeds).map((seed): Task => ({ study, seed })));
  const markets = cells.flatMap(({ mechanisms, seeds }, cell) =>
    seedsOf(seeds).flatMap((seed) => mechanisms.map((mechanism): Task => ({ cell, mechanism, seed, study: null }))),
  );
  const sizeOf = (task: Task) => (task.study === null ? cells[task.cell]!.scenario.provers : 500);
  return [...lying, ...markets].sort((a, b) => sizeOf(b) - sizeOf(a));
}

export function runTask({ cells, studies }: Plan, task: Task): Done {
  if (task.study !== null) return { gains: runStudy(studies[task.study]!, task.seed) };
  const { scenario, length } = cells[task.cell]!;
  return { measures: runMarket(scenario, task.mechanism, task.seed, length).measures };
}

/** What a task gives. */
export type Done = { measures: Measures } | { gains: StudyGain[] };

/**
 * Runs all tasks of a plan.
 *
 * @param fromSeed - the first seed
 * @param threads - how many worker threads; with 1 everything runs in this one
 * @param onDone - called after each task
 */
export async function compare(
  plan: Plan,
  fromSeed: number,
  threads: number,
  onDone: (done: number, total: number) => void = () => {},
): Promise<Comparison> {
  const tasks = tasksOf(plan, fromSeed);
  const startedMs = performance.now();
  const finished: Done[] = [];
  let done = 0;
  const keep = (index: number, result: Done) => {
    finished[index] = result;
    done += 1;
    onDone(done, tasks.length);
  };
  if (threads === 1) for (const [index, task] of tasks.entries()) keep(index, runTask(plan, task));
  else await Promise.all(Array.from({ length: threads }, worker(plan, tasks, keep)));
  const tookSec = (performance.now() - startedMs) / 1_000;
  return { ...plan, ...collected(plan, tasks, finished), tookSec };
}

/** Puts results in their places; those of a cell and of a study in the order of the seeds. */
function collected({ cells, studies }: Plan, tasks: readonly Task[], finished: readonly Done[]) {
  const results: Results = cells.map(({ mechanisms }) => new Map(mechanisms.map((name) => [name, []])));
  const gains: StudyGain[][][] = studies.map(() => []);
  let events = 0;
  for (const [index, task] of tasks.entries()) {
    const done = finished[index]!;
    if ('gains' in done) gains[task.study!]!.push(done.gains);
    else if (task.study === null) {
      results[task.cell]!.get(task.mechanism)!.push(done.measures);
      events += done.measures.events;
    }
  }
  return { results, gains, events };
}

/** Makes threads that take the next task whenever they are done with one. */
function worker(plan: Plan, tasks: readonly Task[], keep: (index: number, result: Done) => void): () => Promise<void> {
  let next = 0;
  return () =>
    new Promise((resolve, reject) => {
      const thread = new Worker(new URL('./compareWorker.js', import.meta.url), { workerData: plan });
      const goOn = () => {
        const index = next++;
        const task = tasks[index];
        if (task) thread.postMessage({ index, task });
        else void thread.terminate().then(() => resolve());
      };
      thread.on('message', ({ index, result }: { index: number; result: Done }) => {
        keep(index, result);
        goOn();
      });
      thread.on('error', reject);
      goOn();
    });
}
