/**
 * Works out a witness from the constraints alone, as a proof that they leave no choice: starting from the inputs it
 * fills in a wire only where the constraints force its value. A wire that stays open is one that a prover may choose.
 */
import { FIELD_MODULUS as P } from '#protocol/rollup/fieldElement.js';
import type { Constraint, ConstraintSystem, Linear } from './constraintSystem.js';

/** Constant part and unknown wires of a linear combination. */
type Partial = { constant: bigint; unknowns: Map<number, bigint> };

const modulo = (value: bigint) => ((value % P) + P) % P;

function invert(value: bigint): bigint {
  let [r0, r1, t0, t1] = [P, modulo(value), 0n, 1n];
  while (r1 !== 0n) {
    const quotient = r0 / r1;
    [r0, r1, t0, t1] = [r1, r0 - quotient * r1, t1, t0 - quotient * t1];
  }
  return modulo(t0);
}

const exponentOf = new Map(Array.from({ length: 253 }, (_, i) => [2n ** BigInt(i), i]));

/** The forced values of all wires; `undefined` where the constraints leave a choice. */
export class ForcedWitness {
  readonly values: (bigint | undefined)[];
  /** Constraints that cannot hold any more. */
  readonly contradictions: number[] = [];
  readonly #booleans = new Set<number>();
  readonly #constraintsOf: number[][];
  readonly #openCount: Int32Array;
  readonly #queue: number[] = [];

  constructor(private readonly system: ConstraintSystem) {
    this.values = Array(system.wireCount).fill(undefined);
    this.#constraintsOf = Array.from({ length: system.wireCount }, () => []);
    this.#openCount = new Int32Array(system.constraints.length);
    for (const [i, constraint] of system.constraints.entries()) {
      const wires = new Set(constraint.flatMap(({ wires }) => [...wires]));
      for (const wire of wires) this.#constraintsOf[wire]!.push(i);
      this.#openCount[i] = wires.size;
      const [a, b, c] = constraint;
      if (wires.size <= 2 && c.wires.length === 0) this.#noteBoolean(a, b);
    }
    this.set(0, 1n);
  }

  /** Gives a wire its value. */
  set(wire: number, value: bigint): void {
    if (this.values[wire] !== undefined) return;
    this.values[wire] = value;
    for (const i of this.#constraintsOf[wire]!) {
      this.#openCount[i]!--;
      if (this.#openCount[i]! <= 1) this.#queue.push(i);
    }
  }

  /** Fills in all that is forced, and stops early at a contradiction. */
  propagate(): void {
    for (let progress = true; progress && this.contradictions.length === 0; ) {
      while (this.#queue.length > 0) this.#consider(this.#queue.pop()!);
      // The queue holds what came down to one open wire; several may be forced too: bits of a number, a factor zero.
      for (const [i, open] of this.#openCount.entries()) if (open > 0) this.#consider(i);
      progress = this.#queue.length > 0;
    }
  }

  /** Notes wire * (wire - 1) = 0, in either order and sign. */
  #noteBoolean(a: Linear, b: Linear): void {
    const wire = [...a.wires, ...b.wires].find((candidate) => candidate !== 0);
    if (wire === undefined) return;
    const roots = [a, b].map(({ wires, coefficients }) => {
      const slope = coefficients[wires.indexOf(wire)];
      const constant = coefficients[wires.indexOf(0)] ?? 0n;
      return slope === undefined ? undefined : modulo(-constant * invert(slope));
    });
    if (roots.includes(0n) && roots.includes(1n)) this.#booleans.add(wire);
  }

  #partial({ wires, coefficients }: Linear): Partial {
    let constant = 0n;
    const unknowns = new Map<number, bigint>();
    for (let i = 0; i < wires.length; i++) {
      const value = this.values[wires[i]!];
      if (value === undefined) unknowns.set(wires[i]!, coefficients[i]!);
      else constant += coefficients[i]! * value;
    }
    return { constant: modulo(constant), unknowns };
  }

  #consider(i: number): void {
    const [a, b, c] = (this.system.constraints[i] as Constraint).map((linear) => this.#partial(linear)) as [
      Partial,
      Partial,
      Partial,
    ];
    if (a.unknowns.size > 0 && b.unknowns.size > 0) this.#considerBits(i, a, b, c);
    else if (a.unknowns.size === 0) this.#considerLinear(i, a.constant, b, c);
    else this.#considerLinear(i, b.constant, a, c);
  }

  /** factor * other = c with one unknown left that counts. */
  #considerLinear(i: number, factor: bigint, other: Partial, c: Partial): void {
    const unknowns = new Map<number, bigint>();
    for (const [wire, coefficient] of other.unknowns) unknowns.set(wire, modulo(factor * coefficient));
    for (const [wire, coefficient] of c.unknowns) unknowns.set(wire, modulo((unknowns.get(wire) ?? 0n) - coefficient));
    const counting = [...unknowns].filter(([, coefficient]) => coefficient !== 0n);
    const rest = modulo(factor * other.constant - c.constant);
    if (counting.length === 0 && rest !== 0n) this.contradictions.push(i);
    if (counting.length === 1) this.set(counting[0]![0], modulo(-rest * invert(counting[0]![1])));
    else if (counting.length > 1) this.#solveBits(i, counting, rest);
  }

  /** L * (L - 1) = 0 with bits in L: what remains of a number's bits when the compiler has put one bit as the rest. */
  #considerBits(i: number, a: Partial, b: Partial, c: Partial): void {
    if (c.unknowns.size > 0 || c.constant !== 0n || a.unknowns.size !== b.unknowns.size) return;
    const [wire, coefficient] = [...a.unknowns][0]!;
    const ratio = modulo((b.unknowns.get(wire) ?? 0n) * invert(coefficient));
    if ([...a.unknowns].some(([other, value]) => b.unknowns.get(other) !== modulo(value * ratio))) return;
    // a = 0, or a = step: a - step * t = 0 with one more bit t.
    const step = modulo(a.constant - b.constant * invert(ratio));
    if (step !== 0n) this.#solveBits(i, [...a.unknowns, [-1, modulo(-step)]], a.constant);
  }

  /** sum of coefficient * bit + rest = 0, forced when the coefficients are one number times different powers of two. */
  #solveBits(i: number, terms: [number, bigint][], rest: bigint): void {
    if (terms.some(([wire]) => wire !== -1 && !this.#booleans.has(wire))) return;
    for (const [, unit] of terms) {
      const scale = invert(unit);
      const exponents = terms.map(([, coefficient]) => exponentOf.get(modulo(coefficient * scale)));
      if (exponents.includes(undefined)) continue;
      if (new Set(exponents).size < terms.length) return;
      const sum = modulo(-rest * scale);
      const all = exponents.reduce<bigint>((bits, exponent) => bits | (1n << BigInt(exponent!)), 0n);
      if ((sum & ~all) !== 0n) this.contradictions.push(i);
      else
        for (const [k, [wire]] of terms.entries()) if (wire !== -1) this.set(wire, (sum >> BigInt(exponents[k]!)) & 1n);
      return;
    }
  }
}
