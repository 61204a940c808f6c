/**
 * Has the zkProofs of challenges checked and tells the journal: as soon as a receipt is committed, and again by its
 * wake-up should this process have died in between.
 */
import type { Pool } from 'pg';
import type { Journal } from '#journal/journalPort.js';
import { recordKey } from '#market/state.js';
import type { JudgeOptions } from './judge.js';
import { oneByKey } from './oneByKey.js';

export interface ChallengeJudge {
  /** Judges the challenge under a prover and circuit, if it waits for a verdict. */
  judge(key: string): Promise<void>;
  stop(): Promise<void>;
}

export interface ChallengeJudgeOptions {
  pool: Pool;
  journal: Journal;
  verify: JudgeOptions['verify'];
  log: { error(fields: object, message: string): void };
}

/** Starts to judge what is committed from now on. */
export function startChallengeJudge(options: ChallengeJudgeOptions): ChallengeJudge {
  const { run, settled } = oneByKey((key) => judgeReceived(options, key));
  const stopListening = options.journal.onCommitted((entries) => {
    for (const { entry } of entries) {
      if (entry.type !== 'challengeReceived') continue;
      const key = recordKey(entry.message.prover, entry.message.circuitId);
      run(key).catch((error) => options.log.error({ err: error, key }, 'a challenge could not be judged yet'));
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

async function judgeReceived({ pool, journal, verify }: ChallengeJudgeOptions, key: string): Promise<void> {
  const state = journal.state();
  const challenge = state.challenges.get(key);
  const circuit = challenge && state.circuits.get(challenge.circuitId);
  const sample = challenge && circuit?.samples[challenge.sampleIndex];
  if (challenge?.status !== 'received' || !circuit || !sample) return;
  const { prover, circuitId, challengeId, submissionId } = challenge;
  const { rows } = await pool.query<{ content: { publicSignals: string[]; zkProof: unknown } }>(
    'SELECT content FROM challenge_proofs WHERE submission_id = $1',
    [submissionId],
  );
  // Another replica was quicker, and this one has not heard of it yet.
  if (!rows[0]) return;
  const { publicSignals, zkProof } = rows[0].content;
  const { verificationKey } = circuit;
  const expectedSignals = sample.publicSignals;
  const verdict = await verify({ circuitId, verificationKey, publicSignals, expectedSignals, zkProof });
  const code = verdict.valid ? '' : verdict.code;
  await journal.execute({ kind: 'recordChallenge', prover, circuitId, challengeId, valid: verdict.valid, code }, null);
}
