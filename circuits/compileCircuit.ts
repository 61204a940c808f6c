import { spawn } from 'node:child_process';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { CIRCUIT_NAME, PROJECT_FOLDER } from './circuitFiles.js';

/** What the compiler makes of the source: constraint system, witness generator, and the names of all wires. */
export type CompiledCircuit = { r1cs: string; wasm: string; symbols: string };

/**
 * Compiles the circuit with circom2 into a folder. The same source and versions give the same bytes.
 * Takes 10 to 20 s. Throws an Error with the compiler's output when it refuses the source or is not installed.
 *
 * @param folder - an existing folder that receives the files
 * @param simplification - what the artifacts are made with is O2; O0 keeps every signal and constraint of the source
 */
export async function compileCircuit(folder: string, simplification: 'O0' | 'O2' = 'O2'): Promise<CompiledCircuit> {
  const compiler = createRequire(import.meta.url).resolve('circom2/cli.js');
  const output = await mkdtemp(join(tmpdir(), 'understudy-circuit-'));
  try {
    // The compiler sees files only below folders that it can name relative to where it runs.
    const args = [
      `circuits/${CIRCUIT_NAME}.circom`,
      '--r1cs',
      '--wasm',
      '--sym',
      `--${simplification}`,
      '-l',
      'node_modules',
      '-o',
    ];
    await runNode([compiler, ...args, relative(PROJECT_FOLDER, output)]);
    const file = (ending: string) => join(folder, `${CIRCUIT_NAME}.${ending}`);
    const compiled = { r1cs: file('r1cs'), wasm: file('wasm'), symbols: file('sym') };
    await copyFile(join(output, `${CIRCUIT_NAME}.r1cs`), compiled.r1cs);
    await copyFile(join(output, `${CIRCUIT_NAME}.sym`), compiled.symbols);
    await copyFile(join(output, `${CIRCUIT_NAME}_js`, `${CIRCUIT_NAME}.wasm`), compiled.wasm);
    return compiled;
  } finally {
    await rm(output, { recursive: true, force: true });
  }
}

function runNode(args: string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd: PROJECT_FOLDER, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (data) => (output += data));
    child.stderr.on('data', (data) => (output += data));
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`the circom compiler ended with ${code}:\n${output}`));
    });
  });
}
