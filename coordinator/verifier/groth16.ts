import { randomBytes } from 'node:crypto';
import {
  finalExp,
  type G1,
  type G2,
  type GT,
  mul,
  neg,
  PrecomputedG2,
  precomputedMillerLoop,
  precomputedMillerLoop2,
} from 'mcl-wasm';
import { FR_MODULUS } from '#protocol/strictReader.js';
import type { Groth16VerificationKey } from '#protocol/verificationKey.js';
import type { Groth16ZkProof, Verdict, ZkProofFaultCode } from '#protocol/zkProof.js';
import { frFrom, g1FromPoint, isInG2Subgroup, millerLoopProduct, sumOfProducts, twistFromPoint } from './bn254.js';

/** Bytes of a batch coefficient: a bad zkProof passes a batch with probability 2^-128. */
const COEFFICIENT_BYTES = 16;

/** A verification key with all that does not depend on the zkProof computed; about 100 kB of WASM memory. */
export interface PreparedGroth16Key {
  readonly alpha: G1;
  /** The Miller loop of (-alpha, beta): what a zkProof verified alone needs of the two. */
  readonly alphaBeta: GT;
  readonly beta: PrecomputedG2;
  readonly gamma: PrecomputedG2;
  readonly delta: PrecomputedG2;
  readonly ic: readonly G1[];
}

/** A zkProof and the public signals it is said to prove, both strictly parsed, as many signals as the key has. */
export interface Groth16Statement {
  readonly publicSignals: readonly string[];
  readonly zkProof: Groth16ZkProof;
}

/** A statement whose points are loaded and checked, with its coefficient in the batch. */
interface LoadedStatement {
  readonly index: number;
  readonly signals: readonly bigint[];
  readonly a: G1;
  readonly b: G2;
  readonly c: G1;
  readonly coefficient: bigint;
  /** The Miller loop of (coefficient * a, b), once a failed batch has made it worth keeping. */
  miller?: GT;
}

/**
 * Computes what every verification under this key needs again. Needs loadBn254 first.
 *
 * @throws RangeError when a point is off its curve: keys are checked at registration, so this is a bug of the caller
 */
export function prepareGroth16Key(key: Groth16VerificationKey): PreparedGroth16Key {
  const g1 = [key.vk_alpha_1, ...key.IC].map(g1FromPoint);
  const g2 = [key.vk_beta_2, key.vk_gamma_2, key.vk_delta_2].map(twistFromPoint);
  if (!g1.every(isPresent) || !g2.every(isPresent)) throw new RangeError('verification key off the curve');
  const [alpha, ...ic] = g1 as [G1, ...G1[]];
  const [beta, gamma, delta] = g2.map((point) => new PrecomputedG2(point)) as [
    PrecomputedG2,
    PrecomputedG2,
    PrecomputedG2,
  ];
  return { alpha, alphaBeta: precomputedMillerLoop(neg(alpha), beta), beta, gamma, delta, ic };
}

/** Gives the key's WASM memory back; the key must not be used again. */
export function disposeGroth16Key(key: PreparedGroth16Key): void {
  for (const precomputed of [key.beta, key.gamma, key.delta]) precomputed.destroy();
}

/**
 * Says of each zkProof whether it proves its public signals, in the order given.
 *
 * Checks points on curve and pi_b in the subgroup, then all equations at once: with random coefficients r_i,
 * the product of e(r_i A_i, B_i) must equal e(sum r_i alpha, beta) e(sum r_i X_i, gamma) e(sum r_i C_i, delta), which
 * is n + 3 Miller loops and one final exponentiation. When that fails, halves are tried until each has its own verdict.
 * The coefficients are drawn here, after receipt, so that nobody can make errors that cancel.
 */
export function verifyGroth16Batch(key: PreparedGroth16Key, statements: readonly Groth16Statement[]): Verdict[] {
  const verdicts: Verdict[] = statements.map(() => ({ valid: true }));
  const loaded: LoadedStatement[] = [];
  for (const [index, statement] of statements.entries()) {
    const result = loadStatement(statement, index, statements.length === 1);
    if ('valid' in result) verdicts[index] = result;
    else loaded.push(result);
  }
  if (loaded.length > 0 && !equationHolds(key, loaded, sharedMillerLoop(loaded))) {
    for (const { index } of findFailing(key, loaded))
      verdicts[index] = fault('equationFails', 'The pairing check fails.');
  }
  return verdicts;
}

