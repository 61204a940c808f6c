/** Reads a constraint system (.r1cs) and tells which constraints a vector of wires violates. */
import { FIELD_MODULUS as P } from '#protocol/rollup/fieldElement.js';

/** A linear combination of wires. */
export type Linear = { wires: Uint32Array; coefficients: bigint[] };

/** A * B = C. */
export type Constraint = [a: Linear, b: Linear, c: Linear];

export type ConstraintSystem = {
  wireCount: number;
  publicCount: number;
  privateCount: number;
  constraints: Constraint[];
};

/** Parses the bytes of a .r1cs file of version 1 over BN254's scalar field. */
export function parseConstraintSystem(bytes: Buffer): ConstraintSystem {
  const sections = new Map<number, Buffer>();
  for (let at = 12; at < bytes.length; ) {
    const size = Number(bytes.readBigUInt64LE(at + 4));
    sections.set(bytes.readUInt32LE(at), bytes.subarray(at + 12, at + 12 + size));
    at += 12 + size;
  }
  const header = sections.get(1)!;
  if (header.readUInt32LE(0) !== 32 || readElement(header, 4) !== P) throw new Error('another field');
  const body = sections.get(2)!;
  let at = 0;
  const readLinear = (): Linear => {
    const count = body.readUInt32LE(at);
    at += 4;
    const linear: Linear = { wires: new Uint32Array(count), coefficients: [] };
    for (let i = 0; i < count; i++, at += 36) {
      linear.wires[i] = body.readUInt32LE(at);
      linear.coefficients.push(readElement(body, at + 4));
    }
    return linear;
  };
  const constraints: Constraint[] = [];
  const count = header.readUInt32LE(60);
  for (let i = 0; i < count; i++) constraints.push([readLinear(), readLinear(), readLinear()]);
  return {
    wireCount: header.readUInt32LE(36),
    publicCount: header.readUInt32LE(40) + header.readUInt32LE(44),
    privateCount: header.readUInt32LE(48),
    constraints,
  };
}

function readElement(bytes: Buffer, at: number): bigint {
  let value = 0n;
  for (let word = 3; word >= 0; word--) value = (value << 64n) | bytes.readBigUInt64LE(at + 8 * word);
  return value;
}

/** The value of a linear combination, reduced. */
export function evaluate({ wires, coefficients }: Linear, witness: readonly bigint[]): bigint {
  let sum = 0n;
  for (let i = 0; i < wires.length; i++) sum += coefficients[i]! * witness[wires[i]!]!;
  return ((sum % P) + P) % P;
}

/** The numbers of all constraints that the witness violates. */
export function violatedConstraints(system: ConstraintSystem, witness: readonly bigint[]): number[] {
  const violated: number[] = [];
  for (const [i, [a, b, c]] of system.constraints.entries()) {
    if ((evaluate(a, witness) * evaluate(b, witness)) % P !== evaluate(c, witness)) violated.push(i);
  }
  return violated;
}

/** The names of the wires that are left after the compiler's simplification; a wire may carry several. */
export function parseWireNames(symbols: string): Map<number, string[]> {
  const names = new Map<number, string[]>();
  for (const line of symbols.split('\n')) {
    const [, wire, , name] = line.split(',');
    if (!name || wire === '-1') continue;
    const list = names.get(Number(wire));
    if (list) list.push(name);
    else names.set(Number(wire), [name]);
  }
  return names;
}
