/** Jobs of a block that wait for others: their time, their turn, and what becomes of them when one before them fails. */
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { jobDeadlines, longestPath } from '#market/dependencies.js';
import type { BlockRequest } from '#protocol/messages.js';
import { replayFlaws, throughText } from '../setup/invariants.js';
import { ETH, entriesOf, MarketDriver, MemoryExecutor, type Party, party } from '../setup/marketDriver.js';
import { moneyFlaws } from './marketChecks.js';

const START = 1_000_000;

/** Any order of up to 12 jobs: each waits for some of those before it. */
const anyOrder = fc
  .array(fc.array(fc.nat(11), { maxLength: 4 }), { minLength: 1, maxLength: 12 })
  .map((lists) => lists.map((list, index) => [...new Set(list.filter((one) => one < index))]));

describe('the deadlines of jobs that wait for others', () => {
  it('are the block’s where nothing waits, and share the time evenly along the longest path', () => {
    expect(jobDeadlines([[], [], []], START, START + 9_000)).toEqual([START + 9_000, START + 9_000, START + 9_000]);
    expect(jobDeadlines([[], [0], [1]], START, START + 9_000)).toEqual([START + 3_000, START + 6_000, START + 9_000]);
    // The lone job, and the one that only the last waits for, keep what the others do not need.
    expect(jobDeadlines([[], [0], [], [1, 2], []], START, START + 9_000)).toEqual([
      START + 3_000,
      START + 6_000,
      START + 6_000,
      START + 9_000,
      START + 9_000,
    ]);
  });

  it('leave each job at least an equal share behind those that it waits for, and end with the block', () => {
    const shares = fc.property(anyOrder, fc.integer({ min: 1_000, max: 10_000_000 }), (after, spanMs) => {
      const deadlines = jobDeadlines(after, START, START + spanMs);
      const shareMs = Math.floor(spanMs / longestPath(after));
      for (const [index, before] of after.entries()) {
        expect(deadlines[index]).toBeLessThanOrEqual(START + spanMs);
        expect(deadlines[index]! - START).toBeGreaterThanOrEqual(shareMs);
        for (const one of before) expect(deadlines[index]! - deadlines[one]!).toBeGreaterThanOrEqual(shareMs);
      }
      expect(Math.max(...deadlines)).toBe(START + spanMs);
    });
    fc.assert(shares);
  });
});

describe('a block whose jobs wait for others', () => {
  let memory: MemoryExecutor;
  let market: MarketDriver;
  let requester: Party;
  let prover: Party;

  beforeEach(async () => {
    memory = new MemoryExecutor();
    market = await new MarketDriver(memory).open();
    requester = party(1);
    await market.fund(requester.address);
    prover = await market.prover(10);
    await market.prover(11);
  });

  const submit = (after: number[][], terms: Partial<BlockRequest> = {}) =>
    market.submitBlock(requester, after.length, { pool: 'none', ...terms }, after);

  const openJobs = () =>
    [...market.state.rounds.values()]
      .filter(({ clearedAtMs }) => clearedAtMs === null)
      .map(({ jobIds, deadlineMs }) => ({ jobs: jobIds.map((jobId) => Number(jobId.slice(67))), deadlineMs }));

  /** Bids for what is open, and proves what it wins. */
  async function proveOpen(): Promise<void> {
    for (const { roundId, clearedAtMs } of [...market.state.rounds.values()]) {
      if (clearedAtMs === null) await market.bid(prover, roundId, { priceWei: ETH / 4n, provingMsP95: 500 });
    }
    await market.advance(1_100);
    const won = [...market.state.jobs.values()].filter(({ status }) => status === 'awarded');
    for (const { jobId } of won) await market.prove(prover, jobId);
  }

  const sound = () => {
    expect(moneyFlaws(market.state)).toEqual([]);
    expect(replayFlaws(throughText(memory.entries), true)).toEqual([]);
  };

  it('auctions each when those before it are proven, and completes with the last', async () => {
    const { blockId, jobIds } = await submit([[], [0], [0], [1, 2]]);
    const atMs = market.nowMs;
    const shareMs = Math.floor(100_000 / 3);
    expect(openJobs()).toEqual([{ jobs: [0], deadlineMs: atMs + 100_000 - 2 * shareMs }]);
    expect(market.job(jobIds[3]!).status).toBe('waiting');
    await proveOpen();
    expect(openJobs()).toEqual([{ jobs: [1, 2], deadlineMs: atMs + 100_000 - shareMs }]);
    await proveOpen();
    expect(openJobs()).toEqual([{ jobs: [3], deadlineMs: atMs + 100_000 }]);
    await proveOpen();
    expect(market.state.blocks.get(blockId)).toMatchObject({ provenCount: 4, completedAtMs: market.nowMs });
    sound();
  });

  it('opens a round for each deadline among the jobs that are ready', async () => {
    await submit([[], [0], []]);
    expect(openJobs().map(({ jobs }) => jobs)).toEqual([[0], [2]]);
  });

  it('ends at once, with a refund, all that waits for a job that expires', async () => {
    const before = market.freeWei(requester);
    const { blockId, jobIds } = await submit([[], [0], [1], []]);
    await market.advance(100_000);
    expect(jobIds.map((jobId) => market.job(jobId).outcomeReason)).toEqual([
      'noBids',
      'predecessorExpired',
      'predecessorExpired',
      'noBids',
    ]);
    expect(market.job(jobIds[1]!).endedAtMs).toBe(market.job(jobIds[0]!).endedAtMs);
    expect(market.state.blocks.get(blockId)).toMatchObject({ expiredCount: 4 });
    expect(market.freeWei(requester)).toBe(before);
    sound();
  });

  it('ends a job whose predecessors left it no time to be auctioned', async () => {
    const { jobIds } = await submit([[], [0]], { deadlineMs: market.nowMs + 9_000 });
    await market.bid(prover, openRoundId(), { priceWei: ETH / 4n, provingMsP95: 500 });
    await market.advance(1_100);
    const { submissionId } = await market.deliver(prover, jobIds[0]!);
    // The verdict takes its time; the zkProof came in time, and is paid.
    market.nowMs += 6_000;
    const judged = await market.judge(jobIds[0]!, submissionId, true);
    expect(entriesOf(judged, 'jobExpired')).toMatchObject([{ jobId: jobIds[1], reason: 'readyTooLate' }]);
    expect(entriesOf(judged, 'blockCompleted')).toMatchObject([{ proven: 1, expired: 1 }]);
    sound();
  });

  it('is refused when the path is too long for its time, or its order is none', async () => {
    const late = await submit([[], [0], [1]], { deadlineMs: market.nowMs + 11_000 });
    expect(late.executed).toMatchObject({ ok: false, code: 'deadlineTooNear' });
    expect((await submit([[], [0]], { deadlineMs: market.nowMs + 11_000 })).executed.ok).toBe(true);
    for (const after of [[[0]], [[], [1]], [[], [0, 0]], [[1], []]]) {
      expect((await submit(after)).executed).toMatchObject({ ok: false, code: 'invalidBlock' });
    }
  });

  const openRoundId = () => [...market.state.rounds.values()].find(({ clearedAtMs }) => clearedAtMs === null)!.roundId;
});
