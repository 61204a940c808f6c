import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { groth16 } from 'snarkjs';
import { circuitFiles, PROJECT_FOLDER } from '#circuits/circuitFiles.js';
import { splitBlock } from '#market/splitBlock.js';
import { FQ_MODULUS, FR_MODULUS } from '#protocol/strictReader.js';
import { type CircuitId, circuitIdOf, type Groth16VerificationKey } from '#protocol/verificationKey.js';
import { type Groth16ZkProof, parseZkProof } from '#protocol/zkProof.js';
import { checkVerificationKey } from '#verifier/checkVerificationKey.js';
import { rerandomise } from './rerandomise.js';

/** A statement of the rollup circuit with a zkProof, both in any spelling, as somebody might submit them. */
export interface Submission {
  readonly publicSignals: readonly string[];
  readonly zkProof: Groth16ZkProof;
}

/** A submission made for a purpose. */
export interface Specimen extends Submission {
  /** What was done to it. */
  readonly kind: string;
  /** True when it is spelled as snarkjs writes, so that snarkjs's verdict on it means something. */
  readonly isCanonical: boolean;
}

/** The rollup circuit's key with real zkProofs under it. */
export interface RealProofs {
  readonly verificationKey: Groth16VerificationKey;
  readonly circuitId: CircuitId;
  readonly proven: readonly Submission[];
}

/** Proves the first `count` jobs of the 8-transfer example with the committed rollup circuit: 2 to 3 s each. */
export async function proveExampleJobs(count: number): Promise<RealProofs> {
  const files = circuitFiles();
  const checked = await checkVerificationKey(JSON.parse(await readFile(files.verificationKey, 'utf8')));
  if (!checked.ok || checked.verificationKey.protocol !== 'groth16') throw new Error('the rollup key is refused');
  const block = await readFile(join(PROJECT_FOLDER, 'circuits', 'examples', 'block-8.json'), 'utf8');
  const split = splitBlock(JSON.parse(block));
  if (!split.ok) throw new Error(`the example block is refused: ${split.detail}`);
  const proven: Submission[] = [];
  for (const { witnessInput } of split.jobs.slice(0, count)) {
    const { proof, publicSignals } = await groth16.fullProve(witnessInput, files.wasm, files.zkey);
    const parsed = parseZkProof('groth16', proof);
    if (!parsed.ok) throw new Error(parsed.detail);
    proven.push({ publicSignals, zkProof: parsed.zkProof as Groth16ZkProof });
  }
  return { verificationKey: checked.verificationKey, circuitId: circuitIdOf(checked.verificationKey), proven };
}

/** The index-th of endlessly many different valid zkProofs; about 2 ms. */
export function freshProof({ verificationKey, proven }: RealProofs, index: number): Submission {
  const { publicSignals, zkProof } = proven[index % proven.length]!;
  const [k, s] = [3n ** BigInt(100 + (index % 50)) + BigInt(index), 5n ** BigInt(100 + (index % 7)) + BigInt(index)];
  return { publicSignals, zkProof: rerandomise(zkProof, verificationKey.vk_delta_2, k, s) };
}

type Spoiler = (submission: Submission, other: Submission) => Submission;

const plus = (decimal: string, amount: bigint): string => (BigInt(decimal) + amount).toString();
const withSignals = (change: (signals: readonly string[]) => readonly string[]): Spoiler => {
  return ({ publicSignals, zkProof }) => ({ publicSignals: change(publicSignals), zkProof });
};
const withProof = (change: (zkProof: Groth16ZkProof, other: Groth16ZkProof) => object): Spoiler => {
  return ({ publicSignals, zkProof }, other) => {
    return { publicSignals, zkProof: { ...zkProof, ...change(zkProof, other.zkProof) } };
  };
};

/** Wrong, but spelled as snarkjs writes. */
const CANONICAL_SPOILERS: Readonly<Record<string, Spoiler>> = {
  'another statement': ({ zkProof }, other) => ({ publicSignals: other.publicSignals, zkProof }),
  'a signal plus one': withSignals(([first, ...rest]) => [((BigInt(first!) + 1n) % FR_MODULUS).toString(), ...rest]),
  'signals swapped': withSignals(([first, second, ...rest]) => [second!, first!, ...rest]),
  'pi_a of another': withProof((_zkProof, other) => ({ pi_a: other.pi_a })),
  'pi_b of another': withProof((_zkProof, other) => ({ pi_b: other.pi_b })),
  'pi_c of another': withProof((_zkProof, other) => ({ pi_c: other.pi_c })),
  'pi_a negated': withProof(({ pi_a: [x, y, z] }) => ({ pi_a: [x, (FQ_MODULUS - BigInt(y)).toString(), z] })),
  'pi_a and pi_c swapped': withProof(({ pi_a, pi_c }) => ({ pi_a: pi_c, pi_c: pi_a })),
  'pi_c off the curve': withProof(({ pi_c: [x, y, z] }) => ({ pi_c: [y, x, z] })),
  'pi_b off the curve': withProof(({ pi_b: [x, y, z] }) => ({ pi_b: [[x[1], x[0]], y, z] })),
};

/** The same statement under another spelling, or with what snarkjs never writes; most of these snarkjs accepts. */
const SPELLING_SPOILERS: Readonly<Record<string, Spoiler>> = {
  'a coordinate plus the modulus': withProof(({ pi_a: [x, y, z] }) => ({ pi_a: [plus(x, FQ_MODULUS), y, z] })),
  'a coordinate in hex': withProof(({ pi_c: [x, y, z] }) => ({ pi_c: [`0x${BigInt(x).toString(16)}`, y, z] })),
  'a leading zero': withProof(({ pi_c: [x, y, z] }) => ({ pi_c: [x, `0${y}`, z] })),
  'z of two': withProof(({ pi_a: [x, y] }) => {
    // Jacobian (4x, 8y, 2) is the same point as (x, y, 1).
    return { pi_a: [((BigInt(x) * 4n) % FQ_MODULUS).toString(), ((BigInt(y) * 8n) % FQ_MODULUS).toString(), '2'] };
  }),
  'no z': withProof(({ pi_a: [x, y] }) => ({ pi_a: [x, y] })),
  'another curve label': withProof(() => ({ curve: 'bls12381' })),
  'another protocol label': withProof(() => ({ protocol: 'plonk' })),
  'an extra key': withProof(() => ({ note: '' })),
  'pi_c at infinity': withProof(() => ({ pi_c: ['0', '1', '0'] })),
  'a signal plus the modulus': withSignals(([first, ...rest]) => [plus(first!, FR_MODULUS), ...rest]),
  'a signal in hex': withSignals(([first, ...rest]) => [`0x${BigInt(first!).toString(16)}`, ...rest]),
  'the last signal dropped': withSignals((signals) => signals.slice(0, -1)),
  'a signal added': withSignals((signals) => [...signals, '0']),
};

const canonical = Object.entries(CANONICAL_SPOILERS);
const misspelled = Object.entries(SPELLING_SPOILERS);

/** The index-th specimen: in turn two valid ones, a wrong one and a misspelled one, each kind of these in its turn. */
export function specimenAt(real: RealProofs, index: number): Specimen {
  const fresh = freshProof(real, index);
  const turn = index >> 2;
  if (index % 4 < 2) return { ...fresh, kind: 'valid', isCanonical: true };
  const isCanonical = index % 4 === 2;
  const spoilers = isCanonical ? canonical : misspelled;
  const [kind, spoil] = spoilers[turn % spoilers.length]!;
  return { ...spoil(fresh, freshProof(real, index + 1)), kind, isCanonical };
}
