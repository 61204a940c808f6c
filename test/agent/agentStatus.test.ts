import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonLog } from '#agent/log.js';
import { type AgentEvent, EMPTY_STATUS } from '#agent/status/agentStatus.js';
import { moneyMoved, touchesMoney } from '#agent/status/moneyMoved.js';
import { nextStatus, statusOf } from '#agent/status/statusOf.js';
import type { Posting } from '#protocol/ledger.js';
import { BLOCK_ID, OTHER } from './agentFixtures.js';

const at = (atMs: number, event: string, fields: object = {}): AgentEvent => ({ atMs, event, ...fields });
const jobId = `${BLOCK_ID}.0`;
const circuitId = `0x${'cc'.repeat(32)}`;

const BEGINNING = [
  at(1, 'starting', { prover: OTHER, name: 'workshop', slots: 2, coordinator: 'http://127.0.0.1:1' }),
  at(2, 'circuitReady', { circuitId, backend: 'snarkjs', promisedMs: 4_000, typicalMs: 3_000 }),
  at(3, 'ready', {}),
  at(4, 'feedConnected'),
];

describe('the status of an agent', () => {
  it('follows a job from its award to its pay', () => {
    const work = [
      at(10, 'bidPlaced', { roundId: `${BLOCK_ID}.r0` }),
      at(11, 'bidResult', { roundId: `${BLOCK_ID}.r0`, code: 'wonPrimary', primaryJobs: 1 }),
      at(12, 'jobTaken', { jobId, circuitId, role: 'primary', isActive: true, dueMs: 9_000 }),
      at(13, 'proofStarted', { jobId, dueMs: 9_000, expectedMs: 3_000 }),
      at(14, 'proofProgress', { jobId, stage: 'proving', progressPpm: 400_000, expectedEndMs: 2_900 }),
    ];
    const running = statusOf([...BEGINNING, ...work]);
    expect(running).toMatchObject({ phase: 'ready', isConnected: true, name: 'workshop', slots: 2, bidsWon: 1 });
    expect(running.jobs[jobId]).toMatchObject({ stage: 'proving', progressPpm: 400_000, expectedEndMs: 2_900 });
    const end = [
      at(20, 'proofMade', { jobId, circuitId, promisedMs: 4_000, expectedMs: 3_000, actualMs: 3_100 }),
      at(21, 'proofDelivered', { jobId }),
      at(22, 'earned', { jobId, amountWei: 70n }),
      at(22, 'jobDropped', { jobId, why: 'proofAccepted' }),
      at(23, 'account', { freeWei: '1070', bondedWei: '0' }),
    ];
    const done = end.reduce(nextStatus, running);
    expect(done).toMatchObject({ jobs: {}, earnedWei: '70', lostWei: '0', delivered: 1, freeWei: '1070' });
    expect(done.estimates[circuitId]).toEqual({ proofs: 1, kept: 1, expectedMs: 3_000, actualMs: 3_100 });
  });

  it('says why the last bids lost, newest first, with the figures', () => {
    const roundId = `${BLOCK_ID}.r1`;
    const { bidsLost, roundsSkipped, lastLost } = statusOf([
      ...BEGINNING,
      at(10, 'bidResult', { roundId, code: 'outbid', seat: 'primary', byWei: '12' }),
      at(11, 'bidResult', { roundId, code: 'notInTime', finishMs: 5_500, dueMs: 4_000 }),
      at(12, 'skipped', { roundId, code: 'aboveMaxPrice', detail: 'asks 7 wei, the round pays 5' }),
      at(13, 'bidRejected', { roundId, code: 'roundClosed', reason: 'too late' }),
    ]);
    expect(bidsLost).toEqual({ outbid: 1, notInTime: 1, roundClosed: 1 });
    expect(roundsSkipped).toEqual({ aboveMaxPrice: 1 });
    expect(lastLost.map(({ text }) => text)).toEqual([
      'too late',
      'asks 7 wei, the round pays 5',
      'would have been done 1.5 s too late',
      'too dear as primary by 12 wei',
    ]);
  });

  it('does not change what it was given, and takes any event whatever is in it', () => {
    const before = JSON.stringify(EMPTY_STATUS);
    const names = [
      ...new Set([...BEGINNING.map(({ event }) => event), 'jobTaken', 'gaveUp', 'proofFailed', 'toString']),
    ];
    const events = fc.record({
      atMs: fc.nat(),
      event: fc.constantFrom(...names),
      jobId: fc.string(),
      reason: fc.string(),
    });
    fc.assert(
      fc.property(fc.array(events), (many) => {
        expect(statusOf(many).lastEventMs).toBe(many.at(-1)?.atMs ?? null);
      }),
    );
    expect(JSON.stringify(EMPTY_STATUS)).toBe(before);
  });

  it('comes out the same from the lines of a log, but for the progress that is not in them', () => {
    const lines: string[] = [];
    const log = jsonLog(
      (line) => lines.push(line),
      () => 5,
    );
    for (const { event, atMs: _, ...fields } of BEGINNING) log(event, fields);
    log('jobTaken', { jobId, role: 'backup', isActive: false, dueMs: 8 });
    log('earned', { jobId, amountWei: -3n });
    log('proofProgress', { jobId, stage: 'proving', progressPpm: 5 });
    const status = statusOf(lines.map((line) => JSON.parse(line)));
    expect(status).toMatchObject({ lostWei: '3', lossyJobs: 1, phase: 'ready' });
    expect(status.jobs[jobId]).toMatchObject({ stage: 'standby', isActive: false });
    expect(lines.join('')).not.toContain('proofProgress');
  });
});

describe('money moved by postings', () => {
  const posting = (from: string, to: string, amountWei: bigint): Posting => {
    return { from, to, amountWei: String(amountWei), why: 'price' };
  };
  const [account, bond] = [`account:${OTHER}`, `bond:${OTHER}`];

  it('is what comes from others less what goes to others; own bonds and deposits are neither', () => {
    const postings = [
      posting(account, bond, 50n),
      posting('outside', account, 1_000n),
      posting(`escrow:${BLOCK_ID}`, account, 7n),
      posting(bond, `account:0x${'0c'.repeat(20)}`, 9n),
      posting(bond, account, 41n),
    ];
    expect(moneyMoved(postings, OTHER)).toBe(-2n);
    expect(touchesMoney(postings.slice(0, 1), OTHER)).toBe(true);
    expect(touchesMoney(postings, `0x${'0d'.repeat(20)}`)).toBe(false);
  });
});
