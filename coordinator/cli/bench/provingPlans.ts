/** The same machine used in three ways: a process for every zkProof, a warm prover of all cores, one for each core. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createProver, type Prover, sharedBytes } from '#agent/proving/prover.js';
import { sampleInput } from '#agent/proving/sampleInput.js';
import { circuitFiles } from '#circuits/circuitFiles.js';
import { median } from './measure.js';
import { type AtEnd, temporaryHome } from './temporary.js';

/** Cores that both plans use. */
const CORES = 2;

/** Milliseconds for each zkProof, all of the machine's work counted. */
export interface ProvingPlans {
  fullproveMs: number;
  latencyMs: number;
  throughputMs: number;
}

/**
 * Times the three ways in turn, several times over, so that other work on the machine meets them alike.
 * @param rounds - zkProofs of each way; the throughput plan makes one on each core in a round
 */
export async function measurePlans(atEnd: AtEnd, rounds: number): Promise<ProvingPlans> {
  const folder = temporaryHome(atEnd);
  const input = join(folder, 'input.json');
  writeFileSync(input, JSON.stringify(sampleInput()));
  const [latency] = await warmProvers(atEnd, 1, CORES);
  const single = await warmProvers(atEnd, CORES, 1);
  const times: { [Way in keyof ProvingPlans]: number[] } = { fullproveMs: [], latencyMs: [], throughputMs: [] };
  for (let round = 1; round <= rounds; round += 1) {
    times.fullproveMs.push(await timed(() => fullprove(folder, input)));
    times.latencyMs.push(await timed(() => latency!.prove(sampleInput())));
    const both = await timed(() => Promise.all(single.map((prover) => prover.prove(sampleInput()))));
    times.throughputMs.push(both / CORES);
    const told = Object.entries(times).map(([way, all]) => `${way} ${all.at(-1)!.toFixed(0)}`);
    console.log(`round ${round} of ${rounds}: ${told.join(', ')}`);
  }
  return {
    fullproveMs: median(times.fullproveMs),
    latencyMs: median(times.latencyMs),
    throughputMs: median(times.throughputMs),
  };
}

async function warmProvers(atEnd: AtEnd, count: number, threads: number): Promise<Prover[]> {
  const files = circuitFiles();
  const [wasm, zkey] = [sharedBytes(readFileSync(files.wasm)), sharedBytes(readFileSync(files.zkey))];
  const verificationKey = JSON.parse(readFileSync(files.verificationKey, 'utf8')) as object;
  const provers = Array.from({ length: count }, () => createProver({ wasm, zkey, verificationKey, threads }));
  for (const prover of provers) atEnd(() => prover.close());
  await Promise.all(provers.map((prover) => prover.prove(sampleInput())));
  return provers;
}

/** One zkProof as snarkjs's own command makes it. */
async function fullprove(folder: string, input: string): Promise<void> {
  const files = circuitFiles();
  const program = join(dirname(createRequire(import.meta.url).resolve('snarkjs')), 'cli.cjs');
  const outputs = [join(folder, 'proof.json'), join(folder, 'public.json')];
  const args = [program, 'groth16', 'fullprove', input, files.wasm, files.zkey, ...outputs];
  const child = spawn(process.execPath, args, { stdio: 'ignore' });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`snarkjs groth16 fullprove ended with code ${code}`);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}
