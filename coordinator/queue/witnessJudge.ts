/**
 * Looks into the claims of provers that a job has no witness, and tells the journal what was found: as soon as the claim
 * is committed, and again by the job's wake-up.
 */
import type { Pool } from 'pg';
import type { Journal } from '#journal/journalPort.js';
import { awaitsWitness } from '#market/fault.js';
import { pendingCount } from '#market/state.js';
import { contentHashOf } from '#protocol/contentHash.js';
import type { Hex } from '#protocol/units.js';
import { oneByKey } from './oneByKey.js';

export interface WitnessJudge {
  /** Looks into the claim about a job, if nobody has yet. */
  judge(jobId: string): Promise<void>;
  stop(): Promise<void>;
}

export interface WitnessJudgeOptions {
  pool: Pool;
  journal: Journal;
  /** Computes a witness; does not throw. */
  check(question: {
    wasmSha256: Hex;
    publicSignals: readonly string[];
    input: unknown;
  }): Promise<{ satisfiable: boolean | null; error: string }>;
  log: { error(fields: object, message: string): void };
}

/** Starts to look into what is claimed from now on. */
export function startWitnessJudge(options: WitnessJudgeOptions): WitnessJudge {
  const { run, settled } = oneByKey((jobId) => lookInto(options, jobId));
  const stopListening = options.journal.onCommitted((entries) => {
    for (const { entry } of entries) {
      if (entry.type !== 'gaveUp' || entry.message.reason !== 'witnessFailed') continue;
      const { jobId } = entry.message;
      run(jobId).catch((error) => options.log.error({ err: error, jobId }, 'a witness could not be looked into yet'));
    }
  });
  return {
    judge: run,
    stop: async () => {
      stopListening();
      await settled();
    },
  };
}

async function lookInto({ pool, journal, check }: WitnessJudgeOptions, jobId: string): Promise<void> {
  const state = journal.state();
  const job = state.jobs.get(jobId);
  const circuit = job && state.circuits.get(job.circuitId);
  if (!job || !circuit || job.status !== 'awarded' || !awaitsWitness(job)) return;
  // A zkProof that is being checked may answer the question; the wake-up comes again.
  if (pendingCount(job) > 0) return;
  const { rows } = await pool.query<{ input: unknown }>('SELECT input FROM job_inputs WHERE job_id = $1', [jobId]);
  const input = rows[0]?.input;
  const isRight = input !== undefined && contentHashOf(input) === job.inputHash;
  const finding = isRight
    ? await check({ wasmSha256: circuit.wasm.sha256, publicSignals: job.publicSignals, input })
    : { satisfiable: null, error: 'the input is not at hand' };
  await journal.execute({ kind: 'recordWitness', jobId, ...finding }, null);
}
