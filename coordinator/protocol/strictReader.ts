/**
 * Readers that accept exactly one spelling of a value and say what is wrong with any other. They exist because a
 * zkProof checked by a tolerant parser can be accepted under many spellings of the same number.
 */

/** BN254's base field modulus: point coordinates are below it. */
export const FQ_MODULUS = 21888242871839275222246405745257275088696311157297823662689037894645226208583n;

/** BN254's group order: public signals and PLONK evaluations are below it. */
export const FR_MODULUS = 21888242871839275222246405745257275088548364400416034343698204186575808495617n;

/** Decimal digits of the largest field element; a longer string is refused before any digit is looked at. */
export const FIELD_DIGITS_MAX = 77;

/** Why a zkProof, its public signals or a verification key could not be read. */
export const ZK_INPUT_CODES = [
  'wrongShape',
  'wrongLabel',
  'wrongCount',
  'tooLarge',
  'notCanonical',
  'aboveModulus',
  'zNotOne',
  'pointAtInfinity',
] as const;
/** One of ZK_INPUT_CODES. */
export type ZkInputCode = (typeof ZK_INPUT_CODES)[number];

/** A refusal: the code is for programs; the detail names the place and holds nothing that the sender wrote. */
export interface ZkInputFault {
  readonly ok: false;
  readonly code: ZkInputCode;
  readonly detail: string;
}

/** Affine point of G1: x, y and "1", decimal, as snarkjs writes it. */
export type G1Point = [x: string, y: string, z: string];

/** Affine point of G2: x, y and ["1", "0"], each as [c0, c1] of c0 + c1 u. */
export type G2Point = [x: [string, string], y: [string, string], z: [string, string]];

/** Reads a value found at `path`; ends in a StrictReadFault when it is not spelled exactly right. */
export type Reader<T> = (value: unknown, path: string) => T;

class StrictReadFault extends Error {
  constructor(
    readonly code: ZkInputCode,
    readonly path: string,
    what: string,
  ) {
    super(`${path} ${what}`);
  }
}

/**
 * Runs a reader on untrusted input. Never throws, whatever the input is.
 *
 * @param path - what the value is called in the detail of a fault
 */
export function readStrictly<T>(read: Reader<T>, value: unknown, path: string): { ok: true; value: T } | ZkInputFault {
  try {
    return { ok: true, value: read(value, path) };
  } catch (error) {
    if (error instanceof StrictReadFault) return { ok: false, code: error.code, detail: error.message };
    return { ok: false, code: 'wrongShape', detail: `${path} could not be read` };
  }
}

function fieldReader(modulus: bigint): Reader<string> {
  const limit = modulus.toString();
  return (value, path) => {
    if (typeof value !== 'string') throw new StrictReadFault('wrongShape', path, 'must be a decimal string');
    if (value.length > FIELD_DIGITS_MAX) {
      throw new StrictReadFault('tooLarge', path, `must have at most ${FIELD_DIGITS_MAX} digits`);
    }
    if (!/^(?:0|[1-9][0-9]*)$/.test(value)) {
      throw new StrictReadFault('notCanonical', path, 'must be decimal digits without sign or leading zero');
    }
    if (value.length === limit.length && value >= limit) {
      throw new StrictReadFault('aboveModulus', path, 'must be below the modulus of its field');
    }
    return value;
  };
}

/** A coordinate: canonical decimal below FQ_MODULUS. */
export const readFq: Reader<string> = fieldReader(FQ_MODULUS);

/** A scalar: canonical decimal below FR_MODULUS. */
export const readFr: Reader<string> = fieldReader(FR_MODULUS);

/** An array of exactly `count` items; the count is checked before any item is touched. */
export function readArray<T>(item: Reader<T>, count: number): Reader<T[]> {
  return (value, path) => {
    if (!Array.isArray(value)) throw new StrictReadFault('wrongShape', path, 'must be an array');
    if (value.length !== count) throw new StrictReadFault('wrongCount', path, `must have exactly ${count} items`);
    return Array.from(value, (entry, index) => item(entry, `${path}[${index}]`));
  };
}

