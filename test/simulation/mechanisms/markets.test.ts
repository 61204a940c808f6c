import { describe, expect, it } from 'vitest';
import { MECHANISM_NAMES } from '../../../coordinator/simulator/mechanisms/mechanisms.js';
import { runMarket } from '../../../coordinator/simulator/mechanisms/runMarket.js';
import { BASE_SCENARIO } from '../../../coordinator/simulator/mechanisms/scenario.js';

const LENGTH = { warmUpJobs: 40, measuredJobs: 80 };
const ROUGH = { ...BASE_SCENARIO, provers: 12, load: 0.9, regionLost: true };

describe.each(MECHANISM_NAMES)('the market of %s', (name) => {
  const { market, measures } = runMarket(ROUGH, name, 7, LENGTH);

  it('is the same for the same seed, and another for another', () => {
    expect(runMarket(ROUGH, name, 7, LENGTH).measures).toEqual(measures);
    expect(runMarket(ROUGH, name, 8, LENGTH).measures).not.toEqual(measures);
  });

  it('moves money from account to account only', () => {
    const accounts = ['requester', 'burnt', ...market.provers.map(({ index }) => index)] as const;
    const balances = accounts.map((account) => market.books.of(account));
    const paidWei = balances.reduce((sum, { outWei }) => sum + outWei, 0);
    const receivedWei = balances.reduce((sum, { inWei }) => sum + inWei, 0);
    expect(paidWei).toBeGreaterThan(0);
    expect(receivedWei).toBe(paidWei);
  });

  it('ends every job once, by a zkProof before its deadline or at it', () => {
    const wrong = market.jobs.filter(({ endedMs, deliveredBy, deadlineMs }) =>
      deliveredBy ? endedMs! >= deadlineMs : endedMs !== deadlineMs,
    );
    expect(wrong).toEqual([]);
  });

  it('never has a prover work on more than its slots at once', () => {
    const works = market.jobs.flatMap((job) => job.works).filter(({ startedMs }) => startedMs !== null);
    for (const { index, slots } of market.provers) {
      const own = works.filter(({ prover }) => prover.index === index);
      const atStart = own.map(
        ({ startedMs }) =>
          own.filter((other) => other.startedMs! <= startedMs! && other.startedMs! + other.usedMs > startedMs!).length,
      );
      expect(Math.max(0, ...atStart)).toBeLessThanOrEqual(slots);
    }
  });
});

it('gives every mechanism the same blocks, provers and luck', () => {
  const seen = MECHANISM_NAMES.map((name) => {
    const { market } = runMarket(ROUGH, name, 7, LENGTH);
    const jobs = market.jobs.map(({ arrivalMs, deadlineMs }) => [arrivalMs, deadlineMs]);
    const works = market.jobs.flatMap((job) => job.works);
    return { provers: market.provers, jobs, luck: new Map(works.map((work) => [keyOf(work), work.durationMs])) };
  });
  const [first, ...others] = seen;
  for (const { provers, jobs, luck } of others) {
    expect(provers).toEqual(first!.provers);
    expect(jobs).toEqual(first!.jobs);
    const shared = [...luck].filter(([key]) => first!.luck.has(key));
    expect(shared.length).toBeGreaterThan(5);
    for (const [key, durationMs] of shared) expect(durationMs).toBe(first!.luck.get(key));
  }
});

function keyOf({ job, prover }: { job: { number: number }; prover: { index: number } }): string {
  return `${job.number}/${prover.index}`;
}
