/**
 * Looks for freedom that the constraints leave to a prover, on the compiled constraint system itself: refusing an input
 * at witness generation would not show it, because a cheat writes its witness by hand.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { circuitFiles } from '#circuits/circuitFiles.js';
import { compileCircuit } from '#circuits/compileCircuit.js';
import { fileRecord, readManifest } from '#circuits/manifest.js';
import { FIELD_MODULUS } from '#protocol/rollup/fieldElement.js';
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

  it('forces every wire once the inputs are given', () => {
    const forced = new ForcedWitness(system);
    for (let wire = 1; wire <= system.publicCount + system.privateCount; wire++) forced.set(wire, witness[wire]!);
    forced.propagate();
    const open = forced.values.flatMap((value, wire) => (value === undefined ? [wire] : []));
    console.log(
      open.length,
      open.slice(0, 20).map((w) => names.get(w)?.[0]),
      forced.contradictions,
    );
    expect(forced.contradictions).toEqual([]);
  });
});
