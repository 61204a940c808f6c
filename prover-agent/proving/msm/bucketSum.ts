/**
 * The sum of a window: each bucket times its number, by running sums from the highest down, in projective coordinates
 * with formulas that have no exceptional cases.
 * Source: Renes, Costello and Batina, "Complete addition formulas for prime order elliptic curves", algorithms 7 and 8.
 */
import { copyBytes } from './fieldKernels.js';
import type { Field, FixedMemory } from './fields.js';
import { type Code, call, doWhile, type FunctionCode, i32, ifElse, type Local, type ModuleCode } from './wasmCode.js';

/** The name of the function that a field adds to the module. */
export const bucketSumName = (group: string) => `${group}_bucketSum`;

/**
 * Writes bucketSum(table, count, to): the table holds the address of each bucket's affine point from 1 to `count` (at
 * least one), 0 for an empty one; the sum goes to `to` as Jacobian X, Y, Z.
 */
export function bucketSum(module: ModuleCode, memory: FixedMemory, group: string, field: Field): void {
  const point = () => memory.scratch(3 * field.bytes);
  const [running, total] = [point(), point()];
  const work = Array.from({ length: 6 }, () => i32.const(memory.scratch(field.bytes)));
  const addAffine = module.add(`${group}_addAffine`, 2, (f) => writeAddition(f, field, work, true));
  const addPoint = module.add(`${group}_addPoint`, 2, (f) => writeAddition(f, field, work, false));
  const infinity = [field.zero, field.one, field.zero];

  module.add(bucketSumName(group), 3, (f) => {
    const [table, count, to] = f.params as [Local, Local, Local];
    const [bucket, at] = f.locals('i32', 2) as [Local, Local];
    for (const sum of [running, total]) {
      f.emit(...infinity.map((from, i) => copyBytes(i32.const(sum + i * field.bytes), i32.const(from), field.bytes)));
    }
    f.emit(at.set(i32.add(table.get, i32.shl(count.get, i32.const(2)))));
    const step = [
      ...at.set(i32.sub(at.get, i32.const(4))),
      ...bucket.set(i32.load(at.get, 0)),
      ...ifElse(bucket.get, call(addAffine, i32.const(running), bucket.get)),
      ...call(addPoint, i32.const(total), i32.const(running)),
    ];
    f.emit(doWhile(step, i32.sub(at.get, table.get)));
    writeJacobian(f, field, total, to.get);
  });
}

/** x = X / Z and y = Y / Z, as X Z / Z^2 and Y Z^2 / Z^3. */
function writeJacobian(f: FunctionCode, field: Field, from: number, to: Code): void {
  const [x, y, z] = [0, 1, 2].map((i) => i32.const(from + i * field.bytes)) as [Code, Code, Code];
  const [toY, toZ] = [i32.add(to, i32.const(field.bytes)), i32.add(to, i32.const(2 * field.bytes))];
  f.emit(call(field.mul, to, x, z), call(field.mul, toY, y, z), call(field.mul, toY, toY, z));
  f.emit(copyBytes(toZ, z, field.bytes));
}

/** p = p + q, where q is affine (Z = 1, not infinite) or projective. */
function writeAddition(f: FunctionCode, field: Field, work: readonly Code[], isAffine: boolean): void {
  const [p, q] = f.params as [Local, Local];
  const coordinate = (of: Local, i: number) => (i === 0 ? of.get : i32.add(of.get, i32.const(i * field.bytes)));
  const [x1, y1, z1] = [0, 1, 2].map((i) => coordinate(p, i)) as [Code, Code, Code];
  const [x2, y2, z2] = [0, 1, 2].map((i) => coordinate(q, i)) as [Code, Code, Code];
  const [xx, yy, zz, xy, yz, xz] = work as [Code, Code, Code, Code, Code, Code];
  const { mul, add, sub, sumOfProducts, differenceOfProducts } = field;

  f.emit(call(mul, xx, x1, x2), call(mul, yy, y1, y2), call(sumOfProducts, xy, x1, y2, x2, y1));
  if (isAffine) {
    f.emit(call(mul, yz, y2, z1), call(add, yz, yz, y1), call(mul, xz, x2, z1), call(add, xz, xz, x1));
    f.emit(call(field.timesThreeB, zz, z1));
  } else {
    f.emit(call(sumOfProducts, yz, y1, z2, y2, z1), call(sumOfProducts, xz, x1, z2, x2, z1));
    f.emit(call(mul, zz, z1, z2), call(field.timesThreeB, zz, zz));
  }
  f.emit(call(field.triple, xx, xx), call(field.timesThreeB, xz, xz));
  // From here on zz is what is added to yy, and z1 what is subtracted.
  f.emit(call(sub, z1, yy, zz), call(add, zz, yy, zz));
  f.emit(call(differenceOfProducts, x1, xy, z1, yz, xz));
  f.emit(call(sumOfProducts, y1, xz, xx, z1, zz));
  f.emit(call(sumOfProducts, z1, zz, yz, xx, xy));
}
