/**
 * Looks for freedom that the constraints leave to a prover, on the compiled constraint system itself: refusing an input
 * at witness generation would not show it, because a cheat writes its witness by hand.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { poseidon5 } from 'poseidon-lite/poseidon5';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { circuitFiles } from '#circuits/circuitFiles.js';
import { compileCircuit } from '#circuits/compileCircuit.js';
import { fileRecord, readManifest } from '#circuits/manifest.js';
import type { ChunkWitnessInput } from '#protocol/rollup/chunkWitness.js';
import { FIELD_MODULUS } from '#protocol/rollup/fieldElement.js';
import { transferHash } from '#protocol/rollup/transfer.js';
import {
  type ConstraintSystem,
  evaluate,
  type Linear,
  parseConstraintSystem,
  parseWireNames,
  violatedConstraints,
} from './constraintSystem.js';
import { exampleRollup, forceChunk, signOrder } from './exampleChunk.js';
import { generateWitness } from './witnessGenerator.js';
import { ForcedWitness } from './witnessUniqueness.js';

const folder = mkdtempSync(join(tmpdir(), 'understudy-constraints-'));
let system: ConstraintSystem;
let names: Map<number, string[]>;
let r1cs: string;
let witness: bigint[];

beforeAll(async () => {
  const compiled = await compileCircuit(folder);
  r1cs = compiled.r1cs;
  system = parseConstraintSystem(readFileSync(r1cs));
  names = parseWireNames(readFileSync(compiled.symbols, 'utf8'));
  const rollup = exampleRollup();
  const transfers = [
    signOrder(rollup, { from: 0, to: 1, amount: 1_000n }),
    signOrder(rollup, { from: 2, to: 2, amount: 5n }),
  ];
  witness = generateWitness(forceChunk(rollup.tree, transfers))!;
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The hint of an IsZero whose input is zero: any value does, and nothing depends on it. */
const isHarmlessHint = (wire: number) => names.get(wire)!.every((name) => /\.isz\.inv$/.test(name));

/** Puts a new value on one wire of a valid witness and tells whether any constraint notices. */
function isNoticed(
  wire: number,
  value: bigint,
  touching: readonly number[],
  products: readonly [bigint, bigint, bigint][],
) {
  const delta = value - witness[wire]!;
  const slope = ({ wires, coefficients }: Linear) => {
    const at = wires.indexOf(wire);
    return at < 0 ? 0n : coefficients[at]!;
  };
  return touching.some((i) => {
    const [a, b, c] = system.constraints[i]!.map((linear, k) => products[i]![k]! + slope(linear) * delta) as [
      bigint,
      bigint,
      bigint,
    ];
    return (a * b - c) % FIELD_MODULUS !== 0n;
  });
}

describe('the compiled constraint system', () => {
  it('is the one that the committed keys were made for, and fits them', async () => {
    const manifest = await readManifest(circuitFiles().manifest);
    expect(await fileRecord(r1cs)).toEqual(manifest.r1cs);
    expect(system.constraints.length).toBe(manifest.constraints);
    expect(system.publicCount).toBe(3);
    expect(system.constraints.length + system.publicCount + 1).toBeLessThanOrEqual(2 ** manifest.power);
  });

  it('holds for a valid witness, whose first wires are the public signals', () => {
    expect(violatedConstraints(system, witness)).toEqual([]);
    expect(names.get(1)).toContain('main.preStateRoot');
    expect(names.get(2)).toContain('main.postStateRoot');
    expect(names.get(3)).toContain('main.transfersCommitment');
  });

  it('notices a change of any one wire', () => {
    const touching: number[][] = Array.from({ length: system.wireCount }, () => []);
    for (const [i, constraint] of system.constraints.entries()) {
      for (const wire of new Set(constraint.flatMap(({ wires }) => [...wires]))) touching[wire]!.push(i);
    }
    const products = system.constraints.map(
      (constraint) => constraint.map((linear) => evaluate(linear, witness)) as [bigint, bigint, bigint],
    );
    const free: number[] = [];
    for (let wire = 1; wire < system.wireCount; wire++) {
      const value = witness[wire]!;
      const others = [value + 1n, value - 1n, 1n - value, -value, value + 2n ** 64n, 0n, 12345678901234567890n];
      const changes = others.filter((other) => (other - value) % FIELD_MODULUS !== 0n);
      if (!changes.every((other) => isNoticed(wire, other, touching[wire]!, products))) free.push(wire);
    }
    expect(free.filter((wire) => !isHarmlessHint(wire)).map((wire) => names.get(wire))).toEqual([]);
    // Two roots and two coordinates are compared a transfer.
    expect(free.length).toBe(8);
  });
});

