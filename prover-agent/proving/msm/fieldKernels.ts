/**
 * Arithmetic of BN254's base field as WASM functions over addresses: fully unrolled, limbs in locals, one reduction for
 * a whole sum of products. See limbs.ts for the form; "in order" below means limbs from 0 to 2^29 - 1 (the highest may
 * hold the sign), and a value from about 0 to about p.
 *
 * Columns stay within 63 bits: nine products of limbs for each product, nine for the reduction. So one product takes
 * factors of up to 2^30 and 2^29, a sum of two takes differences of numbers in order, but no sums.
 */
import { LIMB_BITS, LIMB_MASK, LIMBS, limbsOf, modularInverse, NUMBER_BYTES, P } from './limbs.js';
import { type Code, type FunctionCode, i32, i32x4, i64, type Local, type ModuleCode } from './wasmCode.js';

/** Indices of the functions; the first parameter is where the result goes, which may be where an operand is. */
export interface FieldKernels {
  /** a b; operands as above, in order but for at most 3 % more than p */
  mul: number;
  /** a a, a in order */
  square: number;
  /** a b - c, in order */
  mulLess1: number;
  /** a b - c - d, in order */
  mulLess2: number;
  /** a a - c - d, in order */
  squareLess2: number;
  /** a b + c d and a b - c d, as `mul` */
  mulPlusMul: number;
  mulMinusMul: number;
  /** a b + c d - e and a b - c d - e, in order */
  mulPlusMulLess1: number;
  mulMinusMulLess1: number;
  /** a + b, a - b, 3 a and 9 a, in order */
  add: number;
  sub: number;
  triple: number;
  ninefold: number;
}

/** Writes the functions into a module. */
export function fieldKernels(module: ModuleCode): FieldKernels {
  const products = (name: string, signs: readonly Sign[], less: number) =>
    module.add(name, 1 + 2 * signs.length + less, (f) => writeProducts(f, signs, less));
  const squares = (name: string, less: number) => module.add(name, 2 + less, (f) => writeSquare(f, less));
  const linear = (name: string, factors: readonly bigint[]) =>
    module.add(name, 1 + factors.length, (f) => writeLinear(f, factors));
  return {
    mul: products('mul', ['add'], 0),
    square: squares('square', 0),
    mulLess1: products('mulLess1', ['add'], 1),
    mulLess2: products('mulLess2', ['add'], 2),
    squareLess2: squares('squareLess2', 2),
    mulPlusMul: products('mulPlusMul', ['add', 'add'], 0),
    mulMinusMul: products('mulMinusMul', ['add', 'sub'], 0),
    mulPlusMulLess1: products('mulPlusMulLess1', ['add', 'add'], 1),
    mulMinusMulLess1: products('mulMinusMulLess1', ['add', 'sub'], 1),
    add: linear('add', [1n, 1n]),
    sub: linear('sub', [1n, -1n]),
    triple: linear('triple', [3n]),
    ninefold: linear('ninefold', [9n]),
  };
}

/** Limb-wise difference of numbers or pairs of them: nothing is carried, the limbs may be negative. */
export function writeLazySub(f: FunctionCode, bytes: number): void {
  const [r, a, b] = f.params as [Local, Local, Local];
  let at = 0;
  for (; at + 16 <= bytes; at += 16) {
    f.emit(i32x4.store(r.get, i32x4.sub(i32x4.load(a.get, at), i32x4.load(b.get, at)), at));
  }
  for (; at < bytes; at += 4) f.emit(i32.store(r.get, i32.sub(i32.load(a.get, at), i32.load(b.get, at)), at));
}

/** Copies numbers, limb by limb negative where `isNegative` is 1 rather than 0: without a branch, which nobody could foresee. */
export function copyNegated(to: Code, from: Code, bytes: number, isNegative: Code): Code {
  // With all bits turned and one added, a limb is its negative.
  const mask = i32.sub(i32.const(0), isNegative);
  const code: number[] = [];
  let at = 0;
  for (; at + 16 <= bytes; at += 16) {
    const turned = i32x4.sub(i32x4.xor(i32x4.load(from, at), i32x4.splat(mask)), i32x4.splat(mask));
    code.push(...i32x4.store(to, turned, at));
  }
  for (; at < bytes; at += 4) code.push(...i32.store(to, i32.sub(i32.xor(i32.load(from, at), mask), mask), at));
  return code;
}

/** Copies numbers from one address to another. */
export function copyBytes(to: Code, from: Code, bytes: number): Code {
  const code: number[] = [];
  let at = 0;
  for (; at + 16 <= bytes; at += 16) code.push(...i32x4.store(to, i32x4.load(from, at), at));
  for (; at < bytes; at += 4) code.push(...i32.store(to, i32.load(from, at), at));
  return code;
}

type Sign = 'add' | 'sub';

const P_LIMBS = limbsOf(P).map(BigInt);
/** -1/p modulo 2^29. */
const MINUS_INVERSE = LIMB_MASK + 1n - modularInverse(P & LIMB_MASK, LIMB_MASK + 1n);
/** 2^QUOTIENT_BITS / p, for p in units of its highest limb. */
const QUOTIENT_BITS = 40n;
const QUOTIENT = (1n << (QUOTIENT_BITS + BigInt(LIMB_BITS * (LIMBS - 1)))) / P;

const carryOf = (column: Code) => i64.shrS(column, i64.const(BigInt(LIMB_BITS)));
const limb = (address: Local, i: number) => i64.load32S(address.get, 4 * i);

