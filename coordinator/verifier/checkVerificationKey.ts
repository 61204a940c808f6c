import { type CircuitId, circuitIdOf, parseVerificationKey, type VerificationKey } from '#protocol/verificationKey.js';
import type { ZkProtocol } from '#protocol/zkProof.js';
import { loadBn254 } from './bn254.js';
import { findKeyFault, type KeyFault } from './keyFault.js';

/** A verification key that may be registered, with what it is known by. */
export interface CheckedKey {
  readonly ok: true;
  readonly circuitId: CircuitId;
  readonly protocol: ZkProtocol;
  readonly nPublic: number;
  /** The key's own fields, fresh: what to store and to hand to `verify`. */
  readonly verificationKey: VerificationKey;
}

/**
 * Checks a verification key for registration: its spelling, points on curve and in subgroup, no infinity, as many IC
 * points as signals plus one, and a set-up that somebody contributed to (gamma differs from delta). Works on this
 * thread, for the command line and the auditor; the coordinator asks its verifierPool instead.
 *
 * @param value - parsed JSON from anybody
 */
export async function checkVerificationKey(value: unknown): Promise<CheckedKey | KeyFault> {
  return await checkKeyWith(value, async (key) => {
    await loadBn254();
    try {
      return findKeyFault(key);
    } catch {
      return { ok: false, code: 'verifierThrew', detail: 'The verification key could not be checked.' };
    }
  });
}

/** checkVerificationKey, with the arithmetic done by `findFault`: here or in a worker. */
export async function checkKeyWith(
  value: unknown,
  findFault: (key: VerificationKey) => Promise<KeyFault | undefined>,
): Promise<CheckedKey | KeyFault> {
  const parsed = parseVerificationKey(value);
  if (!parsed.ok) return parsed;
  const { verificationKey } = parsed;
  const fault = await findFault(verificationKey);
  if (fault) return fault;
  const { protocol, nPublic } = verificationKey;
  return { ok: true, circuitId: circuitIdOf(verificationKey), protocol, nPublic, verificationKey };
}
