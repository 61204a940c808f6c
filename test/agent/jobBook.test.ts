import { describe, expect, it } from 'vitest';
import { JobBook, planWork } from '#agent/proving/jobBook.js';
import type { Address } from '#protocol/units.js';
import { jobOf, OTHER, sideOf } from './agentFixtures.js';

const ME: Address = `0x${'0a'.repeat(20)}`;
const primary = (index: number, dueMs: number, more = {}) => jobOf(index, { primary: sideOf(ME, { dueMs }), ...more });
const standby = (index: number) =>
  jobOf(index, { primary: sideOf(OTHER), backup: sideOf(ME, { status: 'standby', activeSinceMs: null }) });
const withInputs = (book: JobBook) => {
  for (const job of book.all()) job.input = {};
  return book;
};

describe('the book of held jobs', () => {
  it('takes what is listed for this prover and leaves what was given up or is another’s', () => {
    const book = new JobBook(ME);
    const givenUp = jobOf(2, { primary: sideOf(ME, { status: 'gaveUp' }) });
    const added = book.takeList([primary(0, 5), standby(1), givenUp, jobOf(3, { primary: sideOf(OTHER) })]);
    expect(added.map(({ role, isActive, stage }) => [role, isActive, stage])).toEqual([
      ['primary', true, 'queued'],
      ['backup', false, 'standby'],
    ]);
    expect(book.committedMs()).toBe(2_000);
  });

  it('does not bring back a job that ended while the list was drawn up', () => {
    const book = new JobBook(ME);
    book.end(jobOf(0).jobId);
    expect(book.takeList([primary(0, 5)])).toEqual([]);
  });

  it('knows of a call that came before the job was listed', () => {
    const book = new JobBook(ME);
    book.activate(jobOf(1).jobId);
    expect(book.takeList([standby(1)])[0]).toMatchObject({ isActive: true, stage: 'queued' });
  });

  it('drops what is no longer listed and aborts its work', () => {
    const book = new JobBook(ME);
    const [job] = book.takeList([primary(0, 5)]);
    book.takeList([]);
    expect(job!.ended.signal.aborted).toBe(true);
    expect(book.all()).toEqual([]);
  });

  it('does not prove again what is being checked, but does after an invalid verdict that the feed did not bring', () => {
    const book = new JobBook(ME);
    const submission = {
      submissionId: `0x${'01'.repeat(32)}` as const,
      entryIndex: 4,
      claimIndex: 4,
      prover: ME,
      role: 'primary' as const,
      receivedAtMs: 1,
    };
    const [job] = book.takeList([primary(0, 5, { submissions: [{ ...submission, verdict: 'pending' }] })]);
    expect(job!.phase).toBe('delivered');
    const judged = {
      primary: sideOf(ME, { invalidCount: 1 }),
      submissions: [{ ...submission, verdict: 'invalid' as const }],
    };
    book.takeList([jobOf(0, judged)]);
    expect(job!.phase).toBe('waiting');
  });
});

describe('the plan of work', () => {
  const deadlineMs = 100_000;

  it('begins with the nearest due time among active jobs whose input is there', () => {
    const book = new JobBook(ME);
    book.takeList([primary(0, 900, { deadlineMs }), primary(1, 800, { deadlineMs }), standby(2)]);
    withInputs(book);
    expect(planWork(book.all(), 0, () => 100).next?.jobId).toBe(jobOf(1).jobId);
    book.get(jobOf(1).jobId)!.input = null;
    expect(planWork(book.all(), 0, () => 100).next?.jobId).toBe(jobOf(0).jobId);
  });

  it('goes on past the due time, since the first valid zkProof ends the job, but not past the deadline', () => {
    const book = new JobBook(ME);
    book.takeList([primary(0, 900, { deadlineMs })]);
    withInputs(book);
    expect(planWork(book.all(), deadlineMs - 100, () => 100)).toMatchObject({ hopeless: [] });
    const { next, hopeless } = planWork(book.all(), deadlineMs - 99, () => 100);
    expect(next).toBeNull();
    expect(hopeless.map(({ reason }) => reason)).toEqual(['overloaded']);
  });

  it('names the reason for what it cannot do', () => {
    const book = new JobBook(ME);
    book.takeList([primary(0, 900, { deadlineMs })]);
    expect(planWork(book.all(), 0, () => null).hopeless[0]?.reason).toBe('artifactUnavailable');
    expect(planWork(book.all(), deadlineMs, () => 100).hopeless[0]?.reason).toBe('inputUnavailable');
  });
});
