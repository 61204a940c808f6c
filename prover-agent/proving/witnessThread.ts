/** The thread in which other people's witness generators run, and nothing else: it may be ended at any moment. */
import { parentPort, workerData } from 'node:worker_threads';
import { WitnessError, WitnessGenerator, type WitnessInput } from '#protocol/witness/witnessGenerator.js';
import type { ThreadFailure, ThreadSays } from './killableThread.js';

/** What the thread is started with. */
export interface WitnessThreadData {
  wasm: Uint8Array;
  memoryBytesMax: number;
}

function failureOf(error: unknown): ThreadFailure {
  if (error instanceof WitnessError) {
    return { kind: 'failed', flaw: error.flaw, message: error.message, places: error.places };
  }
  // Of unforeseen errors only the kind is told: their text may quote an input.
  const name = error instanceof Error ? error.name : 'an error';
  return { kind: 'failed', flaw: 'witnessCrashed', message: `the witness generator failed with ${name}`, places: [] };
}

if (parentPort) {
  const port = parentPort;
  const say = (says: ThreadSays<Uint8Array>) => port.postMessage(says);
  const { wasm, memoryBytesMax } = workerData as WitnessThreadData;
  const compiling = WitnessGenerator.compile(wasm, memoryBytesMax);
  compiling.then(
    () => say({ kind: 'ready' }),
    // Bytes that do not compile are this machine's trouble, not the input's.
    (error) => say(error instanceof WitnessError ? failureOf(error) : { ...failureOf(error), flaw: null }),
  );
  port.on('message', (input: WitnessInput) => {
    void compiling
      .then((generator) => {
        const result = generator.generate(input);
        port.postMessage({ kind: 'done', result } satisfies ThreadSays<Uint8Array>, [result.buffer as ArrayBuffer]);
      })
      .catch((error) => say(failureOf(error)));
  });
}
