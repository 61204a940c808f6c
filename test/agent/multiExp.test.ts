import fc from 'fast-check';
import { buildBn128 } from 'ffjavascript';
import { fflonk, groth16, plonk, wtns } from 'snarkjs';
import { describe, expect, it } from 'vitest';
import type { GroupName } from '#agent/proving/msm/msmModule.js';
import { type ForeignGroup, multiExpAffine } from '#agent/proving/msm/multiExp.js';
import { POINTS_MAX, WindowSums, type WindowTask } from '#agent/proving/msm/windowSums.js';
import type { ZkProtocol } from '#protocol/zkProof.js';
import { tinyCircuitFile, tinyInput, tinyKey, tinySamples } from '../fixtures/tinyCircuit.js';

const R = 21888242871839275222246405745257275088548364400416034343698204186575808495617n;
const SCALAR_BYTES = 32;
/** Fewer points are left to ffjavascript. */
const POINTS_MIN = 256;

/** What the tests use of a group of ffjavascript. */
interface TestGroup extends ForeignGroup {
  F: { n8: number };
  g: Uint8Array;
  timesScalar(point: Uint8Array, scalar: bigint): Uint8Array;
  toAffine(point: Uint8Array): Uint8Array;
  neg(point: Uint8Array): Uint8Array;
}

const curve = (await buildBn128(true)) as unknown as Record<GroupName, TestGroup>;
const sums = new WindowSums();
const runHere = async (task: WindowTask) => sums.run(task);

/** A few points with everything between them that addition has a special case for: the same, negatives, infinity. */
function somePoints(group: TestGroup): Uint8Array[] {
  const few = [1n, 2n, 3n, 5n, 1_234_567n, R - 5n, R - 1n].map((times) =>
    group.toAffine(group.timesScalar(group.g, times)),
  );
  return [...few, group.toAffine(group.neg(few[2]!)), new Uint8Array(2 * group.F.n8)];
}

function manyPoints(group: TestGroup, count: number): Uint8Array[] {
  const step = group.timesScalar(group.g, 98_765_432_123_456_789n);
  let next = group.g;
  return Array.from({ length: count }, () => {
    next = group.add(next, step);
    return group.toAffine(next);
  });
}