function writeProducts(f: FunctionCode, signs: readonly Sign[], less: number): void {
  const [r, ...operands] = f.params as [Local, ...Local[]];
  const terms = signs.map((sign, k) => {
    const b = f.locals('i64', LIMBS);
    f.emit(...b.map((local, j) => local.set(limb(operands[2 * k + 1]!, j))));
    return { sign, a: operands[2 * k]!, ai: f.local('i64'), b };
  });
  const columns = montgomeryColumns(f, (i, add) => {
    for (const { sign, a, ai, b } of terms) {
      f.emit(ai.set(limb(a, i)));
      for (const [j, bj] of b.entries()) add(j, i64.mul(ai.get, bj.get), sign);
    }
  });
  finish(f, r, columns, operands.slice(2 * signs.length, 2 * signs.length + less));
}

function writeSquare(f: FunctionCode, less: number): void {
  const [r, a, ...lessened] = f.params as [Local, Local, ...Local[]];
  const limbs = f.locals('i64', LIMBS);
  f.emit(...limbs.map((local, j) => local.set(limb(a, j))));
  const twice = f.local('i64');
  const columns = montgomeryColumns(f, (i, add) => {
    const ai = limbs[i]!;
    add(i, i64.mul(ai.get, ai.get), 'add');
    f.emit(twice.set(i64.add(ai.get, ai.get)));
    for (let j = i + 1; j < LIMBS; j++) add(j, i64.mul(twice.get, limbs[j]!.get), 'add');
  });
  finish(f, r, columns, lessened.slice(0, less));
}

/**
 * Montgomery's product, a limb at a time: after `addRow(i)` the lowest column is made divisible by 2^29 and dropped.
 * @returns the eight columns that are left
 */
function montgomeryColumns(
  f: FunctionCode,
  addRow: (i: number, add: (j: number, product: Code, sign: Sign) => void) => void,
): Local[] {
  const columns = f.locals('i64', LIMBS);
  const isSet = new Set<number>();
  const q = f.local('i64');
  const into = (j: number, value: Code, sign: Sign) => {
    const column = columns[j]!;
    if (sign === 'sub' || isSet.has(j)) f.emit(column.set(i64[sign](column.get, value)));
    else f.emit(column.set(value));
    isSet.add(j);
  };
  for (let i = 0; i < LIMBS; i++) {
    addRow(i, into);
    const [lowest] = columns as [Local];
    f.emit(q.set(i64.and(i64.mul(lowest.get, i64.const(MINUS_INVERSE)), i64.const(LIMB_MASK))));
    for (const [j, p] of P_LIMBS.entries()) into(j, i64.mul(q.get, i64.const(p)), 'add');
    f.emit(columns[1]!.set(i64.add(columns[1]!.get, carryOf(lowest.get))));
    columns.push(columns.shift()!);
    isSet.clear();
    for (let j = 0; j < LIMBS - 1; j++) isSet.add(j);
  }
  return columns.slice(0, LIMBS - 1);
}

/** Stores the columns as limbs; where something is taken off, as many p go with it as bring the value back in order. */
function finish(f: FunctionCode, r: Local, columns: readonly Local[], less: readonly Local[]): void {
  const top = f.local('i64');
  const takeOff = (i: number) => (code: Code, address: Local) => i64.sub(code, limb(address, i));
  if (less.length === 0) {
    f.emit(top.set(i64.const(0n)));
    carryAndStore(f, r, columns, top);
    return;
  }
  f.emit(...columns.map((column, i) => column.set(less.reduce(takeOff(i), column.get))));
  f.emit(top.set(less.reduce(takeOff(LIMBS - 1), i64.const(0n))));
  bringInOrder(f, columns, top);
  carryAndStore(f, r, columns, top);
}

function writeLinear(f: FunctionCode, factors: readonly bigint[]): void {
  const [r, ...operands] = f.params as [Local, ...Local[]];
  const columns = f.locals('i64', LIMBS);
  columns.forEach((column, i) => {
    const scaled = operands.map((operand, k) => i64.mul(limb(operand, i), i64.const(factors[k]!)));
    f.emit(column.set(scaled.reduce((sum, next) => i64.add(sum, next))));
  });
  const top = columns.pop()!;
  bringInOrder(f, columns, top);
  carryAndStore(f, r, columns, top);
}

/** Subtracts p as often as the highest limb says, within one part in millions. */
function bringInOrder(f: FunctionCode, columns: readonly Local[], top: Local): void {
  const times = f.local('i64');
  const highest = columns.slice(-2).reduce((carry: Code, { get }) => carryOf(i64.add(carry, get)), i64.const(0n));
  const quotient = i64.mul(i64.add(top.get, highest), i64.const(QUOTIENT));
  f.emit(times.set(i64.shrS(quotient, i64.const(QUOTIENT_BITS))));
  [...columns, top].forEach((column, i) => {
    f.emit(column.set(i64.sub(column.get, i64.mul(times.get, i64.const(P_LIMBS[i]!)))));
  });
}

function carryAndStore(f: FunctionCode, r: Local, columns: readonly Local[], top: Local): void {
  const carry = f.local('i64');
  f.emit(carry.set(i64.const(0n)));
  columns.forEach(({ get }, i) => {
    f.emit(carry.set(i64.add(get, carry.get)));
    f.emit(i64.store32(r.get, i64.and(carry.get, i64.const(LIMB_MASK)), 4 * i));
    f.emit(carry.set(carryOf(carry.get)));
  });
  f.emit(i64.store32(r.get, i64.add(top.get, carry.get), NUMBER_BYTES - 4));
}
