import { readFileSync } from 'node:fs';
import { groth16 } from 'snarkjs';
import { afterAll, describe, expect, it } from 'vitest';
import { handicapProver } from '#agent/proving/handicappedProver.js';
import { createProver, type ProverProgress, sharedBytes } from '#agent/proving/prover.js';
import { sampleInput } from '#agent/proving/sampleInput.js';
import { circuitFiles } from '#circuits/circuitFiles.js';
import { buildExampleBlock } from '#circuits/exampleBlock.js';
import { splitBlock } from '#market/splitBlock.js';
import { parseZkProof } from '#protocol/zkProof.js';
import { sampleSignals, slowProver } from './agentFixtures.js';

const files = circuitFiles();
const verificationKey = JSON.parse(readFileSync(files.verificationKey, 'utf8'));
const artifacts = { wasm: sharedBytes(readFileSync(files.wasm)), zkey: sharedBytes(readFileSync(files.zkey)) };

afterAll(async () => {
  await (globalThis as { curve_bn128?: { terminate(): Promise<void> } }).curve_bn128?.terminate();
});

describe('a prover of the committed circuit', () => {
  it('makes zkProofs with two threads, cancels at once, and refuses an input without a witness', async () => {
    const prover = createProver({ ...artifacts, verificationKey, threads: 2 });
    await prover.warm();

    const heard: ProverProgress[] = [];
    const made = await prover.prove(sampleInput(), (progress) => heard.push(progress));
    expect(made.publicSignals).toEqual(sampleSignals());
    expect(parseZkProof('groth16', made.zkProof).ok).toBe(true);
    expect(await groth16.verify(verificationKey, made.publicSignals, made.zkProof)).toBe(true);
    expect(heard[0]).toEqual({ stage: 'witness', progressPpm: 0 });
    const ppm = heard.map(({ progressPpm }) => progressPpm);
    expect(ppm).toEqual([...ppm].sort((a, b) => a - b));
    expect(heard.length).toBeGreaterThan(5);

    const wrong = { ...sampleInput(), transfersCommitment: '1' };
    await expect(prover.prove(wrong)).rejects.toMatchObject({ name: 'ProvingError', code: 'witnessFailed' });
    const { preStateRoot: _, ...incomplete } = sampleInput();
    await expect(prover.prove(incomplete)).rejects.toMatchObject({ code: 'witnessFailed' });

    const abort = new AbortController();
    const cancelled = prover.prove(sampleInput(), ({ stage }) => stage === 'proving' && abort.abort(), abort.signal);
    await expect(cancelled).rejects.toMatchObject({ code: 'cancelled' });
    const closed = expect(prover.prove(sampleInput())).rejects.toMatchObject({ code: 'cancelled' });
    await prover.close();
    await closed;
  });

  it('does not hand out a zkProof that its verification key refuses', async () => {
    const { IC } = verificationKey;
    const prover = createProver({
      ...artifacts,
      verificationKey: { ...verificationKey, IC: IC.toReversed() },
      threads: 2,
    });
    await expect(prover.prove(sampleInput())).rejects.toMatchObject({ code: 'provingFailed' });
    await prover.close();
  });

  it('fails rather than hangs when its artifacts are broken', async () => {
    const prover = createProver({ ...artifacts, wasm: new Uint8Array(10), verificationKey, threads: 1 });
    await expect(prover.prove(sampleInput())).rejects.toMatchObject({ code: 'provingFailed' });
    await expect(prover.warm()).rejects.toMatchObject({ code: 'provingFailed' });
    await prover.close();
  });
});

it('the sample input is the first chunk of the example block of two transfers with seed 1', () => {
  const split = splitBlock(buildExampleBlock({ transfers: 2, seed: 1 }));
  expect(split.ok && split.jobs[0]!.witnessInput).toEqual(sampleInput());
});

describe('a handicapped prover', () => {
  it('takes as many times as long, and tells progress accordingly', async () => {
    const heard: ProverProgress[] = [];
    const prover = handicapProver(slowProver(50)({ ...artifacts, verificationKey, threads: 1 }), 4);
    const beganMs = performance.now();
    const made = await prover.prove({}, (progress) => heard.push(progress));
    expect(performance.now() - beganMs).toBeGreaterThanOrEqual(195);
    expect(made.provingMs).toBeGreaterThanOrEqual(195);
    expect(heard.at(-1)!.progressPpm).toBeGreaterThan(200_000);
  });

  it('can be cancelled while it idles', async () => {
    const abort = new AbortController();
    const prover = handicapProver(slowProver(5)({ ...artifacts, verificationKey, threads: 1 }), 1_000);
    const idling = prover.prove({}, ({ progressPpm }) => progressPpm > 900 && abort.abort(), abort.signal);
    await expect(idling).rejects.toMatchObject({ code: 'cancelled' });
  });
});
