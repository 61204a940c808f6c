/** `understudy circuit add`: registers a requester's own circuit. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Command } from 'commander';
import { openKeyFile } from '#agent/client/keyFile.js';
import { publishCircuit } from '#client/publishCircuit.js';
import { OWN_SAMPLES_MAX } from '#protocol/circuitRoutes.js';
import { RejectedError } from '#protocol/client.js';
import { readJobsFile } from '#protocol/jobsFile.js';
import { connect, DEFAULT_URL } from './commandLine.js';
import { ProgressBar } from './progressBar.js';

interface AddOptions {
  wasm: string;
  zkey: string;
  vkey: string;
  keyFile: string;
  name?: string;
  samples?: string;
  coordinator: string;
}

const EXAMPLE = `
Example:
  $ understudy circuit add --wasm mine.wasm --zkey mine.zkey --vkey verification_key.json --key-file requester.json
  $ understudy submit --circuit 0x<id> --inputs inputs.json --key-file requester.json

The files are uploaded to the coordinator and held against one another. With --samples, provers that are new
to your circuit prove one of them before they bid: give inputs that everybody may see, as [{"input": {"a": "3"}}].`;

/** Adds the subcommand to `understudy circuit`. */
export function declareCircuitAdd(program: Command): void {
  program
    .command('add')
    .description('register your own circuit (Groth16, PLONK or FFLONK on BN254), so that you can sell its jobs')
    .requiredOption('--wasm <file>', 'the witness generator that circom makes')
    .requiredOption('--zkey <file>', 'the proving key')
    .requiredOption('--vkey <file>', 'the verification key, JSON as snarkjs exports it')
    .requiredOption('--key-file <file>', 'the requester’s key file; its account must hold some money')
    .option('--name <name>', 'what people see (default: the name of the witness generator)')
    .option('--samples <file>', `up to ${OWN_SAMPLES_MAX} inputs that everybody may see`)
    .option('--coordinator <url>', 'address of the coordinator', DEFAULT_URL)
    .addHelpText('after', EXAMPLE)
    .action(add);
}

async function add(options: AddOptions): Promise<void> {
  for (const path of [options.wasm, options.zkey, options.vkey]) {
    if (!existsSync(path)) throw new Error(`there is no file ${path}`);
  }
  const bar = new ProgressBar(process.stderr);
  const files = {
    wasmPath: options.wasm,
    zkeyPath: options.zkey,
    verificationKey: await readJson(options.vkey),
    name: options.name ?? basename(options.wasm, '.wasm'),
    samples: options.samples === undefined ? [] : await readSamples(options.samples),
  };
  const account = openKeyFile(options.keyFile);
  const client = connect(options.coordinator);
  const onUpload = (name: string, sentBytes: number, bytes: number) => {
    bar.show(sentBytes / bytes, `uploading the ${name}, ${bytes} bytes`);
  };
  try {
    const circuitId = await publishCircuit(files, { client, account, onUpload });
    bar.clear();
    console.log(circuitId);
    if (files.samples.length === 0) {
      console.error(
        'registered without samples: no prover will prove a challenge job of it before it bids (see --samples)',
      );
    }
  } catch (error) {
    bar.clear();
    throw error instanceof RejectedError && error.code === 'insufficientFunds'
      ? new Error(`${account.address} must hold some money first, on a demo market by: understudy account fund`)
      : error;
  }
}

async function readSamples(path: string): Promise<Record<string, unknown>[]> {
  const read = readJobsFile(await readJson(path));
  if (!read.ok) throw new Error(`${path}: ${read.detail}`);
  if (read.jobs.length > OWN_SAMPLES_MAX) {
    throw new Error(`${path} has ${read.jobs.length} samples, at most ${OWN_SAMPLES_MAX}`);
  }
  return read.jobs.map(({ input }) => input);
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    throw new Error(`${path} cannot be read as JSON: ${(error as Error).message}`);
  }
}
