import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { getCurveFromName } from 'ffjavascript';
import { groth16 } from 'snarkjs';
import { afterAll, describe, expect, it } from 'vitest';
import { writeBlockFile } from '#circuits/blockBuilder.js';
import { circuitFiles, PROJECT_FOLDER } from '#circuits/circuitFiles.js';
import { buildExampleBlock } from '#circuits/exampleBlock.js';
import { fileRecord, readManifest } from '#circuits/manifest.js';
import { splitBlock } from '#market/splitBlock.js';
import { circuitIdOf, parseVerificationKey } from '#protocol/verificationKey.js';

const files = circuitFiles();
const readExample = (name: string) => readFileSync(join(PROJECT_FOLDER, 'circuits', 'examples', name), 'utf8');

afterAll(async () => (await getCurveFromName('bn128')).terminate());

describe('the committed artifacts', () => {
  it('are the files that the manifest names', async () => {
    const manifest = await readManifest(files.manifest);
    for (const [name, record] of Object.entries(manifest.files)) {
      expect(await fileRecord(join(files.folder, name))).toEqual(record);
    }
    expect(await fileRecord(files.phase1)).toEqual(manifest.phase1);
    const parsed = parseVerificationKey(JSON.parse(readFileSync(files.verificationKey, 'utf8')));
    expect(parsed.ok && circuitIdOf(parsed.verificationKey)).toBe(manifest.circuitId);
    expect(parsed.ok && parsed.verificationKey.nPublic).toBe(manifest.publicSignals.length);
  });

  it('prove a job of block-8.json, for its public signals and no others', async () => {
    const split = splitBlock(JSON.parse(readExample('block-8.json')));
    if (!split.ok) throw new Error(split.detail);
    const job = split.jobs[1]!;
    const { proof, publicSignals } = await groth16.fullProve(job.witnessInput, files.wasm, files.zkey);
    expect(publicSignals).toEqual(job.publicSignals);
    const key = JSON.parse(readFileSync(files.verificationKey, 'utf8'));
    expect(await groth16.verify(key, job.publicSignals, proof)).toBe(true);
    expect(await groth16.verify(key, split.jobs[0]!.publicSignals, proof)).toBe(false);
  });
});

describe('the committed examples', () => {
  it('are what their seeds make', () => {
    expect(readExample('block-8.json')).toBe(writeBlockFile(buildExampleBlock({ transfers: 8, seed: 7 })));
    const block = JSON.parse(readExample('block-64.json'));
    expect(block.transfers.length).toBe(64);
    expect(splitBlock(block).ok).toBe(true);
  });
});
