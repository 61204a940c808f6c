import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { drawSample } from '#market/challenge.js';
import { wakeUpsByEntity } from '#market/wakeUps.js';
import type { EntryType } from '#protocol/entries.js';
import type { Address } from '#protocol/units.js';
import { logFlaws, replayFlaws, throughText } from '../setup/invariants.js';
import { CIRCUIT_ID, entriesOf, MarketDriver, MemoryExecutor, type Party, party } from '../setup/marketDriver.js';
import { entryOf, flawOf, type Log } from './honestLog.js';

const CHALLENGE_MS = 600_000;
const samples = Array.from({ length: 4 }, (_, index) => {
  return { publicSignals: [`${index}`, '1', '2'], inputHash: `0x${`0${index}`.repeat(32)}` as const };
});

let memory: MemoryExecutor;
let market: MarketDriver;
let prover: Party;
let roundId: string;

beforeEach(async () => {
  memory = new MemoryExecutor();
  market = await new MarketDriver(memory).open({}, samples);
  const requester = party(1);
  await market.fund(requester.address);
  prover = await market.prover(10);
  ({ roundId } = await market.submitBlock(requester, 1, {
    bidWindowsMs: [600_000, 600_000, 600_000],
    deadlineMs: market.nowMs + 9_000_000,
  }));
});

afterEach(() => {
  const log = throughText(memory.entries);
  expect(replayFlaws(log)).toEqual([]);
  expect(logFlaws(log)).toEqual([]);
});

const bid = (who: Party) => market.bid(who, roundId, { priceWei: 1_000n, lifeMs: 9_000_000 });

describe('a prover that is new to a circuit with samples', () => {
  it('may bid when its challenge has passed, and not before', async () => {
    expect(await bid(prover)).toMatchObject({ ok: false, code: 'challengeNeeded' });
    const { executed, challengeId } = await market.requestChallenge(prover);
    const [issued] = entriesOf(executed, 'challengeIssued');
    expect(issued).toMatchObject({ challengeId, dueMs: market.nowMs + CHALLENGE_MS });
    await market.submitChallenge(prover, challengeId);
    expect(await bid(prover)).toMatchObject({ ok: false, code: 'challengeNeeded' });
    expect([...wakeUpsByEntity(market.state).values()].flat()).toContainEqual(
      expect.objectContaining({ kind: 'verifyChallenge', key: `${prover.address}|${CIRCUIT_ID}` }),
    );
    await market.judgeChallenge(prover, challengeId, true);
    expect(await bid(prover)).toMatchObject({ ok: true });
    expect(await market.requestChallenge(prover, market.nowMs + 1)).toMatchObject({
      executed: { ok: false, code: 'challengeNotNeeded' },
    });
  });

  it('has one challenge at a time, and may try again when the last is past its due time', async () => {
    const { challengeId } = await market.requestChallenge(prover);
    const again = async () => (await market.requestChallenge(prover)).executed;
    market.nowMs += 1;
    expect(await again()).toMatchObject({ ok: false, code: 'challengeOpen' });
    await market.submitChallenge(prover, challengeId);
    await market.judgeChallenge(prover, challengeId, false);
    expect(await market.submitChallenge(prover, challengeId, 'another')).toMatchObject({ code: 'challengeOver' });
    expect(await again()).toMatchObject({ ok: false, code: 'challengeOpen' });
    expect(await bid(prover)).toMatchObject({ ok: false, code: 'challengeNeeded' });
    market.nowMs += CHALLENGE_MS;
    expect(await again()).toMatchObject({ ok: true });
  });

  it('comes too late at the due time, but its verdict may', async () => {
    const late = await market.requestChallenge(prover);
    market.nowMs += CHALLENGE_MS;
    expect(await market.submitChallenge(prover, late.challengeId)).toMatchObject({ code: 'challengeOver' });
    const { challengeId } = await market.requestChallenge(prover);
    market.nowMs += CHALLENGE_MS - 1;
    await market.submitChallenge(prover, challengeId);
    market.nowMs += CHALLENGE_MS;
    expect((await market.requestChallenge(prover)).executed).toMatchObject({ code: 'challengeOpen' });
    await market.judgeChallenge(prover, challengeId, true);
    expect(await market.judgeChallenge(prover, challengeId, false)).toMatchObject({ entries: [] });
    expect(await market.judgeChallenge(prover, late.challengeId, true)).toMatchObject({ entries: [] });
  });

  it('loses no time by the coordinator’s downtime', async () => {
    const { challengeId } = await market.requestChallenge(prover);
    const lastSignMs = market.nowMs;
    market.nowMs += CHALLENGE_MS + 1;
    await market.run({ kind: 'startCoordinator', lastSignMs, cause: 'start' });
    expect(await market.submitChallenge(prover, challengeId)).toMatchObject({ ok: true });
  });

  it('cannot answer for another, nor without being registered', async () => {
    const other = await market.prover(11);
    const { challengeId } = await market.requestChallenge(prover);
    expect(await market.submitChallenge(other, challengeId)).toMatchObject({ code: 'challengeOver' });
    const { executed } = await market.requestChallenge(party(12));
    expect(executed).toMatchObject({ ok: false, code: 'unknownProver' });
  });
});

