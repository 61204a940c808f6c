/** A thread of the comparison: runs the markets that it is handed, one after the other. */
import { parentPort, workerData } from 'node:worker_threads';
import { type Plan, runTask, type Task } from './compare.js';

const plan = workerData as Plan;

parentPort!.on('message', ({ index, task }: { index: number; task: Task }) => {
  parentPort!.postMessage({ index, result: runTask(plan, task) });
});
