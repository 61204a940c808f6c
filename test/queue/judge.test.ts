/** The judge when the verifier fails. */
import { expect, it } from 'vitest';
import type { Journal } from '#journal/journalPort.js';
import { startJudge } from '#queue/judge.js';

it('judges what came during an attempt that fails', async () => {
  const job = {
    circuitId: 'circuit',
    publicSignals: ['1'],
    status: 'awarded',
    submissions: [{ submissionId: 'first', entryIndex: 0, verdict: 'pending' }],
  };
  const verdicts: unknown[] = [];
  const journal = {
    state: () => ({ jobs: new Map([['job', job]]), circuits: new Map([['circuit', {}]]) }),
    readEntries: async () => [{ index: 0, leaf: '{}' }],
    onCommitted: () => () => {},
    execute: async ({ submissionId }: { submissionId: string }) => verdicts.push(submissionId),
  };
  let attempts = 0;
  const verify = async () => {
    attempts += 1;
    if (attempts === 1) throw new Error('the verifier was replaced');
    return { valid: true } as const;
  };
  const judge = startJudge({ journal: journal as unknown as Journal, verify, log: { error: () => {} } });
  const first = judge.judgeJob('job');
  const second = judge.judgeJob('job');
  await expect(first).rejects.toThrow('replaced');
  await second;
  expect(verdicts).toEqual(['first']);
  await judge.stop();
});
