/** A thread of the comparison: runs the markets that it is handed, one after the other. */
import { parentPort, workerData } from 'node:worker_threads';
import { runTask, type Task } from './compare.js';
import type { Cell } from './grid.js';

const cells = workerData as readonly Cell[];

parentPort!.on('message', ({ index, task }: { index: number; task: Task }) => {
  parentPort!.postMessage({ index, measures: runTask(cells, task) });
});
