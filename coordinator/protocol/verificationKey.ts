import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import { canonicalJson } from './log/canonicalJson.js';
import { sha256Bytes } from './sha256.js';
import {
  type G1Point,
  type G2Point,
  type Reader,
  readArray,
  readFr,
  readG1,
  readG1OrInfinity,
  readG2,
  readLabel,
  readObject,
  readStrictly,
  readTagged,
  readWhole,
  type ZkInputFault,
} from './strictReader.js';
import type { Hex } from './units.js';
import { PUBLIC_SIGNALS_MAX, type ZkProtocol } from './zkProof.js';

/** A circuit's identity: '0x' and 64 lower-case hex digits. */
export type CircuitId = Hex;

/** A Groth16 verification key as snarkjs writes it, without `vk_alphabeta_12`, which follows from the rest. */
export interface Groth16VerificationKey {
  protocol: 'groth16';
  curve: 'bn128';
  nPublic: number;
  vk_alpha_1: G1Point;
  vk_beta_2: G2Point;
  vk_gamma_2: G2Point;
  vk_delta_2: G2Point;
  /** nPublic + 1 points. */
  IC: G1Point[];
}

type PlonkKeyPoint = 'Qm' | 'Ql' | 'Qr' | 'Qo' | 'Qc' | 'S1' | 'S2' | 'S3';

/** A PLONK verification key as snarkjs writes it; the domain has 2^power rows. */
export interface PlonkVerificationKey extends Record<PlonkKeyPoint, G1Point> {
  protocol: 'plonk';
  curve: 'bn128';
  nPublic: number;
  power: number;
  k1: string;
  k2: string;
  X_2: G2Point;
  w: string;
}

/** An FFLONK verification key as snarkjs writes it. */
export interface FflonkVerificationKey {
  protocol: 'fflonk';
  curve: 'bn128';
  nPublic: number;
  power: number;
  k1: string;
  k2: string;
  w: string;
  w3: string;
  w4: string;
  w8: string;
  wr: string;
  X_2: G2Point;
  C0: G1Point;
}

/** A verification key of any protocol, strictly parsed; its safety is checked at registration. */
export type VerificationKey = Groth16VerificationKey | PlonkVerificationKey | FflonkVerificationKey;

/** BN254's scalar field has roots of unity up to order 2^28. */
const DOMAIN_POWER_MAX = 28;

const curve = readLabel('bn128');
// A circuit without public signals states nothing: any zkProof of it would pay for any job.
const nPublic = readWhole(1, PUBLIC_SIGNALS_MAX);
const power = readWhole(1, DOMAIN_POWER_MAX);

const readIcOf: Reader<G1Point[]> = (value, path) => {
  const count = Array.isArray(value) ? Math.min(value.length, PUBLIC_SIGNALS_MAX + 1) : 0;
  return readArray(readG1, count)(value, path);
};

const readGroth16Fields = readObject<Groth16VerificationKey>(
  {
    protocol: readLabel('groth16'),
    curve,
    nPublic,
    vk_alpha_1: readG1,
    vk_beta_2: readG2,
    vk_gamma_2: readG2,
    vk_delta_2: readG2,
    IC: readIcOf,
  },
  ['vk_alphabeta_12'],
);

const readGroth16Key: Reader<Groth16VerificationKey> = (value, path) => {
  const key = readGroth16Fields(value, path);
  readArray<unknown>((point) => point, key.nPublic + 1)(key.IC, `${path}.IC`);
  return key;
};

const readPlonkKey = readObject<PlonkVerificationKey>({
  protocol: readLabel('plonk'),
  curve,
  nPublic,
  power,
  k1: readFr,
  k2: readFr,
  Qm: readG1OrInfinity,
  Ql: readG1OrInfinity,
  Qr: readG1OrInfinity,
  Qo: readG1OrInfinity,
  Qc: readG1OrInfinity,
  S1: readG1,
  S2: readG1,
  S3: readG1,
  X_2: readG2,
  w: readFr,
});

const readFflonkKey = readObject<FflonkVerificationKey>({
  protocol: readLabel('fflonk'),
  curve,
  nPublic,
  power,
  k1: readFr,
  k2: readFr,
  w: readFr,
  w3: readFr,
  w4: readFr,
  w8: readFr,
  wr: readFr,
  X_2: readG2,
  C0: readG1,
});

const readers: Record<ZkProtocol, Reader<VerificationKey>> = {
  groth16: readGroth16Key,
  plonk: readPlonkKey,
  fflonk: readFflonkKey,
};
const readKey = readTagged<VerificationKey>('protocol', readers);

/**
 * Reads a verification key in its one accepted spelling, for whichever protocol it names. `vk_alphabeta_12` may be
 * present and is dropped. Says nothing about curve, subgroup or safety: that is `checkVerificationKey` of the verifier.
 * Pure; never throws.
 *
 * @returns a fresh object with the key's fields only, or the first fault
 */
export function parseVerificationKey(value: unknown): { ok: true; verificationKey: VerificationKey } | ZkInputFault {
  const read = readStrictly(readKey, value, 'verificationKey');
  return read.ok ? { ok: true, verificationKey: read.value } : read;
}

/**
 * The identity of a circuit: SHA-256 of the RFC 8785 JSON of its verification key. Pure.
 *
 * @param verificationKey - as returned by parseVerificationKey, whose exact fields are what is hashed
 */
export function circuitIdOf(verificationKey: VerificationKey): CircuitId {
  const { vk_alphabeta_12: _derived, ...fields } = verificationKey as VerificationKey & { vk_alphabeta_12?: unknown };
  return `0x${bytesToHex(sha256Bytes(utf8ToBytes(canonicalJson(fields))))}`;
}
