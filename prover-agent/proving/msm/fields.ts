/** The two fields that coordinates are of, with the same operations: the base field, and its extension by i (i i = -1). */
import { copyBytes, type FieldKernels, writeLazySub } from './fieldKernels.js';
import { limbsOf, modularInverse, montgomery, NUMBER_BYTES, P } from './limbs.js';
import { type Code, call, doWhile, type FunctionCode, i32, ifElse, type Local, type ModuleCode } from './wasmCode.js';

/** Where things that every function may use lie in memory. */
export class FixedMemory {
  readonly #limbs: { address: number; limbs: readonly number[] }[] = [];
  #free = 16;

  /** Sets bytes aside. */
  scratch(bytes: number): number {
    const address = this.#free;
    this.#free += bytes;
    return address;
  }

  /** Sets limbs aside that are there from the beginning. */
  constant(limbs: readonly number[]): number {
    const address = this.scratch(4 * limbs.length);
    this.#limbs.push({ address, limbs });
    return address;
  }

  /** Writes the constants. */
  fill(words: Int32Array): void {
    for (const { address, limbs } of this.#limbs) words.set(limbs, address / 4);
  }

  /** The first byte that is nobody's. */
  get end(): number {
    return this.#free;
  }
}

/** A field by the indices of its functions; the result comes first and may be an operand. See fieldKernels.ts. */
export interface Field {
  /** Bytes of an element. */
  bytes: number;
  mul: number;
  /** a b - c and a a - b - c, in order */
  mulLess: number;
  squareLess2: number;
  /** a b + c d and a b - c d; all in order, the result up to a few percent of p */
  sumOfProducts: number;
  differenceOfProducts: number;
  /** a - b by limbs, of numbers in order: a factor of one product, nothing else */
  lazySub: number;
  /** The same of numbers that may be the negative, limb by limb, of one in order */
  signedSub: number;
  add: number;
  sub: number;
  triple: number;
  /** 3 b a, b being the constant of the curve's equation */
  timesThreeB: number;
  /** 1 / a, and 0 for 0 */
  invert: number;
  /** The addresses of 0 and 1. */
  zero: number;
  one: number;
}

/** The base field, with the G1 curve's constant b = 3. */
export function baseField(module: ModuleCode, memory: FixedMemory, kernels: FieldKernels): Field {
  const lazySub = module.add('lazySub', 3, (f) => writeLazySub(f, NUMBER_BYTES));
  return {
    bytes: NUMBER_BYTES,
    mul: kernels.mul,
    mulLess: kernels.mulLess1,
    squareLess2: kernels.squareLess2,
    sumOfProducts: kernels.mulPlusMul,
    differenceOfProducts: kernels.mulMinusMul,
    lazySub,
    // Up to 2^30, which one product can take.
    signedSub: lazySub,
    add: kernels.add,
    sub: kernels.sub,
    triple: kernels.triple,
    timesThreeB: kernels.ninefold,
    invert: module.add('invert', 2, (f) => writeInvert(f, memory, kernels)),
    zero: memory.constant(limbsOf(0n)),
    one: memory.constant(montgomery(1n)),
  };
}

/** The extension, with the G2 curve's constant b = 3 / (9 + i). */
export function extensionField(module: ModuleCode, memory: FixedMemory, k: FieldKernels, base: Field): Field {
  const bytes = 2 * NUMBER_BYTES;
  const scratch = memory.scratch(2 * bytes);
  const tools = { module, scratch };
  const each = (name: string, operands: number, kernel: number) =>
    module.add(name, 1 + operands, (f) => {
      for (const at of [0, NUMBER_BYTES]) f.emit(call(kernel, ...f.params.map(({ get }) => part(get, at))));
    });
  const mul = writeMul(tools, 'mul2', k.mulMinusMul, k.mulPlusMul, 0);
  const [add, sub] = [each('add2', 2, k.add), each('sub2', 2, k.sub)];
  const combined = (name: string, combine: number) =>
    module.add(name, 5, (f) => {
      const [r, a, b, c, d] = f.params.map(({ get }) => get) as [Code, Code, Code, Code, Code];
      const product = i32.const(memory.scratch(bytes));
      f.emit(call(mul, product, a, b), call(mul, r, c, d), call(combine, r, product, r));
    });
  const norm = modularInverse(82n, P);
  const threeB = memory.constant([...montgomery(81n * norm), ...montgomery(P - ((9n * norm) % P))]);
  return {
    bytes,
    mul,
    mulLess: writeMul(tools, 'mulLess2_1', k.mulMinusMulLess1, k.mulPlusMulLess1, 1),
    squareLess2: writeSquareLess2(tools, k),
    sumOfProducts: combined('sumOfProducts2', add),
    differenceOfProducts: combined('differenceOfProducts2', sub),
    lazySub: module.add('lazySub2', 3, (f) => writeLazySub(f, bytes)),
    signedSub: sub,
    add,
    sub,
    triple: each('triple2', 1, k.triple),
    timesThreeB: module.add('timesThreeB2', 2, (f) => {
      f.emit(call(mul, f.params[0]!.get, f.params[1]!.get, i32.const(threeB)));
    }),
    invert: module.add('invert2', 2, (f) => writeInvert2(f, memory, k, base)),
    zero: memory.constant([...limbsOf(0n), ...limbsOf(0n)]),
    one: memory.constant([...montgomery(1n), ...limbsOf(0n)]),
  };
}

interface Tools {
  module: ModuleCode;
  scratch: number;
}

const part = (address: Code, at: number): Code => (at === 0 ? address : i32.add(address, i32.const(at)));

/** (a0 b0 - a1 b1) + (a0 b1 + a1 b0) i, less one more number if the kernels take one. */
function writeMul({ module, scratch }: Tools, name: string, real: number, imaginary: number, less: number): number {
  return module.add(name, 3 + less, (f) => {
    const [r, a, b, ...lessened] = f.params.map(({ get }) => get) as [Code, Code, Code, ...Code[]];
    const [a1, b1] = [part(a, NUMBER_BYTES), part(b, NUMBER_BYTES)];
    const made = i32.const(scratch);
    f.emit(call(real, made, a, b, a1, b1, ...lessened));
    f.emit(call(imaginary, part(r, NUMBER_BYTES), a, b1, a1, b, ...lessened.map((c) => part(c, NUMBER_BYTES))));
    f.emit(copyBytes(r, made, NUMBER_BYTES));
  });
}

/** (a0 + a1) (a0 - a1) + 2 a0 a1 i, less two more numbers. */
function writeSquareLess2({ module, scratch }: Tools, k: FieldKernels): number {
  return module.add('squareLess2_2', 4, (f) => {
    const [r, a, b, c] = f.params.map(({ get }) => get) as [Code, Code, Code, Code];
    const a1 = part(a, NUMBER_BYTES);
    const [sum, difference] = [i32.const(scratch), i32.const(scratch + NUMBER_BYTES)];
    f.emit(call(k.add, sum, a, a1), call(k.sub, difference, a, a1));
    f.emit(call(k.mulLess2, sum, sum, difference, b, c));
    f.emit(call(k.add, difference, a, a));
    f.emit(call(k.mulLess2, part(r, NUMBER_BYTES), difference, a1, part(b, NUMBER_BYTES), part(c, NUMBER_BYTES)));
    f.emit(copyBytes(r, sum, NUMBER_BYTES));
  });
}

/** a^(p - 2), by Fermat: square and multiply, the exponent's bits from the highest. */
function writeInvert(f: FunctionCode, memory: FixedMemory, { mul, square }: FieldKernels): void {
  const [r, a] = f.params as [Local, Local];
  const exponent = P - 2n;
  const bits = exponent.toString(2).length;
  const words = Array.from({ length: Math.ceil(bits / 32) }, (_, i) =>
    Number(BigInt.asIntN(32, exponent >> BigInt(32 * i))),
  );
  const table = memory.constant(words);
  const power = i32.const(memory.scratch(NUMBER_BYTES));
  const bit = f.local('i32');
  const word = i32.load(i32.shl(i32.shrU(bit.get, i32.const(5)), i32.const(2)), table);
  const isSet = i32.and(i32.shrU(word, i32.and(bit.get, i32.const(31))), i32.const(1));
  f.emit(copyBytes(power, a.get, NUMBER_BYTES), bit.set(i32.const(bits - 1)));
  const step = [
    ...bit.set(i32.sub(bit.get, i32.const(1))),
    ...call(square, power, power),
    ...ifElse(isSet, call(mul, power, power, a.get)),
  ];
  f.emit(doWhile(step, bit.get), copyBytes(r.get, power, NUMBER_BYTES));
}

/** (a0 - a1 i) / (a0 a0 + a1 a1). */
function writeInvert2(f: FunctionCode, memory: FixedMemory, k: FieldKernels, base: Field): void {
  const [r, a] = f.params.map(({ get }) => get) as [Code, Code];
  const [a1, r1] = [part(a, NUMBER_BYTES), part(r, NUMBER_BYTES)];
  const norm = i32.const(memory.scratch(NUMBER_BYTES));
  const zero = i32.const(base.zero);
  f.emit(call(k.mulPlusMul, norm, a, a, a1, a1), call(base.invert, norm, norm));
  f.emit(call(k.mul, r1, a1, norm), call(k.sub, r1, zero, r1), call(k.mul, r, a, norm));
}
