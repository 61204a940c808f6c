/** Runs a grid: every mechanism on the same markets, cell by cell, seed by seed, on one or several threads. */
import { Worker } from 'node:worker_threads';
import type { Cell } from './grid.js';
import type { MechanismName } from './mechanisms.js';
import { type Measures, runMarket } from './runMarket.js';

/** One market to run. */
export interface Task {
  cell: number;
  mechanism: MechanismName;
  seed: number;
}

/** Results by cell, then mechanism, then seed. */
export type Results = Map<MechanismName, Measures[]>[];

export interface Comparison {
  cells: readonly Cell[];
  results: Results;
  /** Events of virtual time, over all runs, and the seconds of all threads that they took. */
  events: number;
  tookSec: number;
}

/** The tasks of a grid: the seeds of a cell together, so that an interrupted run would have whole cells. */
export function tasksOf(cells: readonly Cell[], fromSeed: number): Task[] {
  return cells.flatMap(({ mechanisms, seeds }, cell) =>
    Array.from({ length: seeds }, (_, index) => fromSeed + index).flatMap((seed) =>
      mechanisms.map((mechanism) => ({ cell, mechanism, seed })),
    ),
  );
}

export function runTask(cells: readonly Cell[], { cell, mechanism, seed }: Task): Measures {
  const { scenario, length } = cells[cell]!;
  return runMarket(scenario, mechanism, seed, length).measures;
}

/**
 * Runs all tasks of a grid.
 *
 * @param fromSeed - the first seed
 * @param threads - how many worker threads; with 1 everything runs in this one
 * @param onDone - called after each task
 */
export async function compare(
  cells: readonly Cell[],
  fromSeed: number,
  threads: number,
  onDone: (done: number, total: number) => void = () => {},
): Promise<Comparison> {
  const tasks = tasksOf(cells, fromSeed);
  const startedMs = performance.now();
  const measured: Measures[] = [];
  let done = 0;
  const keep = (index: number, measures: Measures) => {
    measured[index] = measures;
    done += 1;
    onDone(done, tasks.length);
  };
  if (threads === 1) for (const [index, task] of tasks.entries()) keep(index, runTask(cells, task));
  else await Promise.all(Array.from({ length: threads }, worker(cells, tasks, keep)));
  const results: Results = cells.map(({ mechanisms }) => new Map(mechanisms.map((name) => [name, []])));
  for (const [index, { cell, mechanism }] of tasks.entries()) results[cell]!.get(mechanism)!.push(measured[index]!);
  const events = measured.reduce((sum, one) => sum + one.events, 0);
  return { cells, results, events, tookSec: (performance.now() - startedMs) / 1_000 };
}

/** Makes threads that take the next task whenever they are done with one. */
function worker(
  cells: readonly Cell[],
  tasks: readonly Task[],
  keep: (index: number, measures: Measures) => void,
): () => Promise<void> {
  let next = 0;
  return () =>
    new Promise((resolve, reject) => {
      const thread = new Worker(new URL('./compareWorker.js', import.meta.url), { workerData: cells });
      const goOn = () => {
        const index = next++;
        const task = tasks[index];
        if (task) thread.postMessage({ index, task });
        else void thread.terminate().then(() => resolve());
      };
      thread.on('message', ({ index, measures }: { index: number; measures: Measures }) => {
        keep(index, measures);
        goOn();
      });
      thread.on('error', reject);
      goOn();
    });
}
