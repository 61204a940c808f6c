/**
 * Checks many secp256k1 signatures at once. A signature (r, s, v) of digest z by the key Q holds when R = (z/s) G + (r/s) Q,
 * where R is the point that r and v name. A random combination of such equations holds only if all do, but for a chance
 * below 2^-120, and costs one multi-scalar multiplication; when it does not hold, each signature is checked alone by the
 * strict rules of `checkSigner`. So this can be quicker than those, and never more lenient.
 */
import { randomBytes } from 'node:crypto';
import { secp256k1 } from '@noble/curves/secp256k1';
import { keccak_256 } from '@noble/hashes/sha3.js';
import { add, Fp, Fr, G1, getBasePointG1, init, inv, mul, mulVec, neg, SECP256K1, sqr, squareRoot } from 'mcl-wasm';
import type { SignedClaim } from '#market/entrySignatures.js';
import { checkSigner } from '#protocol/signature.js';
import type { Address } from '#protocol/units.js';

/** Claims in one combination, and points in one multiplication: mcl copies points to its stack, which is small. */
const CHUNK = 64;

/** Public keys remembered, by account: an audit meets the same few provers again and again. */
const KEYS_MAX = 4_096;

const N = secp256k1.CURVE.n;
const COEFFICIENT_BYTES = 16;

/** A claim whose signature is well formed, with its numbers. */
interface Equation {
  point: G1;
  r: Fr;
  s: Fr;
  z: Fr;
}

let ready: Promise<void> | undefined;
const keys = new Map<Address, G1>();

/** Loads the curve into this thread, once. mcl holds one curve a thread: not where the verifier runs. */
export function loadSecp256k1(): Promise<void> {
  ready ??= init(SECP256K1);
  return ready;
}

/** The codes of what is wrong with claims, in their order; null where nothing is. Needs {@link loadSecp256k1}. */
export function checkClaims(claims: readonly SignedClaim[]): (string | null)[] {
  const results: (string | null)[] = [];
  for (let from = 0; from < claims.length; from += CHUNK) results.push(...checkChunk(claims.slice(from, from + CHUNK)));
  return results;
}

function checkChunk(claims: readonly SignedClaim[]): (string | null)[] {
  const equations = claims.map(equationOf);
  const known = equations.map((equation, place) => (equation && keyOf(claims[place]!, equation) ? equation : null));
  const places = known.flatMap((equation, place) => (equation ? [place] : []));
  const isGood = holdTogether(
    places.map((place) => known[place]!),
    places.map((place) => claims[place]!.account),
  );
  return claims.map(({ digest, signature, account }, place) =>
    isGood && known[place] ? null : checkSigner(digest, signature, account),
  );
}

/** The numbers of a claim; null when its signature is not strictly one, which `checkSigner` puts into a code. */
function equationOf({ digest, signature }: SignedClaim): Equation | null {
  const parts = /^0x([0-9a-f]{64})([0-9a-f]{64})(1b|1c)$/.exec(signature);
  if (!parts) return null;
  const [r, s] = [BigInt(`0x${parts[1]}`), BigInt(`0x${parts[2]}`)];
  if (r === 0n || r >= N || s === 0n || s > N / 2n) return null;
  const x = new Fp();
  x.setStr(parts[1]!, 16);
  const [isOnCurve, root] = squareRoot(add(mul(sqr(x), x), fpOf(7))) as [true, Fp] | [false, null];
  if (!isOnCurve) return null;
  const isOdd = Number.parseInt(root.getStr(16).at(-1)!, 16) % 2 === 1;
  const point = new G1();
  point.setX(x);
  point.setY(isOdd === (parts[3] === '1c') ? root : neg(root));
  point.setZ(fpOf(1));
  const z = frOf((BigInt(digest) % N).toString(16));
  return { point, r: frOf(parts[1]!), s: frOf(parts[2]!), z };
}

/** The public key of a claim's account, recovered from the claim where it is not known; null when it is another's. */
function keyOf({ account }: SignedClaim, { point, r, s, z }: Equation): G1 | null {
  const known = keys.get(account);
  if (known) return known;
  const inverse = inv(r);
  const key = add(mul(point, mul(s, inverse)), mul(getBasePointG1(), neg(mul(z, inverse))));
  if (key.isZero() || addressOf(key) !== account) return null;
  if (keys.size >= KEYS_MAX) keys.clear();
  keys.set(account, key);
  return key;
}

function addressOf(key: G1): Address {
  key.normalize();
  const hex = [key.getX(), key.getY()].map((one) => one.getStr(16).padStart(64, '0')).join('');
  return `0x${Buffer.from(keccak_256(Buffer.from(hex, 'hex')).slice(-20)).toString('hex')}`;
}

/** True when a random combination of the equations holds. */
function holdTogether(equations: readonly Equation[], accounts: readonly Address[]): boolean {
  if (equations.length === 0) return true;
  const ofBase: Fr[] = [];
  const ofKeys = new Map<Address, Fr>();
  const coefficients = equations.map(({ r, s, z }, place) => {
    const coefficient = frOf(randomBytes(COEFFICIENT_BYTES).toString('hex'));
    const scaled = mul(coefficient, inv(s));
    ofBase.push(mul(scaled, z));
    const before = ofKeys.get(accounts[place]!);
    const share = mul(scaled, r);
    ofKeys.set(accounts[place]!, before ? add(before, share) : share);
    return coefficient;
  });
  const points = [
    ...equations.map(({ point }) => point),
    getBasePointG1(),
    ...[...ofKeys.keys()].map((one) => keys.get(one)!),
  ];
  const scalars = [
    ...coefficients,
    neg(ofBase.reduce((sum, one) => add(sum, one))),
    ...[...ofKeys.values()].map((one) => neg(one)),
  ];
  let sum = new G1();
  for (let from = 0; from < points.length; from += CHUNK) {
    sum = add(sum, mulVec(points.slice(from, from + CHUNK), scalars.slice(from, from + CHUNK)));
  }
  return sum.isZero();
}

function frOf(hex: string): Fr {
  const value = new Fr();
  value.setStr(hex, 16);
  return value;
}

function fpOf(number: number): Fp {
  const value = new Fp();
  value.setInt(number);
  return value;
}
