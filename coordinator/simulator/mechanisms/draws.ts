/**
 * Draws that depend on nothing but their place: (seed, what, whose). So every mechanism meets the same provers, the same
 * blocks, and the same luck of a prover with a job, whatever it does in between (common random numbers).
 */
import { hashOfText, mix } from '../fate.js';

const TWO_32 = 4_294_967_296;
const hashes = new Map<string, number>();

/** A number above 0 and below 1. @param one - further parts of the place, whole numbers */
export function unit(seed: number, what: string, one = 0, other = 0): number {
  let hash = hashes.get(what);
  if (hash === undefined) {
    hash = hashOfText(what);
    hashes.set(what, hash);
  }
  const drawn = mix(mix(mix(mix(seed ^ 0x9e3779b9) ^ hash) ^ one) + Math.imul(other + 1, 0x9e3779b1));
  return (drawn + 0.5) / TWO_32;
}

/** A standard normal number (Box and Muller). */
export function normal(seed: number, what: string, one = 0, other = 0): number {
  const radius = Math.sqrt(-2 * Math.log(unit(seed, what, one, other)));
  return radius * Math.cos(2 * Math.PI * unit(seed, `${what} angle`, one, other));
}

/** The normal distribution's share below `x` (Abramowitz and Stegun 26.2.17; off by less than 10^-7). */
export function normalShare(x: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(x));
  const poly = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  const tail = (Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI)) * poly;
  return x >= 0 ? 1 - tail : tail;
}
