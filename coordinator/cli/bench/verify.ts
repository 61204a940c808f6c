import { setImmediate as nextTick } from 'node:timers/promises';
import { groth16 } from 'snarkjs';
import { loadBn254 } from '#verifier/bn254.js';
import { createVerifierPool, type VerifierPool } from '#verifier/verifierPool.js';
import { type Measure, median } from './measure.js';
import { freshProof, proveExampleJobs, type RealProofs, type Submission, specimenAt } from './zkProofSamples.js';

const BATCH = 64;
const SINGLES = 16;
const SPECIMENS = 10_000;
const SPECIMENS_QUICK = 500;

/**
 * Compares the verifier with snarkjs on zkProofs of the real rollup circuit: the rate of one pool thread, parsing and
 * subgroup checks on, against `snarkjs.groth16.verify` called one after the other in this thread with the helper
 * threads that it starts by default; and the verdicts of both.
 *
 * @param options - quick: fewer runs, and 500 zkProofs instead of 10,000 for the verdicts
 */
export async function run(options: { quick: boolean }): Promise<Measure[]> {
  await loadBn254();
  const pool = createVerifierPool({ threads: 1 });
  try {
    const real = await proveExampleJobs(options.quick ? 2 : 4);
    const runs = options.quick ? 3 : 7;
    const batch = await compareRates(real, { runs, count: BATCH, ours: (all) => verifyTogether(pool, real, all) });
    const single = await compareRates(real, { runs, count: SINGLES, ours: (all) => verifyEachAlone(pool, real, all) });
    const specimens = options.quick ? SPECIMENS_QUICK : SPECIMENS;
    const disagreements = await countDisagreements(pool, real, specimens);
    const atLeast = (name: string, value: number, least: number): Measure => {
      return { name, value, unit: 'times', target: `at least ${least}`, holds: value >= least };
    };
    return [
      atLeast('verifyBatch64VsSnarkjs', batch.ratio, 5),
      atLeast('verifySingleVsSnarkjs', single.ratio, 2),
      milliseconds('verifyBatch64MsPerZkProof', batch.oursMs),
      milliseconds('verifySingleMsPerZkProof', single.oursMs),
      milliseconds('snarkjsVerifyMsPerZkProof', batch.snarkjsMs),
      {
        name: `verifyAgreement${specimens}`,
        value: disagreements,
        unit: 'disagreements',
        target: '0',
        holds: disagreements === 0,
      },
    ];
  } finally {
    await pool.close();
    await (globalThis as { curve_bn128?: { terminate(): Promise<void> } | null }).curve_bn128?.terminate();
  }
}

function milliseconds(name: string, value: number): Measure {
  return { name, value, unit: 'ms', target: 'for information', holds: true };
}

type VerifyAll = (submissions: readonly Submission[]) => Promise<boolean[]>;

async function verifyOne(pool: VerifierPool, { circuitId, verificationKey }: RealProofs, one: Submission) {
  const { publicSignals, zkProof } = one;
  const request = { circuitId, verificationKey, publicSignals, expectedSignals: publicSignals, zkProof };
  return (await pool.verify(request)).valid;
}

async function verifyTogether(pool: VerifierPool, real: RealProofs, all: readonly Submission[]): Promise<boolean[]> {
  return await Promise.all(all.map((one) => verifyOne(pool, real, one)));
}

async function verifyEachAlone(pool: VerifierPool, real: RealProofs, all: readonly Submission[]): Promise<boolean[]> {
  const verdicts: boolean[] = [];
  for (const one of all) verdicts.push(await verifyOne(pool, real, one));
  return verdicts;
}

/** snarkjs throws on some input; that is a no. */
async function verifyWithSnarkjs({ verificationKey }: RealProofs, { publicSignals, zkProof }: Submission) {
  return await groth16.verify(verificationKey, publicSignals, zkProof).catch(() => false);
}

/** Runs both sides in turn on fresh zkProofs; medians over the runs, the first of which only warms up. */
async function compareRates(real: RealProofs, plan: { runs: number; count: number; ours: VerifyAll }) {
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let run = 0; run <= plan.runs; run++) {
    const submissions = Array.from({ length: plan.count }, (_, index) => freshProof(real, run * plan.count + index));
    await nextTick();
    const oursMs = await timeMs(plan.count, () => plan.ours(submissions));
    const theirsMs = await timeMs(plan.count, async () => {
      const verdicts: boolean[] = [];
      for (const one of submissions) verdicts.push(await verifyWithSnarkjs(real, one));
      return verdicts;
    });
    if (run === 0) continue;
    ours.push(oursMs);
    theirs.push(theirsMs);
  }
  const ratios = theirs.map((ms, run) => ms / ours[run]!);
  return { ratio: median(ratios), oursMs: median(ours), snarkjsMs: median(theirs) };
}

/** Milliseconds a zkProof. Throws when any is refused, for then the time means nothing. */
async function timeMs(count: number, verifyAll: () => Promise<boolean[]>): Promise<number> {
  const startedAt = performance.now();
  const verdicts = await verifyAll();
  const elapsedMs = performance.now() - startedAt;
  if (verdicts.length !== count || !verdicts.every(Boolean)) throw new Error('a valid zkProof was refused');
  return elapsedMs / count;
}

/**
 * Verdicts that differ from snarkjs's on canonical specimens, plus misspelled specimens that were accepted. Each kind
 * is reported once on stderr, should it ever happen.
 */
async function countDisagreements(pool: VerifierPool, real: RealProofs, specimens: number): Promise<number> {
  const wrong = new Map<string, number>();
  for (let from = 0; from < specimens; from += BATCH) {
    const chunk = Array.from({ length: Math.min(BATCH, specimens - from) }, (_, at) => specimenAt(real, from + at));
    const verdicts = await verifyTogether(pool, real, chunk);
    for (const [at, specimen] of chunk.entries()) {
      const expected = specimen.isCanonical && (await verifyWithSnarkjs(real, specimen));
      const isAsMade = expected === (specimen.kind === 'valid');
      if (verdicts[at] !== expected || !isAsMade) wrong.set(specimen.kind, (wrong.get(specimen.kind) ?? 0) + 1);
    }
  }
  for (const [kind, count] of wrong) console.error(`verdicts differ: ${kind}, ${count} times`);
  return [...wrong.values()].reduce((sum, count) => sum + count, 0);
}
