import { groth16 } from 'snarkjs';
import { expect, it } from 'vitest';
import { bundleFiles, withCallData } from '#client/bundleFiles.js';
import { solidityCallData } from '#client/solidityCallData.js';
import type { BundleView } from '#protocol/views.js';
import type { ZkProtocol } from '#protocol/zkProof.js';
import { verifyZkProof } from '../fixtures/snarkjsCheck.js';
import { tinyKey, tinySamples } from '../fixtures/tinyCircuit.js';

function bundleOf(protocol: ZkProtocol): BundleView {
  const proven = tinySamples(protocol).map(({ publicSignals, zkProof }, index) => {
    return { jobId: `0x${'ab'.repeat(32)}.${index}`, publicSignals, zkProof, prover: null };
  });
  const expired = { jobId: `0x${'ab'.repeat(32)}.${proven.length}`, publicSignals: ['1'], zkProof: null, prover: null };
  return {
    blockId: `0x${'ab'.repeat(32)}`,
    complete: false,
    circuitId: `0x${'cd'.repeat(32)}`,
    verificationKey: tinyKey(protocol) as unknown as BundleView['verificationKey'],
    zkProofs: [...proven, expired] as BundleView['zkProofs'],
  };
}

it('writes the call data that snarkjs writes', async () => {
  for (const { zkProof, publicSignals } of tinySamples('groth16')) {
    expect(solidityCallData(zkProof, publicSignals)).toBe(await groth16.exportSolidityCallData(zkProof, publicSignals));
  }
});

it('adds call data to the zkProofs of Groth16 only', () => {
  const [first] = withCallData(bundleOf('groth16')).zkProofs;
  expect(first!.solidityCallData).toMatch(/^\["0x[0-9a-f]{64}", /);
  expect(withCallData(bundleOf('groth16')).zkProofs.at(-1)).not.toHaveProperty('solidityCallData');
  expect(withCallData(bundleOf('plonk'))).toEqual(bundleOf('plonk'));
});

it.each(['groth16', 'plonk', 'fflonk'] as const)('makes files of %s that snarkjs verifies', async (protocol) => {
  const files = new Map(bundleFiles(bundleOf(protocol)).map(({ name, text }) => [name, text]));
  const read = (name: string) => JSON.parse(files.get(name)!);
  expect(read('verification_key.json')).toEqual(tinyKey(protocol));
  const count = tinySamples(protocol).length;
  for (let number = 0; number < count; number += 1) {
    const [publicSignals, zkProof] = [read(`public-${number}.json`), read(`zkProof-${number}.json`)];
    expect(await verifyZkProof(protocol, { zkProof, publicSignals })).toBe(true);
    expect(files.has(`callData-${number}.txt`)).toBe(protocol === 'groth16');
  }
  expect(files.has(`zkProof-${count}.json`)).toBe(false);
});
