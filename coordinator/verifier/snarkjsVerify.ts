import type { VerificationKey } from '#protocol/verificationKey.js';
import type { Verdict, ZkProof } from '#protocol/zkProof.js';
import { g1FromPoint } from './bn254.js';

type SnarkjsModule = typeof import('snarkjs');

let loading: Promise<SnarkjsModule> | undefined;

/**
 * Loads snarkjs when it is first needed: most workers never pay for it. Its curve is built here without
 * threads and left where snarkjs looks for one, so that it starts none of its own inside the worker.
 */
export async function loadSnarkjs(): Promise<SnarkjsModule> {
  const [snarkjs, { buildBn128 }] = await Promise.all([import('snarkjs'), import('ffjavascript')]);
  (globalThis as { curve_bn128?: unknown }).curve_bn128 = await buildBn128(true);
  return snarkjs;
}

/**
 * Says whether a PLONK or FFLONK zkProof proves its public signals. Both inputs have been strictly parsed. Points are
 * checked here once more, so that the verdict names the reason. Whatever snarkjs throws passes through.
 */
export async function verifyWithSnarkjs(
  key: VerificationKey & { protocol: 'plonk' | 'fflonk' },
  publicSignals: readonly string[],
  zkProof: Exclude<ZkProof, { protocol: 'groth16' }>,
): Promise<Verdict> {
  const points = zkProof.protocol === 'plonk' ? zkProof : zkProof.polynomials;
  for (const [name, point] of Object.entries(points)) {
    if (Array.isArray(point) && !g1FromPoint(point)) {
      return { valid: false, code: 'notOnCurve', detail: `${name} is not on the curve.` };
    }
  }
  loading ??= loadSnarkjs();
  const snarkjs = await loading;
  const holds = await snarkjs[key.protocol].verify(key, publicSignals, zkProof);
  return holds === true
    ? { valid: true }
    : { valid: false, code: 'equationFails', detail: 'The verification equation fails.' };
}
