/** Thread of witnessChecker.ts: one check, one message. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { publicSignalsOf, WitnessError, WitnessGenerator } from '#protocol/witness/witnessGenerator.js';
import type { WitnessFinding, WitnessTask } from './witnessChecker.js';

/** Memory that a witness generator may take, in bytes; the rollup's takes 8 MB. */
const MEMORY_BYTES_MAX = 1_024 * 1_048_576;

async function check({ wasmPath, wasmSha256, publicSignals, input }: WitnessTask): Promise<WitnessFinding> {
  const wasm = await readFile(wasmPath);
  const sha256 = `0x${createHash('sha256').update(wasm).digest('hex')}`;
  if (sha256 !== wasmSha256) return { satisfiable: null, error: 'the witness generator on disk is another one' };
  const generator = await WitnessGenerator.compile(wasm, MEMORY_BYTES_MAX);
  try {
    const found = publicSignalsOf(generator.generate(input as never), publicSignals.length);
    const wrong = found.findIndex((signal, index) => signal !== publicSignals[index]);
    if (wrong >= 0) return { satisfiable: false, error: `the input leads to another public signal ${wrong}` };
    return { satisfiable: true, error: '' };
  } catch (error) {
    if (!(error instanceof WitnessError)) throw error;
    const isInput = error.flaw === 'unsatisfied' || error.flaw === 'inputShape';
    return { satisfiable: isInput ? false : null, error: error.message };
  }
}

check(workerData as WitnessTask)
  .catch((error): WitnessFinding => ({ satisfiable: null, error: String(error) }))
  .then((finding) => parentPort?.postMessage(finding));