let source: ConstraintSystem;
let sourceNames: Map<number, string[]>;
let wires: Map<string, number>;
let input: ChunkWitnessInput;
const signature = 'main.applied[0].signature';

function forcedByInputs(chunk: ChunkWitnessInput, constraints = source.constraints): ForcedWitness {
  const forced = new ForcedWitness({ ...source, constraints });
  const setAll = (name: string, value: unknown) => {
    if (Array.isArray(value)) for (const [i, item] of value.entries()) setAll(`${name}[${i}]`, item);
    else forced.set(wires.get(name)!, BigInt(value as string));
  };
  for (const [name, value] of Object.entries(chunk)) setAll(`main.${name}`, value);
  forced.propagate();
  return forced;
}

/** Chooses the 254 bits of a transfer's challenge, which its sum alone does not settle. */
function setChallengeBits(forced: ForcedWitness, transfer: number, offset: bigint): void {
  const bits = `main.applied[${transfer}].signature.h2bits`;
  const value = forced.values[wires.get(`${bits}.in`)!]! + offset;
  for (let i = 0; i < 254; i++) forced.set(wires.get(`${bits}.out[${i}]`)!, (value >> BigInt(i)) & 1n);
  forced.propagate();
}

/**
 * Works on the source's constraints before the compiler's simplification, which only substitutes linear equations.
 * The witness generator takes no part: the wires follow from the inputs by the constraints, or they do not.
 */
describe('the constraints of the source', () => {
  beforeAll(async () => {
    const compiled = await compileCircuit(mkdtempSync(join(folder, 'O0-')), 'O0');
    source = parseConstraintSystem(readFileSync(compiled.r1cs));
    sourceNames = parseWireNames(readFileSync(compiled.symbols, 'utf8'));
    wires = new Map([...sourceNames].flatMap(([wire, list]) => list.map((name) => [name, wire] as const)));
    // A challenge so small that challenge + modulus fits 254 bits too, else there is no alias to refuse.
    for (let amount = 1n; ; amount++) {
      const rollup = exampleRollup();
      const first = signOrder(rollup, { from: 0, to: 1, amount });
      const { r8 } = first.signature;
      const { key } = rollup.tree.get(first.from)!;
      if (poseidon5([...r8, ...key, transferHash(first)]) + FIELD_MODULUS >= 2n ** 254n) continue;
      input = forceChunk(rollup.tree, [first, signOrder(rollup, { from: 2, to: 2, amount: 5n })]);
      return;
    }
  });

  it.each(['two transfers', 'padding'])('force every wire once the inputs are given: %s', (kind) => {
    const rollup = exampleRollup();
    const padded = forceChunk(rollup.tree, [signOrder(rollup, { from: 0, to: 1, amount: 1n })]);
    const forced = forcedByInputs(kind === 'padding' ? padded : input);
    setChallengeBits(forced, 0, 0n);
    setChallengeBits(forced, 1, 0n);
    expect(forced.contradictions).toEqual([]);
    const open = forced.values.flatMap((value, wire) => (value === undefined ? sourceNames.get(wire)! : []));
    expect(open.filter((name) => !/\.isz\.inv$/.test(name))).toEqual([]);
    expect(open.length).toBeLessThanOrEqual(8);
  });

  it.each(['fromBits.out[3]', 'signature.snum2bits.out[100]', 'sender.place[2].both'])(
    'would be seen to leave %s open if its one quadratic constraint were missing',
    (name) => {
      const wire = wires.get(`main.applied[0].${name}`)!;
      const first = source.constraints.findIndex(
        ([a, b, c]) => a.wires.length > 0 && [a, b, c].some(({ wires }) => wires.includes(wire)),
      );
      const fewer = source.constraints.filter((_, i) => i !== first);
      const forced = forcedByInputs(input, fewer);
      setChallengeBits(forced, 0, 0n);
      expect(forced.values[wire]).toBeUndefined();
    },
  );

  it('refuse the other spelling of a challenge, larger by the modulus', () => {
    const forced = forcedByInputs(input);
    expect(forced.contradictions).toEqual([]);
    expect(forced.values[wires.get(`${signature}.h2bits.out[0]`)!]).toBeUndefined();
    setChallengeBits(forced, 0, FIELD_MODULUS);
    expect(forced.contradictions.length).toBeGreaterThan(0);
  });
});
