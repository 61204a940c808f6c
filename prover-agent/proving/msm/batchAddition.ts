/**
 * Adds many pairs of affine points with one inversion for all of them: about six multiplications a pair, where a mixed
 * addition in projective coordinates takes eleven. Pairs lie in place: the sum goes where the first point was.
 *
 * A pair is the address of its first point, plus PAIR_IS_EQUAL where both are the same one (a doubling); the second lies
 * `stride` bytes behind. The caller sees to it that neither is infinite and that they are not each other's negative.
 */

import { copyBytes, copyNegated } from './fieldKernels.js';
import type { Field, FixedMemory } from './fields.js';
import { type Code, call, doWhile, type FunctionCode, i32, ifElse, type Local, type ModuleCode } from './wasmCode.js';

/** Marks a pair of equal points. */
export const PAIR_IS_EQUAL = 1;

/** Names of the functions that a field adds to the module. */
export const batchNames = (group: string) => ({ add: `${group}_addPairs`, gather: `${group}_gather` });

/**
 * Writes two functions:
 * - addPairs(pairs, count, stride, products): as above, at least one pair; `products` is room for `count` + 1 elements;
 * - gather(entries, count, points, to): copies points, where an entry is a point's number times two, plus one for its
 *   negative, which has y negative limb by limb; at least one.
 */
export function batchAddition(module: ModuleCode, memory: FixedMemory, group: string, field: Field): void {
  const names = batchNames(group);
  const scratch = Array.from({ length: 4 }, () => i32.const(memory.scratch(field.bytes)));
  module.add(names.add, 4, (f) => writeAddPairs(f, field, scratch));
  module.add(names.gather, 4, (f) => writeGather(f, field));
}

function writeAddPairs(f: FunctionCode, field: Field, scratch: readonly Code[]): void {
  const [pairs, count, stride, products] = f.params as [Local, Local, Local, Local];
  const [running, lower, upper, inverse] = scratch as [Code, Code, Code, Code];
  const [pair, end] = f.locals('i32', 2) as [Local, Local];
  const size = i32.const(field.bytes);
  const first = i32.and(pair.get, i32.const(-2));
  const isEqual = i32.and(pair.get, i32.const(PAIR_IS_EQUAL));
  const x1 = f.local('i32');
  const [y1, x2] = [i32.add(x1.get, size), i32.add(x1.get, stride.get)];
  const y2 = i32.add(x2, size);
  const advance = (local: Local, by: Code) => local.set(i32.add(local.get, by));
  const readPair = [...pair.set(i32.load(pairs.get, 0)), ...x1.set(first)];
  const setLower = ifElse(isEqual, call(field.add, lower, y1, y1), call(field.lazySub, lower, x2, x1.get));
  const setUpper = ifElse(
    isEqual,
    [...call(field.mul, upper, x1.get, x1.get), ...call(field.triple, upper, upper)],
    call(field.signedSub, upper, y2, y1),
  );

  f.emit(copyBytes(products.get, i32.const(field.one), field.bytes));
  f.emit(end.set(i32.add(pairs.get, i32.shl(count.get, i32.const(2)))));
  const collect = [
    ...readPair,
    ...setLower,
    ...call(field.mul, i32.add(products.get, size), products.get, lower),
    ...advance(products, size),
    ...advance(pairs, i32.const(4)),
  ];
  f.emit(doWhile(collect, i32.sub(end.get, pairs.get)));

  f.emit(call(field.invert, running, products.get));
  const slopeIntoUpper = [
    ...call(field.mul, inverse, running, products.get),
    ...call(field.mul, upper, upper, inverse),
  ];
  const sumIntoFirst = [
    ...copyBytes(inverse, x1.get, field.bytes),
    ...call(field.squareLess2, x1.get, upper, x1.get, x2),
    ...call(field.lazySub, inverse, inverse, x1.get),
    ...call(field.mulLess, y1, upper, inverse, y1),
  ];
  const spread = [
    ...advance(pairs, i32.const(-4)),
    ...advance(products, i32.const(-field.bytes)),
    ...readPair,
    ...setLower,
    ...setUpper,
    ...slopeIntoUpper,
    ...call(field.mul, running, running, lower),
    ...sumIntoFirst,
    ...count.set(i32.sub(count.get, i32.const(1))),
  ];
  f.emit(doWhile(spread, count.get));
}

function writeGather(f: FunctionCode, field: Field): void {
  const [entries, count, points, to] = f.params as [Local, Local, Local, Local];
  const [entry, from] = f.locals('i32', 2) as [Local, Local];
  const point = i32.add(points.get, i32.mul(i32.shrU(entry.get, i32.const(1)), i32.const(2 * field.bytes)));
  const size = i32.const(field.bytes);
  const [fromY, toY] = [i32.add(from.get, size), i32.add(to.get, size)];
  const step = [
    ...entry.set(i32.load(entries.get, 0)),
    ...from.set(point),
    ...copyBytes(to.get, from.get, field.bytes),
    ...copyNegated(toY, fromY, field.bytes, i32.and(entry.get, i32.const(1))),
    ...to.set(i32.add(to.get, i32.const(2 * field.bytes))),
    ...entries.set(i32.add(entries.get, i32.const(4))),
    ...count.set(i32.sub(count.get, i32.const(1))),
  ];
  f.emit(doWhile(step, count.get));
}
