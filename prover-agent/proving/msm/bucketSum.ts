/**
 * Sums of points each times its number, by running sums from the highest down, in projective coordinates with formulas that
 * have no exceptional cases.
 * Source: Renes, Costello and Batina, "Complete addition formulas for prime order elliptic curves", algorithms 7 and 8.
 */
import { copyBytes } from './fieldKernels.js';
import type { Field, FixedMemory } from './fields.js';
import { type Code, call, doWhile, type FunctionCode, i32, ifElse, type Local, type ModuleCode } from './wasmCode.js';

/** Names of the functions that a field adds to the module. */
export const bucketNames = (group: string) => ({
  clear: `${group}_clear`,
  double: `${group}_double`,
  add: `${group}_addBuckets`,
  jacobian: `${group}_jacobian`,
});

/**
 * Writes four functions, of which `sum` is a projective point of three coordinates:
 * - clear(sum): makes it infinite;
 * - double(sum, times): doubles it, at least once;
 * - addBuckets(table, count, sum): adds each bucket times its number, from 1 to `count` (at least one); the table holds the
 *   address of each one's affine point, 0 for an empty one;
 * - jacobian(sum): makes it Jacobian.
 */
export function bucketSum(module: ModuleCode, memory: FixedMemory, group: string, field: Field): void {
  const names = bucketNames(group);
  const running = i32.const(memory.scratch(3 * field.bytes));
  const work = Array.from({ length: 6 }, () => i32.const(memory.scratch(field.bytes)));
  const addAffine = module.add(`${group}_addAffine`, 2, (f) => writeAddition(f, field, work, true));
  const addPoint = module.add(`${group}_addPoint`, 2, (f) => writeAddition(f, field, work, false));
  const clear = module.add(names.clear, 1, (f) => {
    const sum = f.params[0]!.get;
    [field.zero, field.one, field.zero].forEach((from, i) => {
      f.emit(copyBytes(i32.add(sum, i32.const(i * field.bytes)), i32.const(from), field.bytes));
    });
  });
  module.add(names.double, 2, (f) => {
    const [sum, times] = f.params as [Local, Local];
    const once = [...call(addPoint, sum.get, sum.get), ...times.set(i32.sub(times.get, i32.const(1)))];
    f.emit(doWhile(once, times.get));
  });
  module.add(names.add, 3, (f) => {
    const [table, count, sum] = f.params as [Local, Local, Local];
    const [bucket, at] = f.locals('i32', 2) as [Local, Local];
    f.emit(call(clear, running), at.set(i32.add(table.get, i32.shl(count.get, i32.const(2)))));
    const step = [
      ...at.set(i32.sub(at.get, i32.const(4))),
      ...bucket.set(i32.load(at.get, 0)),
      ...ifElse(bucket.get, call(addAffine, running, bucket.get)),
      ...call(addPoint, sum.get, running),
    ];
    f.emit(doWhile(step, i32.sub(at.get, table.get)));
  });
  module.add(names.jacobian, 1, (f) => writeJacobian(f, field));
}

/** x = X / Z and y = Y / Z, as X Z / Z^2 and Y Z^2 / Z^3. */
function writeJacobian(f: FunctionCode, field: Field): void {
  const x = f.params[0]!.get;
  const [y, z] = [i32.add(x, i32.const(field.bytes)), i32.add(x, i32.const(2 * field.bytes))];
  f.emit(call(field.mul, x, x, z), call(field.mul, y, y, z), call(field.mul, y, y, z));
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