function loadStatement({ publicSignals, zkProof }: Groth16Statement, index: number, alone: boolean) {
  try {
    const a = g1FromPoint(zkProof.pi_a);
    const b = twistFromPoint(zkProof.pi_b);
    const c = g1FromPoint(zkProof.pi_c);
    if (!a) return fault('notOnCurve', 'pi_a is not on the curve.');
    if (!b) return fault('notOnCurve', 'pi_b is not on the curve.');
    if (!c) return fault('notOnCurve', 'pi_c is not on the curve.');
    if (!isInG2Subgroup(b)) return fault('notInSubgroup', 'pi_b is not in the subgroup of order r.');
    const coefficient = alone ? 1n : drawCoefficient();
    return { index, signals: publicSignals.map(BigInt), a, b, c, coefficient } satisfies LoadedStatement;
  } catch {
    return fault('verifierThrew', 'The zkProof could not be loaded.');
  }
}

function fault(code: ZkProofFaultCode, detail: string): Verdict {
  return { valid: false, code, detail };
}

/** 1 to 2^128 - 1, from the CSPRNG. */
function drawCoefficient(): bigint {
  for (;;) {
    const drawn = BigInt(`0x${randomBytes(COEFFICIENT_BYTES).toString('hex')}`);
    if (drawn !== 0n) return drawn;
  }
}

const scaledA = ({ a, coefficient }: LoadedStatement): G1 => (coefficient === 1n ? a : mul(a, frFrom(coefficient)));

function sharedMillerLoop(batch: readonly LoadedStatement[]): GT {
  return millerLoopProduct(
    batch.map(scaledA),
    batch.map(({ b }) => b),
  );
}

/** Whether the random combination of the batch's equations holds, given the product of its (r_i A_i, B_i) loops. */
function equationHolds(key: PreparedGroth16Key, batch: readonly LoadedStatement[], left: GT): boolean {
  const coefficients = batch.map(({ coefficient }) => coefficient);
  const total = coefficients.reduce((sum, coefficient) => sum + coefficient, 0n) % FR_MODULUS;
  const folded = key.ic.slice(1).map((_, signal) => {
    const sum = batch.reduce((running, { signals, coefficient }) => running + signals[signal]! * coefficient, 0n);
    return sum % FR_MODULUS;
  });
  const inputs = sumOfProducts(key.ic, [total, ...folded]);
  const c =
    total === 1n
      ? batch[0]!.c
      : sumOfProducts(
          batch.map((statement) => statement.c),
          coefficients,
        );
  const alphaBeta = total === 1n ? key.alphaBeta : precomputedMillerLoop(neg(mul(key.alpha, frFrom(total))), key.beta);
  const rest = precomputedMillerLoop2(neg(inputs), key.gamma, neg(c), key.delta);
  return finalExp(mul(mul(left, alphaBeta), rest)).isOne();
}

/**
 * The statements of a failing batch that fail on their own. Coefficients may be used again: they are still unknown to
 * whoever made the zkProofs. Alone, a statement's equation raised to a nonzero power holds exactly when it holds.
 */
function findFailing(key: PreparedGroth16Key, batch: readonly LoadedStatement[]): LoadedStatement[] {
  if (batch.length === 1) return [...batch];
  const half = batch.length >> 1;
  const [first, second] = [batch.slice(0, half), batch.slice(half)];
  const firstHolds = equationHolds(key, first, productOfLoops(first));
  if (firstHolds) return findFailing(key, second);
  const secondHolds = equationHolds(key, second, productOfLoops(second));
  return [...findFailing(key, first), ...(secondHolds ? [] : findFailing(key, second))];
}

function productOfLoops(batch: readonly LoadedStatement[]): GT {
  return batch
    .map((statement) => {
      statement.miller ??= sharedMillerLoop([statement]);
      return statement.miller;
    })
    .reduce((product, loop) => mul(product, loop));
}

function isPresent<T>(value: T | undefined): value is T {
  return value !== undefined;
}
