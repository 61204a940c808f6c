import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { contentHashOf } from '#protocol/contentHash.js';
import type { Hex } from '#protocol/units.js';
import { CIRCUIT_QUEUE_MAX, type CircuitChecker, createCircuitChecker } from '#verifier/circuitChecker.js';
import { boastfulGenerator, endlessGenerator, greedyGenerator, trappingGenerator } from '../agent/hostileGenerators.js';
import { tinyCircuitFile, tinyInput, tinySamples } from '../fixtures/tinyCircuit.js';

const STEP_MS_MAX = 2_000;
const TINY: Hex = `0x${'01'.repeat(32)}`;

let folder: string;
const paths = new Map<Hex, string>();
let checker: CircuitChecker;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'understudy-circuits-'));
  checker = createCircuitChecker({ pathOf: (sha256) => paths.get(sha256) ?? null, stepMsMax: STEP_MS_MAX });
});

afterAll(async () => {
  await checker.close();
  await rm(folder, { recursive: true });
});

function keep(wasm: Uint8Array): Hex {
  const sha256: Hex = `0x${createHash('sha256').update(wasm).digest('hex')}`;
  const path = join(folder, sha256);
  writeFileSync(path, wasm);
  paths.set(sha256, path);
  return sha256;
}

const ask = (wasmSha256: Hex, jobsFile: unknown, signalCount = 3) =>
  checker.jobsOf({ asker: 'one', wasmSha256, signalCount, jobsFile, blockHash: contentHashOf(jobsFile) });

it.each([
  ['never comes back', endlessGenerator, /^the witness of job 0 took longer than 2000 ms$/],
  [
    'takes ever more memory',
    greedyGenerator,
    /^(job 0: the witness generator stopped with \d+ of|the witness of job 0 took longer)/,
  ],
  ['has an endless witness', boastfulGenerator, /^job 0: the witness is larger than \d+ bytes$/],
  ['stops by itself', trappingGenerator, /^job 0: the witness generator stopped with RuntimeError$/],
])('gives up a witness generator that %s, and goes on with the next', async (_what, wasm, detail) => {
  const answer = await ask(keep(wasm), [{ input: {} }], 1);
  expect(answer).toEqual({ ok: false, code: 'invalidBlock', detail: expect.stringMatching(detail) });
  const tiny = keep(readFileSync(tinyCircuitFile('tinyCircuit.wasm')));
  const { publicSignals } = tinySamples('groth16')[4]!;
  expect(await ask(tiny, [{ input: tinyInput(4) }])).toMatchObject({ ok: true, jobs: [{ publicSignals }] });
});

it('says when a file is missing, or another one than its name says', async () => {
  expect(await ask(`0x${'02'.repeat(32)}`, [{ input: {} }])).toMatchObject({ ok: false, code: 'artifactMissing' });
  paths.set(TINY, tinyCircuitFile('tinyCircuit.wasm'));
  expect(await ask(TINY, [{ input: tinyInput(0) }])).toMatchObject({
    ok: false,
    detail: 'compiling the witness generator failed: the witness generator on disk is another one',
  });
});

it('takes a bounded number of questions', async () => {
  const wasm = keep(endlessGenerator);
  const busy = createCircuitChecker({ pathOf: (sha256) => paths.get(sha256) ?? null, questionMsMax: 60_000 });
  const question = {
    wasmSha256: wasm,
    signalCount: 1,
    jobsFile: [{ input: {} }],
    blockHash: contentHashOf([{ input: {} }]),
  };
  const asked = Array.from({ length: CIRCUIT_QUEUE_MAX + 1 }, (_, index) =>
    busy.jobsOf({ asker: `${index}`, ...question }).catch(({ name }) => name),
  );
  expect(await asked.at(-1)).toBe('CircuitCheckerBusyError');
  await busy.close();
});

it('takes one question at a time of each asker', async () => {
  const wasm = keep(endlessGenerator);
  const busy = createCircuitChecker({ pathOf: (sha256) => paths.get(sha256) ?? null, stepMsMax: STEP_MS_MAX });
  const jobsFile = [{ input: {} }];
  const question = { asker: 'greedy', wasmSha256: wasm, signalCount: 1, jobsFile, blockHash: contentHashOf(jobsFile) };
  const first = busy.jobsOf(question);
  await expect(busy.jobsOf(question)).rejects.toMatchObject({ name: 'CircuitCheckerBusyError', retryable: true });
  expect(await first).toMatchObject({ ok: false });
  expect(await busy.jobsOf(question)).toMatchObject({ ok: false });
  await busy.close();
});
