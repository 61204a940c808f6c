/**
 * The process in which `agent bench` measures one way to use the machine, so that the memory that it takes is that of this
 * way alone. It is handed its work as the first message, tells its progress, and ends with the parent.
 */
import { readFileSync } from 'node:fs';
import { messageOf } from '../../log.js';
import { createProver, type Prover, type ProverOptions, sharedBytes, type WitnessInput } from '../prover.js';

/** A zkProof that takes longer hangs, in milliseconds. */
const LIMIT_MS = 600_000;

/** What to measure: files by path, because bytes do not travel well between processes. */
export interface BenchTask {
  prover: Omit<ProverOptions, 'wasm' | 'zkey'>;
  wasmPath: string;
  /** Null for an external prover, which reads its file itself. */
  zkeyPath: string | null;
  /** Null for a circuit without a sample: then a witness of random numbers is proven, of so many wires. */
  input: WitnessInput | null;
  wires: number;
  slots: number;
  /** zkProofs of each slot that count; one more is made before, to warm up. */
  rounds: number;
}

/** One zkProof; times in milliseconds. */
export interface BenchTime {
  witnessMs: number;
  provingMs: number;
  totalMs: number;
}

/** What the process says: each zkProof that is done, then all of them; or why it could not. */
export type BenchSays =
  | { kind: 'proof' }
  | { kind: 'done'; times: BenchTime[]; elapsedMs: number; peakMb: number }
  | { kind: 'failed'; reason: string };

const say = (what: BenchSays) => process.send?.(what);

async function measure({ prover, wasmPath, zkeyPath, slots, rounds, ...work }: BenchTask): Promise<void> {
  const wasm = sharedBytes(readFileSync(wasmPath));
  const zkey = zkeyPath === null ? null : sharedBytes(readFileSync(zkeyPath));
  const provers = Array.from({ length: slots }, () => createProver({ ...prover, wasm, zkey }));
  await Promise.all(provers.map((one) => one.warm()));
  const proveOnce = async (one: Prover): Promise<BenchTime> => {
    const beganMs = performance.now();
    const { witnessMs, provingMs } = await proofOf(one, work);
    say({ kind: 'proof' });
    // What was rehearsed is an estimate, and may be more than the time it took.
    return { witnessMs, provingMs, totalMs: Math.max(performance.now() - beganMs, witnessMs + provingMs) };
  };
  await Promise.all(provers.map(proveOnce));
  const times: BenchTime[] = [];
  const startedMs = performance.now();
  const run = async (one: Prover) => {
    for (let round = 0; round < rounds; round += 1) times.push(await proveOnce(one));
  };
  await Promise.all(provers.map(run));
  const elapsedMs = performance.now() - startedMs;
  // The kernel's own figure, in KiB on every system.
  const peakMb = process.resourceUsage().maxRSS / 1_024;
  await Promise.all(provers.map((one) => one.close()));
  say({ kind: 'done', times, elapsedMs, peakMb });
}

/** Makes a zkProof, or does the work of one where no input is known. */
async function proofOf(one: Prover, { input, wires }: Pick<BenchTask, 'input' | 'wires'>) {
  if (input) return one.prove(input, undefined, undefined, LIMIT_MS);
  return { witnessMs: 0, provingMs: (await one.rehearse?.(wires, undefined, LIMIT_MS)) ?? 0 };
}

process.once('disconnect', () => process.exit(1));
process.once('message', (task) => {
  measure(task as BenchTask).catch((error) => say({ kind: 'failed', reason: messageOf(error) }));
});