function bytesOfScalar(value: bigint): Uint8Array {
  return Uint8Array.from({ length: SCALAR_BYTES }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

async function expectSame(name: GroupName, points: Uint8Array, scalars: Uint8Array, threads = 1): Promise<void> {
  const group = curve[name];
  const ours = await multiExpAffine(name, group, runHere, threads)(points, scalars);
  // Compared as affine points: of nothing but infinite points ffjavascript makes 0, 0, 1, which it takes for a point.
  expect(group.toAffine(ours)).toEqual(group.toAffine(await group.multiExpAffine(points, scalars)));
}

const SPECIAL = [0n, 1n, 2n, R - 1n, R, R + 1n, 2n ** 255n, 2n ** 256n - 1n, 2n ** 128n, (1n << 253n) - 1n];
const anyScalar = fc.oneof(fc.constantFrom(...SPECIAL), fc.bigInt(0n, 2n ** 256n - 1n), fc.bigInt(0n, 300n));

describe.each(['G1', 'G2'] as const)('our multi-exponentiation in %s', (name) => {
  const group = curve[name];

  it('is what ffjavascript makes of any scalars, and of points that are equal, opposite or infinite', async () => {
    const from = somePoints(group);
    const pairs = fc.array(fc.tuple(fc.nat(from.length - 1), anyScalar), { minLength: 1, maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(pairs, fc.integer({ min: 1, max: 3 }), async (chosen, threads) => {
        // Repeated, so that there are more than are left to ffjavascript, and every one meets its equals.
        const repeated = Array.from({ length: POINTS_MIN + chosen.length }, (_, i) => chosen[i % chosen.length]!);
        const points = joined(repeated.map(([point]) => from[point]!));
        await expectSame(name, points, joined(repeated.map(([, scalar]) => bytesOfScalar(scalar))), threads);
      }),
      { numRuns: 60 },
    );
  });

  it('is that for points that are all different, of random, small and equal scalars', async () => {
    const count = 3_001;
    const points = joined(manyPoints(group, count));
    const [random] = fc.sample(fc.uint8Array({ minLength: 32 * count, maxLength: 32 * count }), 1);
    const scalars = (of: (i: number) => bigint) =>
      joined(Array.from({ length: count }, (_, i) => bytesOfScalar(of(i))));
    await expectSame(name, points, random!);
    await expectSame(name, points, random!, 2);
    await expectSame(
      name,
      points,
      scalars((i) => BigInt(i % 3)),
    );
    await expectSame(
      name,
      points,
      scalars(() => 0n),
    );
    await expectSame(
      name,
      points,
      scalars(() => R - 1n),
    );
  });

  it('is that when a bucket takes more points than are added at once', async () => {
    const some = joined(manyPoints(group, 257));
    const count = 20_000;
    const points = joined(Array.from({ length: Math.ceil(count / 257) }, () => some)).subarray(
      0,
      count * 2 * group.F.n8,
    );
    await expectSame(name, points, joined(Array.from({ length: count }, () => bytesOfScalar(5n))));
  });

  it('is that for lengths that are none, few, and around where our own begins', async () => {
    const points = manyPoints(group, POINTS_MIN + 1);
    for (const count of [0, 1, 2, POINTS_MIN - 1, POINTS_MIN, POINTS_MIN + 1]) {
      const scalars = Array.from({ length: count }, (_, i) => bytesOfScalar(R - BigInt(i * i)));
      await expectSame(name, joined(points.slice(0, count)), joined(scalars));
    }
  });

  it('ends, with whatever result, on bytes that are no points of the curve', async () => {
    const multiExp = multiExpAffine(name, group, runHere, 1);
    for (const byte of [1, 0x7f, 0xff]) {
      const points = new Uint8Array(POINTS_MIN * 2 * group.F.n8).map((_, i) => (i % 3 === 0 ? byte : i % 256));
      expect((await multiExp(points, points.slice(0, POINTS_MIN * SCALAR_BYTES))).length).toBe(3 * group.F.n8);
      expect((await multiExp(points.fill(byte), points.slice(0, POINTS_MIN * SCALAR_BYTES))).length).toBe(
        3 * group.F.n8,
      );
    }
  });
});

it.each(Object.entries({ groth16, plonk, fflonk }))(
  'makes zkProofs of %s that verify, however few the points',
  async (name, system) => {
    const protocol = name as ZkProtocol;
    const ours = (await buildBn128(true)) as unknown as Record<GroupName, ForeignGroup>;
    for (const group of ['G1', 'G2'] as const)
      ours[group].multiExpAffine = multiExpAffine(group, ours[group], runHere, 1, 1);
    (globalThis as { curve_bn128?: unknown }).curve_bn128 = ours;
    const witness = { type: 'mem' as const, data: new Uint8Array() };
    await wtns.calculate(tinyInput(0), tinyCircuitFile('tinyCircuit.wasm'), witness);
    const made = await system.prove(tinyCircuitFile(`${protocol}.zkey`), witness);
    expect(made.publicSignals).toEqual(tinySamples(protocol)[0]!.publicSignals);
    expect(await system.verify(tinyKey(protocol), made.publicSignals, made.proof)).toBe(true);
  },
);

it('sums more points than one task takes, part by part', async () => {
  const some = joined(manyPoints(curve.G1, 512));
  const points = joined(Array.from({ length: POINTS_MAX / 512 + 1 }, () => some));
  const scalars = new Uint8Array(points.length / 2).map((_, i) => (i % SCALAR_BYTES < 3 ? (i * 31) % 251 : 0));
  await expectSame('G1', points, scalars);
});

it('leaves scalars of other sizes, and sizes that do not match, to ffjavascript', async () => {
  const { G1 } = curve;
  const multiExp = multiExpAffine('G1', G1, runHere, 1);
  const points = joined(manyPoints(G1, POINTS_MIN));
  const short = new Uint8Array(POINTS_MIN * 8).map((_, i) => i % 256);
  expect(await multiExp(points, short)).toEqual(await G1.multiExpAffine(points, short));
  await expect(multiExp(points, new Uint8Array(POINTS_MIN * 32 + 1))).rejects.toThrow('Scalar size does not match');
});
