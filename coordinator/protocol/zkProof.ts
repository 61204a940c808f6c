import {
  type G1Point,
  type G2Point,
  type Reader,
  readArray,
  readFr,
  readG1,
  readG2,
  readLabel,
  readObject,
  readStrictly,
  ZK_INPUT_CODES,
  type ZkInputFault,
} from './strictReader.js';

/** The proof systems of zkProofs that the market buys, by the names snarkjs gives them. */
export const ZK_PROTOCOLS = ['groth16', 'plonk', 'fflonk'] as const;
/** One of ZK_PROTOCOLS. */
export type ZkProtocol = (typeof ZK_PROTOCOLS)[number];

/** The most public signals that a circuit may have. */
export const PUBLIC_SIGNALS_MAX = 256;

/** A Groth16 zkProof as snarkjs writes it. Its bytes are no identity: anybody can re-randomise it. */
export interface Groth16ZkProof {
  pi_a: G1Point;
  pi_b: G2Point;
  pi_c: G1Point;
  protocol: 'groth16';
  curve: 'bn128';
}

type PlonkPoint = 'A' | 'B' | 'C' | 'Z' | 'T1' | 'T2' | 'T3' | 'Wxi' | 'Wxiw';
type PlonkEvaluation = 'eval_a' | 'eval_b' | 'eval_c' | 'eval_s1' | 'eval_s2' | 'eval_zw';

/** A PLONK zkProof as snarkjs writes it. */
export type PlonkZkProof = Record<PlonkPoint, G1Point> &
  Record<PlonkEvaluation, string> & { protocol: 'plonk'; curve: 'bn128' };

type FflonkEvaluation =
  | 'ql'
  | 'qr'
  | 'qm'
  | 'qo'
  | 'qc'
  | 's1'
  | 's2'
  | 's3'
  | 'a'
  | 'b'
  | 'c'
  | 'z'
  | 'zw'
  | 't1w'
  | 't2w'
  | 'inv';

/** An FFLONK zkProof as snarkjs writes it. */
export interface FflonkZkProof {
  polynomials: Record<'C1' | 'C2' | 'W1' | 'W2', G1Point>;
  evaluations: Record<FflonkEvaluation, string>;
  protocol: 'fflonk';
  curve: 'bn128';
}

/** A zkProof of any protocol, strictly parsed. */
export type ZkProof = Groth16ZkProof | PlonkZkProof | FflonkZkProof;

/** Every reason for which a zkProof does not count, from its spelling to the pairing equation. */
export const ZK_PROOF_FAULT_CODES = [
  ...ZK_INPUT_CODES,
  'signalsMismatch',
  'notOnCurve',
  'notInSubgroup',
  'equationFails',
  'verifierThrew',
] as const;
/** One of ZK_PROOF_FAULT_CODES. */
export type ZkProofFaultCode = (typeof ZK_PROOF_FAULT_CODES)[number];

/** What the verifier says about a zkProof; `detail` is a sentence for people and quotes nothing from the sender. */
export type Verdict =
  | { readonly valid: true }
  | { readonly valid: false; readonly code: ZkProofFaultCode; readonly detail: string };

const curve = readLabel('bn128');

const readGroth16 = readObject<Groth16ZkProof>({
  pi_a: readG1,
  pi_b: readG2,
  pi_c: readG1,
  protocol: readLabel('groth16'),
  curve,
});

const readPlonk = readObject<PlonkZkProof>({
  A: readG1,
  B: readG1,
  C: readG1,
  Z: readG1,
  T1: readG1,
  T2: readG1,
  T3: readG1,
  Wxi: readG1,
  Wxiw: readG1,
  eval_a: readFr,
  eval_b: readFr,
  eval_c: readFr,
  eval_s1: readFr,
  eval_s2: readFr,
  eval_zw: readFr,
  protocol: readLabel('plonk'),
  curve,
});

const readFflonk = readObject<FflonkZkProof>({
  polynomials: readObject({ C1: readG1, C2: readG1, W1: readG1, W2: readG1 }),
  evaluations: readObject({
    ql: readFr,
    qr: readFr,
    qm: readFr,
    qo: readFr,
    qc: readFr,
    s1: readFr,
    s2: readFr,
    s3: readFr,
    a: readFr,
    b: readFr,
    c: readFr,
    z: readFr,
    zw: readFr,
    t1w: readFr,
    t2w: readFr,
    inv: readFr,
  }),
  protocol: readLabel('fflonk'),
  curve,
});

const readers: Record<ZkProtocol, Reader<ZkProof>> = { groth16: readGroth16, plonk: readPlonk, fflonk: readFflonk };

/**
 * Reads a zkProof in its one accepted spelling: the exact keys snarkjs writes, canonical decimal strings below the
 * modulus, z = 1, no point at infinity, the exact labels. Says nothing about curve, subgroup or truth.
 * Pure; never throws; looks at no string beyond its length when that is too large.
 *
 * @param value - parsed JSON from anybody
 * @returns a fresh object that shares nothing with the input, or the first fault
 */
export function parseZkProof(protocol: ZkProtocol, value: unknown): { ok: true; zkProof: ZkProof } | ZkInputFault {
  const read = readStrictly(readers[protocol], value, 'zkProof');
  return read.ok ? { ok: true, zkProof: read.value } : read;
}

/**
 * Reads the public signals of a statement: exactly `count` canonical decimal strings below FR_MODULUS.
 * Pure; never throws.
 */
export function parsePublicSignals(
  value: unknown,
  count: number,
): { ok: true; publicSignals: string[] } | ZkInputFault {
  const read = readStrictly(readArray(readFr, count), value, 'publicSignals');
  return read.ok ? { ok: true, publicSignals: read.value } : read;
}
