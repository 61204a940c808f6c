/**
 * An external prover that takes no time: it keeps the zkProofs that it has made, under their public signals, and hands
 * them out again. `preparedProver.js <folder> <zkey> <witness> <zkProof>`. What each call took, from the start of its
 * process, is a line of `times.txt` in the folder, in milliseconds.
 */
import { createHash } from 'node:crypto';
import { appendFileSync, copyFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { publicSignalsOf } from '#protocol/witness/witnessGenerator.js';

/** Public signals of the rollup circuit. */
const SIGNALS = 3;

const [folder, zkey, witness, out] = process.argv.slice(2) as [string, string, string, string];
const signals = publicSignalsOf(readFileSync(witness), SIGNALS);
const kept = join(folder, `${createHash('sha256').update(signals.join()).digest('hex')}.json`);
if (!existsSync(kept)) {
  const { groth16 } = await import('snarkjs');
  const { proof } = await groth16.prove(zkey, witness);
  writeFileSync(`${kept}.${process.pid}`, JSON.stringify(proof));
  renameSync(`${kept}.${process.pid}`, kept);
}
copyFileSync(kept, out);
appendFileSync(join(folder, 'times.txt'), `${performance.now()}\n`);
// Threads of snarkjs would keep the process.
process.exit(0);