describe('a coordinator that bends the log of a challenge', () => {
  const entry = <Type extends EntryType>(log: Log, type: Type) => entryOf(log, type, 0);
  const lies: [string, (log: Log) => Log | undefined][] = [
    ['lets a friend bid that has passed none', (log) => log.filter(({ type }) => !type.startsWith('challenge'))],
    ['drops the verdict', (log) => log.filter(({ type }) => type !== 'challengePassed')],
    ['passes what was never delivered', (log) => log.filter(({ type }) => type !== 'challengeReceived')],
    [
      'chooses the sample',
      (log) => {
        const issued = entry(log, 'challengeIssued');
        issued.sampleIndex = (issued.sampleIndex + 1) % 4;
      },
    ],
    [
      'gives a friend more time',
      (log) => {
        entry(log, 'challengeIssued').dueMs += 1;
      },
    ],
    [
      'passes another than the one delivered',
      (log) => {
        entry(log, 'challengePassed').challengeId = `0x${'77'.repeat(32)}`;
      },
    ],
    [
      'has another prover deliver',
      (log) => {
        entry(log, 'challengeReceived').message.prover = party(11).address;
      },
    ],
    [
      'changes what was delivered',
      (log) => {
        entry(log, 'challengeReceived').message.contentHash = `0x${'77'.repeat(32)}`;
      },
    ],
  ];

  it.each(lies)('%s, is found out', async (_what, tell) => {
    await market.passChallenge(prover);
    expect(await bid(prover)).toMatchObject({ ok: true });
    const log = throughText(memory.entries);
    expect(flawOf(log)).toBeNull();
    const bent = structuredClone(log);
    expect(flawOf(tell(bent) ?? bent)).not.toBeNull();
  });
});

describe('a challenge', () => {
  it('is not needed where the rule is off or the circuit has no samples', async () => {
    for (const open of [
      new MarketDriver(new MemoryExecutor()).open({ newcomerJobs: 0 }, samples),
      new MarketDriver(new MemoryExecutor()).open({}, []),
    ]) {
      const free = await open;
      const one = await free.prover(10);
      expect((await free.requestChallenge(one)).executed).toMatchObject({ ok: false, code: 'challengeNotNeeded' });
    }
  });

  it('is drawn from all samples alike, and by another number of entries anew', () => {
    const circuit = market.state.circuits.get(CIRCUIT_ID)!;
    const counts = [0, 0, 0, 0];
    for (let size = 0; size < 400; size += 1) counts[drawSample(circuit, prover.address as Address, size)]! += 1;
    for (const count of counts) expect(count).toBeGreaterThan(60);
  });
});
