import { randomBytes } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { getCurveFromName } from 'ffjavascript';
import { powersOfTau, r1cs as r1csFile, zKey } from 'snarkjs';
import { TRANSFERS_PER_CHUNK } from '#protocol/rollup/rollupLimits.js';
import { circuitIdOf, parseVerificationKey } from '#protocol/verificationKey.js';
import { CIRCUIT_NAME, type CircuitFiles, circuitFiles, PHASE1_POWER } from './circuitFiles.js';
import { compileCircuit } from './compileCircuit.js';
import { type CircuitManifest, fileRecord, toolVersions } from './manifest.js';

export type BuildOptions = {
  /** Folder that receives the artifacts; default: the committed ones are replaced. */
  artifacts?: string;
  /** A phase-1 transcript of power PHASE1_POWER or more, prepared for phase 2; default: a new one (10 to 20 minutes). */
  phase1?: string;
  /** A proving key for this circuit on that phase 1, from a ceremony held elsewhere; default: a new one. */
  zkey?: string;
  /** Sentences for the manifest about who made the keys; default: that it is a development ceremony. */
  ceremony?: string[];
  /** Told in a sentence what begins. */
  onProgress?: (message: string) => void;
};

/** The public signals of the circuit, in order. */
export const PUBLIC_SIGNAL_NAMES = ['preStateRoot', 'postStateRoot', 'transfersCommitment'];

/**
 * The input of both closing beacons. It is public and was known beforehand, so it adds nothing to security: a beacon
 * only fixes the end of a transcript. A public ceremony takes a value that nobody could know, such as a block hash.
 */
const BEACON = '0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f';
const BEACON_ITERATIONS_POWER = 10;
const CONTRIBUTION = 'Understudy development contribution';
const CLOSING = 'Understudy development beacon';

const DEVELOPMENT = [
  'Development ceremony: one contributor in phase 1, one in phase 2, both with randomness of the operating system.',
  'Whoever kept the randomness of both could forge zkProofs. Use keys of a public ceremony where money is at stake.',
  `Both phases end with a beacon over the fixed value ${BEACON}, 2^${BEACON_ITERATIONS_POWER} iterations.`,
];

/**
 * Makes all artifacts of the circuit: phase 1, compilation, phase 2 with one contribution from the operating system's
 * randomness and a beacon, verification key, manifest. A development ceremony: see README.md. Every build has keys of
 * its own, so the circuit id changes. Throws what the tools throw; finished files are replaced only at the end.
 *
 * @returns the new manifest
 */
export async function buildCircuits(options: BuildOptions = {}): Promise<CircuitManifest> {
  const say = options.onProgress ?? (() => {});
  const files = circuitFiles(options.artifacts);
  const work = await mkdtemp(join(tmpdir(), 'understudy-build-'));
  try {
    const phase1 = options.phase1 ?? (await makePhase1(work, say));
    say('Compiling the circuit');
    const { r1cs, wasm } = await compileCircuit(work);
    const zkey = options.zkey ?? (await makeProvingKey({ work, r1cs, phase1, say }));
    return await writeArtifacts({ files, r1cs, wasm, zkey, phase1, ceremony: options.ceremony ?? DEVELOPMENT });
  } finally {
    await rm(work, { recursive: true, force: true });
    await (await getCurveFromName('bn128')).terminate();
  }
}

async function makePhase1(work: string, say: (message: string) => void): Promise<string> {
  const [empty, contributed, closed, prepared] = [0, 1, 2, 3].map((step) => join(work, `phase1-${step}.ptau`));
  say(`Phase 1: new transcript for 2^${PHASE1_POWER} constraints`);
  await powersOfTau.newAccumulator(await getCurveFromName('bn128'), PHASE1_POWER, empty!);
  say('Phase 1: contribution');
  await powersOfTau.contribute(empty!, contributed!, CONTRIBUTION, randomBytes(64).toString('hex'));
  say('Phase 1: beacon');
  await powersOfTau.beacon(contributed!, closed!, CLOSING, BEACON, BEACON_ITERATIONS_POWER);
  say('Phase 1: preparing phase 2 (10 to 20 minutes)');
  await powersOfTau.preparePhase2(closed!, prepared!);
  return prepared!;
}

async function makeProvingKey(options: {
  work: string;
  r1cs: string;
  phase1: string;
  say: (message: string) => void;
}): Promise<string> {
  const { work, r1cs, phase1, say } = options;
  const [initial, contributed, closed] = [0, 1, 2].map((step) => join(work, `phase2-${step}.zkey`));
  say('Phase 2: initial proving key');
  await zKey.newZKey(r1cs, phase1, initial!);
  say('Phase 2: contribution');
  await zKey.contribute(initial!, contributed!, CONTRIBUTION, randomBytes(64).toString('hex'));
  say('Phase 2: beacon');
  await zKey.beacon(contributed!, closed!, CLOSING, BEACON, BEACON_ITERATIONS_POWER);
  return closed!;
}

/** Puts finished parts in their places and writes verification key and manifest. */
async function writeArtifacts(parts: {
  files: CircuitFiles;
  r1cs: string;
  wasm: string;
  zkey: string;
  phase1: string;
  ceremony: string[];
}): Promise<CircuitManifest> {
  const { files } = parts;
  const verificationKey = await zKey.exportVerificationKey(parts.zkey);
  const parsed = parseVerificationKey(verificationKey);
  if (!parsed.ok) throw new Error(`the proving key exports no valid verification key: ${parsed.detail}`);
  await mkdir(files.folder, { recursive: true });
  await copyFile(parts.wasm, files.wasm);
  await copyFile(parts.zkey, files.zkey);
  if (parts.phase1 !== files.phase1) await copyFile(parts.phase1, files.phase1);
  await writeFile(files.verificationKey, `${JSON.stringify(verificationKey, null, 2)}\n`);
  const artifacts = [files.wasm, files.zkey, files.verificationKey];
  const manifest: CircuitManifest = {
    format: 'understudy-circuit-1',
    name: CIRCUIT_NAME,
    protocol: 'groth16',
    curve: 'bn128',
    circuitId: circuitIdOf(parsed.verificationKey),
    constraints: (await r1csFile.info(parts.r1cs)).nConstraints,
    publicSignals: PUBLIC_SIGNAL_NAMES,
    transfersPerChunk: TRANSFERS_PER_CHUNK,
    power: PHASE1_POWER,
    files: Object.fromEntries(
      await Promise.all(artifacts.map(async (path) => [basename(path), await fileRecord(path)])),
    ),
    phase1: await fileRecord(files.phase1),
    r1cs: await fileRecord(parts.r1cs),
    tools: await toolVersions(),
    ceremony: parts.ceremony,
  };
  await writeFile(files.manifest, `${JSON.stringify(manifest, null, 2)}\n`);
  return manifest;
}
