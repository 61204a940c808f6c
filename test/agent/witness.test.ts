import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { GuardedWitness, WITNESS_LIMITS } from '#agent/proving/guardedWitness.js';
import { sharedBytes } from '#agent/proving/prover.js';
import { ProvingError } from '#agent/proving/provingError.js';
import { withMemoryLimit } from '#protocol/witness/wasmMemoryLimit.js';
import { publicSignalsOf } from '#protocol/witness/witnessGenerator.js';
import { tinyCircuitFile, tinyInput, tinySamples } from '../fixtures/tinyCircuit.js';
import {
  boastfulGenerator,
  endlessGenerator,
  greedyGenerator,
  trappingGenerator,
  wideGenerator,
} from './hostileGenerators.js';

const MIB = 1_048_576;
const tinyWasm = readFileSync(tinyCircuitFile('tinyCircuit.wasm'));
const open: GuardedWitness[] = [];

function guarded(wasm: Uint8Array, limits: Partial<typeof WITNESS_LIMITS> = {}): GuardedWitness {
  const made = new GuardedWitness(sharedBytes(wasm), { ...WITNESS_LIMITS, ...limits });
  open.push(made);
  return made;
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()));
});

async function failure(work: Promise<unknown>): Promise<ProvingError> {
  const error = await work.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ProvingError);
  return error as ProvingError;
}

describe('a guarded witness', () => {
  it('is made, again and again, with the public signals in front', async () => {
    const witness = guarded(tinyWasm);
    for (const index of [0, 1, 0]) {
      const wtns = await witness.generate(tinyInput(index));
      expect(publicSignalsOf(wtns, 3)).toEqual(tinySamples('groth16')[index]!.publicSignals);
    }
  });

  it('names the rule that an input breaks, and no value of it', async () => {
    const witness = guarded(tinyWasm);
    const input = { ...tinyInput(0), c: '123456789123456789' };
    const error = await failure(witness.generate(input));
    const source = readFileSync(tinyCircuitFile('tinyCircuit.circom'), 'utf8').split('\n');
    const line = source.findIndex((text) => text.includes('c === square + product')) + 1;
    expect(error).toMatchObject({ code: 'witnessFailed', flaw: 'unsatisfied' });
    expect(error.places[0]).toEqual({ template: 'TinyCircuit', line });
    expect(error.message).toBe(`the input breaks a rule of the circuit: TinyCircuit line ${line}`);
    await expect(witness.generate(tinyInput(0))).resolves.toBeInstanceOf(Uint8Array);
  });

  it.each([
    ['a missing signal', { a: '1', b: '2', c: '3' }],
    ['a signal of another size', { ...tinyInput(0), x: ['1', '2'] }],
    ['a signal that it does not have', { ...tinyInput(0), y: '1' }],
    ['a word', { ...tinyInput(0), x: 'secret' }],
    ['a nested object', { ...tinyInput(0), x: { secret: '1' } }],
    ['a fraction', { ...tinyInput(0), x: 1.5 }],
  ])('is refused for %s', async (_, input) => {
    const error = await failure(guarded(tinyWasm).generate(input));
    expect(error).toMatchObject({ code: 'witnessFailed', flaw: 'inputShape' });
    expect(error.message).not.toContain('secret');
  });

  it('takes negative and hexadecimal numbers as snarkjs does', async () => {
    const { x, ...rest } = tinyInput(0);
    const witness = guarded(tinyWasm);
    const usual = await witness.generate({ x, ...rest });
    expect(await witness.generate({ ...rest, x: `0x${BigInt(x!).toString(16)}` })).toEqual(usual);
    const r = 21888242871839275222246405745257275088548364400416034343698204186575808495617n;
    expect(await witness.generate({ ...rest, x: `${BigInt(x!) - r}` })).toEqual(usual);
  });

  it('ends a generator that never comes back, and works again after it', async () => {
    const witness = guarded(endlessGenerator, { limitMs: 700 });
    for (let round = 0; round < 2; round += 1) {
      const error = await failure(witness.generate({}));
      expect(error).toMatchObject({ code: 'witnessFailed', flaw: 'witnessTimeLimit' });
      expect(error.message).toContain('--witness-limit');
    }
  });

  it('ends a generator that never comes back when its job ends', async () => {
    const abort = new AbortController();
    const witness = guarded(endlessGenerator);
    await witness.warm();
    const error = failure(witness.generate({}, abort.signal));
    abort.abort();
    expect((await error).code).toBe('cancelled');
  });

  it('gives a generator no more memory than the limit', async () => {
    const error = await failure(guarded(greedyGenerator, { memoryBytes: 64 * MIB }).generate({}));
    expect(error).toMatchObject({ code: 'witnessFailed', flaw: 'witnessMemoryLimit' });
    expect(error.message).toContain('--witness-memory');
  });

  it.each([
    ['wants more memory at once', wideGenerator],
    ['has a larger witness', boastfulGenerator],
  ])('refuses a generator that %s', async (_, wasm) => {
    const error = await failure(guarded(wasm, { memoryBytes: 4 * MIB }).generate({}));
    expect(error).toMatchObject({ code: 'witnessFailed', flaw: 'witnessMemoryLimit' });
  });

  it('tells a generator that stops by itself from one at its limit', async () => {
    expect(await failure(guarded(trappingGenerator).generate({}))).toMatchObject({ flaw: 'witnessCrashed' });
  });

  it('fails to start, rather than to run, for bytes that are no generator', async () => {
    for (const wasm of [
      new Uint8Array(10),
      tinyWasm.subarray(0, 20_000),
      Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0),
    ]) {
      const witness = guarded(wasm);
      expect((await failure(witness.generate({}))).code).not.toBe('cancelled');
    }
  });
});

describe('the memory limit of a module', () => {
  it('changes nothing but the memory', () => {
    const bounded = withMemoryLimit(tinyWasm, 1_024 * MIB);
    expect(bounded.length - tinyWasm.length).toBeLessThan(8);
    expect(withMemoryLimit(bounded, 1_024 * MIB)).toEqual(bounded);
  });
});
