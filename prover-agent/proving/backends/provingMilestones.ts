import type { ZkProtocol } from '#protocol/zkProof.js';

/** What follows on some words of snarkjs: milliseconds of one core, on the rollup circuit. */
interface Stage {
  words: string;
  /** Only one thread works. */
  aloneMs: number;
  /** All threads share the work. */
  sharedMs: number;
}

/** Groth16 with our own multi-exponentiation. For other circuits it is near enough, since all of it grows with the size. */
const GROTH16_STAGES: readonly Stage[] = [
  { words: 'Building ABC', aloneMs: 750, sharedMs: 335 },
  { words: 'Join ABC', aloneMs: 0, sharedMs: 6 },
  { words: 'Reading A Points', aloneMs: 0, sharedMs: 235 },
  { words: 'Reading B1 Points', aloneMs: 0, sharedMs: 155 },
  { words: 'Reading B2 Points', aloneMs: 0, sharedMs: 435 },
  { words: 'Reading C Points', aloneMs: 0, sharedMs: 240 },
  { words: 'Reading H Points', aloneMs: 0, sharedMs: 280 },
];

/** PLONK and FFLONK by their rounds, of which the third is the longest. */
const ROUNDS: ReadonlyMap<string, number> = new Map([
  ['> ROUND 1', 30_000],
  ['> ROUND 2', 250_000],
  ['> ROUND 3', 400_000],
  ['> ROUND 4', 800_000],
  ['> ROUND 5', 850_000],
]);

/** Where the proving begins behind the witness, in parts per million. */
const BEGIN_PPM = 30_000;

/** How far the work is when snarkjs says these words, in parts per million of the whole. */
export function provingMilestones(protocol: ZkProtocol, threads: number): ReadonlyMap<string, number> {
  if (protocol !== 'groth16') return ROUNDS;
  const lastMs = ({ aloneMs, sharedMs }: Stage) => aloneMs + sharedMs / threads;
  const wholeMs = GROTH16_STAGES.reduce((sum, stage) => sum + lastMs(stage), 0);
  const milestones = new Map<string, number>();
  let passedMs = 0;
  for (const stage of GROTH16_STAGES) {
    milestones.set(stage.words, Math.round(BEGIN_PPM + ((1_000_000 - BEGIN_PPM) * passedMs) / wholeMs));
    passedMs += lastMs(stage);
  }
  return milestones;
}
