/**
 * The thread that proves: keeps the proving key in (shared) memory, the witness generator compiled and the curve warm,
 * and makes one zkProof at a time. Cancelling is terminating this thread; see prover.ts.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { installCurve } from './curve.js';
import { WitnessError, WitnessGenerator, type WitnessInput } from './witnessGenerator.js';

/** What the thread is started with. */
export interface ProverThreadData {
  wasm: Uint8Array;
  zkey: Uint8Array;
  verificationKey: object;
  threads: number;
  selfCheck: boolean;
  /**
   * snarkjs loads the package `web-worker`, which takes any thread it wakes up in for one of its own and runs the
   * module named here; an empty one leaves our thread alone.
   */
  mod: 'data:,';
  name: string;
}

/** How far a zkProof is: parts per million of the whole work, and which part of it. */
export interface ProverProgress {
  stage: 'witness' | 'proving';
  progressPpm: number;
}

/** A zkProof as snarkjs writes it, with its cost in milliseconds. */
export interface MadeProof {
  zkProof: Record<string, unknown>;
  publicSignals: string[];
  witnessMs: number;
  provingMs: number;
}

/** Why a zkProof could not be made. */
export type ProvingFailureCode = 'witnessFailed' | 'provingFailed';

/** What the thread says. */
export type ProverMessage =
  | { kind: 'ready' }
  | ({ kind: 'progress' } & ProverProgress)
  | { kind: 'made'; made: MadeProof }
  | { kind: 'failed'; code: ProvingFailureCode; message: string };

/**
 * How far the work is when snarkjs says these words, in parts per million. Measured on the transfer rollup, one
 * thread; for other circuits it is near enough, since all of it grows with the size.
 */
const MILESTONES: readonly (readonly [words: string, progressPpm: number])[] = [
  ['Building ABC', 30_000],
  ['Join ABC', 210_000],
  ['Reading A Points', 220_000],
  ['Reading B1 Points', 340_000],
  ['Reading B2 Points', 430_000],
  ['Reading C Points', 730_000],
  ['Reading H Points', 860_000],
];

const { wasm, zkey, verificationKey, threads, selfCheck } = workerData as ProverThreadData;

async function load() {
  const snarkjs = await import('snarkjs');
  await installCurve(threads);
  return { snarkjs, generator: await WitnessGenerator.compile(wasm) };
}

const say = (message: ProverMessage) => parentPort?.postMessage(message);

const logger = {
  debug(words: string) {
    const found = MILESTONES.find(([start]) => words === start);
    if (found) say({ kind: 'progress', stage: 'proving', progressPpm: found[1] });
  },
  info() {},
  warn() {},
  error() {},
};

async function prove(tools: Awaited<ReturnType<typeof load>>, input: WitnessInput): Promise<MadeProof> {
  const { snarkjs, generator } = tools;
  say({ kind: 'progress', stage: 'witness', progressPpm: 0 });
  const startedMs = performance.now();
  const witness = generator.generate(input);
  const provingSinceMs = performance.now();
  say({ kind: 'progress', stage: 'proving', progressPpm: 30_000 });
  const made = await snarkjs.groth16.prove({ type: 'mem', data: zkey }, { type: 'mem', data: witness }, logger);
  const endMs = performance.now();
  if (selfCheck && !(await snarkjs.groth16.verify(verificationKey, made.publicSignals, made.proof))) {
    throw new Error('the zkProof does not verify under the verification key of its circuit');
  }
  return {
    zkProof: made.proof,
    publicSignals: made.publicSignals,
    witnessMs: Math.round(provingSinceMs - startedMs),
    provingMs: Math.round(endMs - provingSinceMs),
  };
}

function failureOf(error: unknown): ProverMessage {
  const code = error instanceof WitnessError ? 'witnessFailed' : 'provingFailed';
  return { kind: 'failed', code, message: error instanceof Error ? error.message : String(error) };
}

if (parentPort) {
  const port = parentPort;
  const loading = load();
  loading.then(
    () => say({ kind: 'ready' }),
    (error) => say(failureOf(error)),
  );
  port.on('message', (input: WitnessInput) => {
    void loading
      .then((tools) => prove(tools, input))
      .then((made) => say({ kind: 'made', made }))
      .catch((error) => say(failureOf(error)));
  });
}
