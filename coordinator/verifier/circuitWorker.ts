/** Thread of circuitChecker.ts: one question, one answer. What it reads was written by others. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { parentPort } from 'node:worker_threads';
import { contentHashOf } from '#protocol/contentHash.js';
import { type ListedJob, readJobsFile, witnessInputFlaw } from '#protocol/jobsFile.js';
import { circuitIdOf, parseVerificationKey } from '#protocol/verificationKey.js';
import { publicSignalsOf, WitnessError, WitnessGenerator } from '#protocol/witness/witnessGenerator.js';
import type { CheckedFiles, CircuitJob, CircuitJobs, CircuitQuestion, CircuitWord } from './circuitChecker.js';
import { loadSnarkjs } from './snarkjsVerify.js';

/** Memory that a witness generator may take, in bytes: as much as when a prover's claim about it is looked into. */
const MEMORY_BYTES_MAX = 1_024 * 1_048_576;

function begin(name: string): void {
  parentPort?.postMessage({ kind: 'step', name } satisfies CircuitWord);
}

async function compile({ wasmPath, wasmSha256 }: CircuitQuestion): Promise<WitnessGenerator> {
  const wasm = await readFile(wasmPath);
  const sha256 = `0x${createHash('sha256').update(wasm).digest('hex')}`;
  if (sha256 !== wasmSha256) throw new Error('the witness generator on disk is another one');
  return await WitnessGenerator.compile(wasm, MEMORY_BYTES_MAX);
}

/** The public signals that an input leads to, or why it has none. */
function signalsOf(generator: WitnessGenerator, input: unknown, count: number): string[] | string {
  try {
    return publicSignalsOf(generator.generate(input as never), count);
  } catch (error) {
    if (error instanceof WitnessError) return error.message;
    throw error;
  }
}

async function jobsOf(question: CircuitQuestion & { kind: 'jobs' }): Promise<CircuitJobs> {
  const invalid = (detail: string): CircuitJobs => ({ ok: false, code: 'invalidBlock', detail });
  begin('reading the list of jobs');
  const read = readJobsFile(question.jobsFile);
  if (!read.ok) return invalid(read.detail);
  const hash = contentHashOf(question.jobsFile);
  if (hash !== question.blockHash) {
    return { ok: false, code: 'blockHashMismatch', detail: `the hash of the list is ${hash}` };
  }
  begin('compiling the witness generator');
  const generator = await compile(question);
  const jobs: CircuitJob[] = [];
  for (const [index, job] of read.jobs.entries()) {
    begin(`the witness of job ${index}`);
    const found = signalsOf(generator, job.input, question.signalCount);
    if (typeof found === 'string') return invalid(`job ${index}: ${found}`);
    const flaw = signalsFlaw(job, found);
    if (flaw) return invalid(`job ${index}: ${flaw}`);
    const { input, after } = job;
    jobs.push({ publicSignals: found, inputHash: contentHashOf(input), after, input });
  }
  return { ok: true, jobs };
}

/** A requester's public signals must be those of its input: a prover could prove no others. */
function signalsFlaw({ publicSignals }: ListedJob, found: readonly string[]): string | null {
  if (!publicSignals) return null;
  if (publicSignals.length !== found.length) {
    return `it names ${publicSignals.length} public signals, and the circuit has ${found.length}`;
  }
  const wrong = found.findIndex((signal, index) => signal !== publicSignals[index]);
  return wrong < 0 ? null : `public signal ${wrong} is not what the input leads to`;
}

async function checkFiles(question: CircuitQuestion & { kind: 'files' }): Promise<CheckedFiles> {
  const mismatch = (detail: string): CheckedFiles => ({ ok: false, code: 'circuitMismatch', detail });
  begin('reading the proving key');
  const flaw = await zkeyFlaw(question);
  if (flaw) return mismatch(flaw);
  begin('compiling the witness generator');
  let generator: WitnessGenerator;
  try {
    generator = await compile(question);
  } catch (error) {
    return mismatch(`the witness generator cannot be used: ${messageOf(error)}`);
  }
  const samples = [];
  for (const [index, input] of question.samples.entries()) {
    begin(`the witness of sample ${index}`);
    const shape = witnessInputFlaw(input);
    if (shape) return mismatch(`sample ${index}: ${shape}`);
    const found = signalsOf(generator, input, question.signalCount);
    if (typeof found === 'string') return mismatch(`sample ${index}: ${found}`);
    samples.push({ publicSignals: found, inputHash: contentHashOf(input) });
  }
  return { ok: true, samples };
}

/** Whether a proving key is that of the circuit: a zkey holds its verification key, so that this is cheap to say. */
async function zkeyFlaw({ zkeyPath, circuitId }: CircuitQuestion & { kind: 'files' }): Promise<string | null> {
  const { zKey } = await loadSnarkjs();
  let exported: unknown;
  try {
    const key = await zKey.exportVerificationKey(zkeyPath);
    exported = JSON.parse(JSON.stringify(key, (_name, value) => (typeof value === 'bigint' ? `${value}` : value)));
  } catch (error) {
    return `the proving key is no zkey file of snarkjs: ${messageOf(error)}`;
  }
  const parsed = parseVerificationKey(exported);
  if (!parsed.ok) return `the proving key holds no usable verification key: ${parsed.detail}`;
  const { protocol, nPublic } = parsed.verificationKey;
  if (circuitIdOf(parsed.verificationKey) === circuitId) return null;
  return `the proving key (${protocol}, ${nPublic} public signals) belongs to another verification key`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

parentPort?.once('message', async (question: CircuitQuestion) => {
  const answer = await (question.kind === 'jobs' ? jobsOf(question) : checkFiles(question));
  parentPort?.postMessage({ kind: 'answer', answer } satisfies CircuitWord);
});