/** Exactly this string. */
export function readLabel<const L extends string>(label: L): Reader<L> {
  return (value, path) => {
    if (value !== label) throw new StrictReadFault('wrongLabel', path, `must be "${label}"`);
    return label;
  };
}

/** A whole number (not a string) from min to max. */
export function readWhole(min: number, max: number): Reader<number> {
  return (value, path) => {
    if (typeof value !== 'number' || !Number.isInteger(value)) {
      throw new StrictReadFault('wrongShape', path, 'must be a whole number');
    }
    if (value < min || value > max) throw new StrictReadFault('wrongCount', path, `must be from ${min} to ${max}`);
    return value;
  };
}

/**
 * An object with exactly the keys of `fields`, no more and no less; the result is a fresh object.
 *
 * @param ignored - keys that may also be present and are dropped unread
 */
export function readObject<T extends object>(
  fields: { [K in keyof T]: Reader<T[K]> },
  ignored: readonly string[] = [],
): Reader<T> {
  const names = Object.keys(fields) as (keyof T & string)[];
  return (value, path) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new StrictReadFault('wrongShape', path, 'must be an object');
    }
    const spare = ignored.filter((name) => Object.hasOwn(value, name)).length;
    const absent = names.find((name) => !Object.hasOwn(value, name));
    if (absent !== undefined) throw new StrictReadFault('wrongShape', path, `must have the key ${absent}`);
    if (Reflect.ownKeys(value).length !== names.length + spare) {
      throw new StrictReadFault('wrongShape', path, `must have no keys but ${names.join(', ')}`);
    }
    const source = value as Record<string, unknown>;
    return Object.fromEntries(names.map((name) => [name, fields[name](source[name], `${path}.${name}`)])) as T;
  };
}

/** An object read by whichever of `readers` its own property `tag` names. */
export function readTagged<T>(tag: string, readers: Readonly<Record<string, Reader<T>>>): Reader<T> {
  return (value, path) => {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, tag)) {
      throw new StrictReadFault('wrongShape', path, `must be an object with the key ${tag}`);
    }
    const label = (value as Record<string, unknown>)[tag];
    const name = Object.keys(readers).find((known) => known === label);
    if (name === undefined) {
      throw new StrictReadFault('wrongLabel', `${path}.${tag}`, `must be one of ${Object.keys(readers).join(', ')}`);
    }
    return readers[name]!(value, path);
  };
}

const readFq2 = readArray(readFq, 2);
const readG1Coordinates = readArray(readFq, 3);
const readG2Coordinates = readArray(readFq2, 3);

/** A G1 point that is not infinity, z = 1. Whether it is on the curve is the verifier's question. */
export const readG1: Reader<G1Point> = (value, path) => {
  const [x, y, z] = readG1Coordinates(value, path) as G1Point;
  if (z === '0' || (x === '0' && y === '0')) throw new StrictReadFault('pointAtInfinity', path, 'is infinity');
  if (z !== '1') throw new StrictReadFault('zNotOne', path, 'must have z = 1');
  return [x, y, z];
};

/** Like readG1, but infinity in the one spelling ["0","1","0"] passes: selectors of a PLONK key may be zero. */
export const readG1OrInfinity: Reader<G1Point> = (value, path) => {
  const [x, y, z] = readG1Coordinates(value, path) as G1Point;
  return x === '0' && y === '1' && z === '0' ? [x, y, z] : readG1(value, path);
};

/** A G2 point that is not infinity, z = 1. Curve and subgroup are the verifier's questions. */
export const readG2: Reader<G2Point> = (value, path) => {
  const [x, y, z] = readG2Coordinates(value, path) as G2Point;
  const isZero = (pair: [string, string]) => pair[0] === '0' && pair[1] === '0';
  if (isZero(z) || (isZero(x) && isZero(y))) throw new StrictReadFault('pointAtInfinity', path, 'is infinity');
  if (z[0] !== '1' || z[1] !== '0') throw new StrictReadFault('zNotOne', path, 'must have z = 1');
  return [x, y, z];
};
