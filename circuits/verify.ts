import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { getCurveFromName } from 'ffjavascript';
import { powersOfTau, r1cs as r1csFile, zKey } from 'snarkjs';
import { circuitIdOf, parseVerificationKey } from '#protocol/verificationKey.js';
import { circuitFiles } from './circuitFiles.js';
import { compileCircuit } from './compileCircuit.js';
import { type CircuitManifest, type FileRecord, fileRecord, readManifest } from './manifest.js';

/** One thing that was looked at, and how it came out. */
export type CircuitCheck = { name: string; holds: boolean; detail: string };

/** `ok` when every check holds. */
export type CircuitVerification = { ok: boolean; checks: CircuitCheck[] };

export type VerifyOptions = {
  /** The folder of the artifacts; default: the committed ones. */
  artifacts?: string;
  /** Told of each check as it is done. */
  onCheck?: (check: CircuitCheck) => void;
};

/**
 * Checks the artifacts against the sources, trusting none of them: every file against the manifest, the compiled
 * sources against the manifest and the committed witness generator, the proving key against constraint system and
 * phase-1 transcript (with all contributions between), the verification key and the circuit id against the proving
 * key. Takes one to three minutes. Throws when a file is missing or the compiler fails.
 */
export async function verifyCircuits(options: VerifyOptions = {}): Promise<CircuitVerification> {
  const files = circuitFiles(options.artifacts);
  const checks: CircuitCheck[] = [];
  const check = (name: string, holds: boolean, detail: string) => {
    checks.push({ name, holds, detail });
    options.onCheck?.({ name, holds, detail });
  };
  const manifest = await readManifest(files.manifest);
  await checkFiles(manifest, options, check);
  const work = await mkdtemp(join(tmpdir(), 'understudy-verify-'));
  try {
    const { r1cs, wasm } = await compileCircuit(work);
    checkRecord('r1cs from the sources', manifest.r1cs, await fileRecord(r1cs), check);
    checkRecord('wasm from the sources', await fileRecord(files.wasm), await fileRecord(wasm), check);
    const { nConstraints } = await r1csFile.info(r1cs);
    check('constraint count', nConstraints === manifest.constraints, `${nConstraints}`);
    check('contributions of phase 1', await powersOfTau.verify(files.phase1), 'snarkjs powersOfTau.verify');
    const isFromSources = await zKey.verifyFromR1cs(r1cs, files.phase1, files.zkey);
    check('zkey against r1cs and phase 1', isFromSources, 'snarkjs zKey.verifyFromR1cs');
    await checkVerificationKey(files, manifest, check);
  } finally {
    await rm(work, { recursive: true, force: true });
    await (await getCurveFromName('bn128')).terminate();
  }
  return { ok: checks.every(({ holds }) => holds), checks };
}

type Check = (name: string, holds: boolean, detail: string) => void;

async function checkFiles(manifest: CircuitManifest, options: VerifyOptions, check: Check): Promise<void> {
  const files = circuitFiles(options.artifacts);
  const names = Object.keys(manifest.files).sort();
  const expected = ['transferRollup.wasm', 'transferRollup.zkey', 'verification_key.json'];
  check('manifest names every file', isDeepStrictEqual(names, expected), names.join(', '));
  for (const name of expected) {
    const stated = manifest.files[name];
    if (stated) checkRecord(name, stated, await fileRecord(join(files.folder, name)), check);
  }
  checkRecord('phase-1 transcript', manifest.phase1, await fileRecord(files.phase1), check);
}

function checkRecord(name: string, stated: FileRecord, found: FileRecord, check: Check): void {
  check(name, isDeepStrictEqual(stated, found), `sha256 ${found.sha256}, ${found.bytes} bytes`);
}

async function checkVerificationKey(
  files: { zkey: string; verificationKey: string },
  manifest: CircuitManifest,
  check: Check,
): Promise<void> {
  const exported: unknown = JSON.parse(JSON.stringify(await zKey.exportVerificationKey(files.zkey)));
  const committed: unknown = JSON.parse(await readFile(files.verificationKey, 'utf8'));
  check('verification key is the zkey’s', isDeepStrictEqual(exported, committed), 'exported again and compared');
  const parsed = parseVerificationKey(committed);
  const circuitId = parsed.ok ? circuitIdOf(parsed.verificationKey) : parsed.detail;
  check('circuit id', circuitId === manifest.circuitId, circuitId);
  const count = parsed.ok ? parsed.verificationKey.nPublic : 0;
  check('public signals', count === manifest.publicSignals.length, `${count}`);
}
