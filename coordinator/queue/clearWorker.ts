/** A thread that computes one clearing. The input comes as the thread's data, the result goes back as its only message. */
import { parentPort, workerData } from 'node:worker_threads';
import { type ClearingInput, clear } from '#market/clear.js';

parentPort?.postMessage(clear(workerData as ClearingInput));
