import { type WasmMemory, wasmTools } from '#protocol/witness/webAssembly.js';
import { batchAddition, batchNames } from './batchAddition.js';
import { bucketNames, bucketSum } from './bucketSum.js';
import { fieldKernels } from './fieldKernels.js';
import { baseField, extensionField, FixedMemory } from './fields.js';
import { FROM_FOREIGN, limbsOf, NUMBER_BYTES, TO_FOREIGN } from './limbs.js';
import { call, doWhile, i32, MEMORY_PAGES_MAX, ModuleCode } from './wasmCode.js';

/** The groups of BN254: G1 over the base field, G2 over its extension. */
export type GroupName = 'G1' | 'G2';

/** What a group's functions do is said where they are written; all parameters are addresses and counts. */
export interface GroupCalls {
  addPairs(pairs: number, count: number, stride: number, products: number): void;
  gather(entries: number, count: number, points: number, to: number): void;
  clear(sum: number): void;
  double(sum: number, times: number): void;
  addBuckets(table: number, count: number, sum: number): void;
  jacobian(sum: number): void;
}

/** The WASM of multi-exponentiation with its memory. */
export interface MsmModule {
  memory: WasmMemory;
  /** The first byte of memory that the module leaves to its caller. */
  free: number;
  groups: Record<GroupName, GroupCalls>;
  /** Multiplies numbers in place, at least one, by the number at `by`. */
  scale(numbers: number, count: number, by: number): void;
  /** a - b or a + b to `to`, between -p and 2 p; a multiple of p comes out as 0 or p. */
  difference(to: number, a: number, b: number): void;
  sum(to: number, a: number, b: number): void;
  /** Addresses of the factors between ffjavascript's form and ours. */
  fromForeign: number;
  toForeign: number;
}

const MEMORY_PAGES_MIN = 16;

/** Writes the module and starts it; takes some milliseconds. */
export function startMsmModule(): MsmModule {
  const module = new ModuleCode();
  const fixed = new FixedMemory();
  const kernels = fieldKernels(module);
  const base = baseField(module, fixed, kernels);
  const fields = { G1: base, G2: extensionField(module, fixed, kernels, base) };
  for (const group of ['G1', 'G2'] as const) {
    batchAddition(module, fixed, group, fields[group]);
    bucketSum(module, fixed, group, fields[group]);
  }
  module.add('scale', 3, (f) => {
    const [numbers, count, by] = f.params.map(({ get }) => get);
    const scaled = call(kernels.mul, numbers!, numbers!, by!);
    const advanced = f.params[0]!.set(i32.add(numbers!, i32.const(NUMBER_BYTES)));
    f.emit(doWhile([...scaled, ...advanced, ...f.params[1]!.set(i32.sub(count!, i32.const(1)))], count!));
  });
  // Multiplied by a plain 1, which is no 1 in Montgomery's form, a multiple of p becomes 0 or p itself.
  const plainOne = i32.const(fixed.constant(limbsOf(1n)));
  for (const name of ['difference', 'sum'] as const) {
    module.add(name, 3, (f) => {
      const [to, a, b] = f.params.map(({ get }) => get);
      f.emit(call(name === 'sum' ? kernels.add : base.lazySub, to!, a!, b!), call(kernels.mul, to!, to!, plainOne));
    });
  }
  const [fromForeign, toForeign] = [fixed.constant(FROM_FOREIGN), fixed.constant(TO_FOREIGN)];

  const memory = new wasmTools.Memory({ initial: MEMORY_PAGES_MIN, maximum: MEMORY_PAGES_MAX });
  const { exports } = new wasmTools.Instance(new wasmTools.Module(module.finish()), { env: { memory } });
  fixed.fill(new Int32Array(memory.buffer));
  const called = exports as Record<string, never>;
  const group = (name: GroupName): GroupCalls => ({
    addPairs: called[batchNames(name).add]!,
    gather: called[batchNames(name).gather]!,
    clear: called[bucketNames(name).clear]!,
    double: called[bucketNames(name).double]!,
    addBuckets: called[bucketNames(name).add]!,
    jacobian: called[bucketNames(name).jacobian]!,
  });
  const { scale, difference, sum } = called as unknown as Pick<MsmModule, 'scale' | 'difference' | 'sum'>;
  const groups = { G1: group('G1'), G2: group('G2') };
  return { memory, free: fixed.end, groups, scale, difference, sum, fromForeign, toForeign };
}
