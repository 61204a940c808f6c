import { describe, expect, it } from 'vitest';
import { countsOf } from '#market/escalation.js';
import type { Escalation } from '#protocol/escalation.js';
import { StepLines, stepLine } from '../../coordinator/cli/stepLines.js';
import { jobOf } from '../agent/agentFixtures.js';

const ROUND = { roundId: `0x${'b1'.repeat(32)}.r1` };
const step = (more: Partial<Escalation>): Escalation => ({
  next: 'pool',
  jobIds: ['a', 'b'],
  reasons: [{ reason: 'noneInTime', jobs: 2 }],
  counts: countsOf({ bids: 3, notInTime: 2, noBond: 1 }),
  ...more,
});

describe('the steps of unsold jobs in words', () => {
  it('say which round, why, what there was, and where they go', () => {
    const found = 'noneInTime; 3 bids (2 notInTime, 1 noBond)';
    expect(stepLine(ROUND, step({}))).toBe(`round 2 leaves 2 jobs undone: ${found}; they go to the pool`);
    const out = step({ next: 'expiry', jobIds: ['a'], reasons: [{ reason: 'noPoolReveal', jobs: 1 }] });
    const counts = countsOf({ commits: 2, unrevealed: 2 });
    expect(stepLine(ROUND, { ...out, counts })).toBe(
      'the pool leaves 1 job undone: noPoolReveal; 2 commitments (2 unrevealed); they have expired',
    );
  });

  it('are said once, and so is a pool that opens for a job of which both sides failed', () => {
    const said: string[] = [];
    const lines = new StepLines((line) => said.push(line));
    const pool = {
      cause: 'sidesSpent',
      openedAtMs: 1,
      fromWei: '5',
      toWei: '9',
      atFault: [],
      commitments: [],
    } as const;
    const jobs = [jobOf(3, { pool: { ...pool, atFault: [], commitments: [] } })];
    const rounds = [{ ...ROUND, escalations: [step({})] }] as never;
    lines.tell(rounds, jobs);
    lines.tell(rounds, jobs);
    expect(said).toHaveLength(2);
    expect(said[1]).toBe('job 3: both sides have failed; its pool pays from 5 to 9 wei');
  });
});
