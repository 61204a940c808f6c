/**
 * A process that proves and does nothing else: what an agent's prover is without a market. It is sent the inputs one
 * by one, answers each with what it cost, and ends with whoever started it.
 */
import { readFile } from 'node:fs/promises';
import { createProver, type WitnessInput } from '#agent/proving/prover.js';
import { circuitFiles } from '#circuits/circuitFiles.js';

/** What the process says: that it is warm, or what a zkProof has cost, in milliseconds. */
export type BareProverAnswer = { kind: 'ready' } | { kind: 'made'; witnessMs: number; provingMs: number };

const say = (answer: BareProverAnswer) => process.send?.(answer);

async function serve(threads: number): Promise<void> {
  const { wasm, zkey, verificationKey } = circuitFiles();
  const [wasmBytes, zkeyBytes, keyText] = await Promise.all([
    readFile(wasm),
    readFile(zkey),
    readFile(verificationKey, 'utf8'),
  ]);
  const prover = createProver({ wasm: wasmBytes, zkey: zkeyBytes, verificationKey: JSON.parse(keyText), threads });
  await prover.warm();
  process.on('message', (input: WitnessInput) => {
    void prover.prove(input).then(({ witnessMs, provingMs }) => say({ kind: 'made', witnessMs, provingMs }));
  });
  say({ kind: 'ready' });
}

if (process.send) {
  process.on('disconnect', () => process.exit(0));
  await serve(Number(process.argv[2]));
}
