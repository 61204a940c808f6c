import { FOREIGN_BYTES } from './limbs.js';
import type { GroupName } from './msmModule.js';
import { digitsOf, SCALAR_BYTES } from './signedDigits.js';
import { POINTS_MAX, WINDOW_BITS_MAX, WINDOW_BITS_MIN, type WindowTask } from './windowSums.js';

/** Bytes that snarkjs slices: an array, or its own kind of them for more than fits one. */
interface Bytes {
  byteLength: number;
  slice(from: number, to: number): Uint8Array;
}

type MultiExp = (points: Bytes, scalars: Bytes, ...more: unknown[]) => Promise<Uint8Array>;

/** What is used of a group of ffjavascript. */
export interface ForeignGroup {
  zero: Uint8Array;
  multiExpAffine: MultiExp;
  add(a: Uint8Array, b: Uint8Array): Uint8Array;
}

/** Fewer points are not worth our module's start. */
const POINTS_MIN = 256;
/** Bytes of an affine point as ffjavascript has it. */
const POINT_BYTES: Readonly<Record<GroupName, number>> = { G1: 2 * FOREIGN_BYTES, G2: 4 * FOREIGN_BYTES };

/**
 * Multiplies points by scalars and sums them, in place of a group's own `multiExpAffine`, with the same results.
 * A handful of points, as in a verification, and scalars of another size than 32 bytes are left to the group's own.
 *
 * @param runWindows - sums some windows, in some thread
 * @param threads - into how many tasks the windows are divided
 * @param pointsMin - fewer are left to the group's own
 */
export function multiExpAffine(
  name: GroupName,
  group: ForeignGroup,
  runWindows: (task: WindowTask) => Promise<Uint8Array>,
  threads: number,
  pointsMin: number = POINTS_MIN,
): MultiExp {
  const own = group.multiExpAffine;
  const pointBytes = POINT_BYTES[name];
  return async (points, scalars, ...more) => {
    const count = Math.floor(points.byteLength / pointBytes);
    if (count === 0 || count < pointsMin || scalars.byteLength !== count * SCALAR_BYTES)
      return own(points, scalars, ...more);
    let sum = group.zero;
    for (let from = 0; from < count; from += POINTS_MAX) {
      const to = Math.min(count, from + POINTS_MAX);
      const task = {
        group: name,
        points: points.slice(from * pointBytes, to * pointBytes),
        scalars: scalars.slice(from * SCALAR_BYTES, to * SCALAR_BYTES),
      };
      const windowBits = bestWindowBits(countWide(task.scalars));
      const shares = Array.from({ length: threads }, (_, share) => ({ ...task, windowBits, share, shares: threads }));
      for (const part of await Promise.all(shares.map(runWindows))) sum = group.add(sum, part);
    }
    return sum;
  };
}

/** How many scalars are longer than 128 bits: those are at work in most windows. */
function countWide(scalars: Uint8Array): number {
  let wide = 0;
  for (let at = SCALAR_BYTES / 2; at < scalars.length; at += SCALAR_BYTES) {
    for (let byte = 0; byte < SCALAR_BYTES / 2; byte++) {
      if (scalars[at + byte] === 0) continue;
      wide += 1;
      break;
    }
  }
  return wide;
}

/** Multiplications that a point and a bucket take in each window. */
const POINT_COST = 7;
const BUCKET_COST = 14;

function bestWindowBits(points: number): number {
  const cost = (bits: number) => digitsOf(bits) * (POINT_COST * points + BUCKET_COST * 2 ** (bits - 1));
  let best = WINDOW_BITS_MIN;
  for (let bits = best + 1; bits <= WINDOW_BITS_MAX; bits++) if (cost(bits) < cost(best)) best = bits;
  return best;
}
