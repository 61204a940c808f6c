import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { sampleInput } from '#agent/proving/sampleInput.js';
import { circuitFiles } from '#circuits/circuitFiles.js';
import type { Hex } from '#protocol/units.js';
import { createWitnessChecker, type WitnessChecker } from '#verifier/witnessChecker.js';

const { wasm } = circuitFiles();
const wasmSha256: Hex = `0x${createHash('sha256').update(readFileSync(wasm)).digest('hex')}`;
const input = sampleInput() as Record<string, unknown>;
const publicSignals = ['preStateRoot', 'postStateRoot', 'transfersCommitment'].map((name) => String(input[name]));

let checker: WitnessChecker;
const checkerOf = (wasmPathOf: () => string | null, timeoutMs = 30_000) => {
  checker = createWitnessChecker({ wasmPathOf, timeoutMs });
  return checker;
};

afterEach(() => checker.close());

describe('the check of a witness', () => {
  it('finds one for a right input', async () => {
    const question = { wasmSha256, publicSignals, input };
    expect(await checkerOf(() => wasm).check(question)).toEqual({ satisfiable: true, error: '' });
  });

  it('finds none for an input that breaks a rule, has another shape, or leads to other signals', async () => {
    const { check } = checkerOf(() => wasm);
    const broken = { ...input, postStateRoot: '1' };
    const { preStateRoot: _gone, ...lacking } = input;
    const wrong = ['1', ...publicSignals.slice(1)];
    const found = await Promise.all([
      check({ wasmSha256, publicSignals, input: broken }),
      check({ wasmSha256, publicSignals, input: lacking }),
      check({ wasmSha256, publicSignals, input: 'nonsense' }),
      check({ wasmSha256, publicSignals: wrong, input }),
    ]);
    expect(found.map(({ satisfiable }) => satisfiable)).toEqual([false, false, false, false]);
    expect(found[0]!.error).toMatch(/line \d+/);
    expect(found[3]!.error).toMatch(/another public signal 0/);
  });

  it('says that it does not know without the generator, with another one, and after its time', async () => {
    const question = { wasmSha256, publicSignals, input };
    for (const [path, timeoutMs] of [
      [null, 30_000],
      [circuitFiles().verificationKey, 30_000],
      ['/nowhere', 30_000],
      [wasm, 1],
    ] as const) {
      const { satisfiable, error } = await checkerOf(() => path, timeoutMs).check(question);
      expect([satisfiable, error.length > 0]).toEqual([null, true]);
      await checker.close();
    }
  });
});
