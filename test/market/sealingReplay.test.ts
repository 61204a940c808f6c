/** A coordinator that lies about commitments, openings and parameters: every field of an honest log is bent once. */
import { beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_PARAMETERS } from '#protocol/parameters.js';
import { throughText } from '../setup/invariants.js';
import { ETH, MarketDriver, MemoryExecutor, party } from '../setup/marketDriver.js';
import { entryOf, flawOf, flip, type Log, leavesOf } from './honestLog.js';

/** Two blocks under two versions of the parameters: one bid is replaced, one never opened, one excused. */
async function sealedLog(): Promise<Log> {
  const memory = new MemoryExecutor();
  const market = await new MarketDriver(memory).open();
  const requester = party(1);
  await market.fund(requester.address);
  const [one, two, three] = [await market.prover(10), await market.prover(11), await market.prover(12)];
  const sell = async () => {
    const { roundId, jobIds } = await market.submitBlock(requester, 1, { sealing: 'commitReveal' });
    await market.commit(one, roundId, { priceWei: ETH / 3n });
    const first = await market.commit(one, roundId, { priceWei: ETH / 4n });
    const second = await market.commit(two, roundId, { priceWei: ETH / 2n });
    await market.commit(three, roundId, { priceWei: ETH / 8n });
    await market.advance(1_000);
    await market.openBid(two, second.bid);
    await market.openBid(one, first.bid);
    return jobIds[0]!;
  };
  const sold = await sell();
  const parameters = { ...DEFAULT_PARAMETERS, bidRevealMs: 5_000, bidForfeitBps: 700, lateDamageBps: 1_000 };
  await market.run({ kind: 'setParameters', version: 2, parameters, reason: 'bids took long to open' });
  await market.advance(3_000);
  await market.prove(one, sold);
  const again = await sell();
  const lastSignMs = market.nowMs;
  market.nowMs += 20_000;
  await market.run({ kind: 'startCoordinator', lastSignMs, cause: 'start' });
  await market.advance(5_000);
  await market.prove(one, again);
  return throughText(memory.entries);
}

let honest: Log;
beforeAll(async () => {
  honest = await sealedLog();
});

const UNSEEN: [RegExp, string][] = [
  [/^parametersSet (parameters\.|reason|atMs)/, 'the operator’s own decision; the root holds it'],
  [/^(bidCommitted|bidsSealed|bidOpened|roundCleared|proofAccepted) atMs$/, 'a moment that decides nothing'],
  [/^coordinatorStarted (cause|lastSignMs)$/, 'signs of life are no entries'],
];
/** Entries that `replay.test.ts` bends. */
const ELSEWHERE = ['marketOpened', 'circuitRegistered', 'deposited', 'proverRegistered', 'blockSubmitted'];

describe('a log of commitments, openings and parameters', () => {
  it('has both kinds of endings of a deposit, and replays', () => {
    const why = honest.flatMap((entry) => ('postings' in entry ? entry.postings.map((one) => one.why) : []));
    const counts = (name: string) => why.filter((one) => one === name).length;
    expect([counts('bidDeposit'), counts('bidDepositReturned'), counts('bidForfeited')]).toEqual([6, 5, 1]);
    expect(flawOf(honest)).toBeNull();
  });

  it('is found out whichever of its fields was changed', () => {
    const unseen: string[] = [];
    const used = new Set<string>();
    for (const [index, entry] of honest.entries()) {
      if (ELSEWHERE.includes(entry.type)) continue;
      for (const path of leavesOf(entry)) {
        if (flawOf(honest.with(index, flip(entry, path) as never), index) !== null) continue;
        const what = `${entry.type} ${path.join('.')}`;
        const reason = UNSEEN.find(([pattern]) => pattern.test(what))?.[1];
        if (reason) used.add(reason);
        else unseen.push(`${index} ${what}`);
      }
    }
    expect(unseen).toEqual([]);
    expect(UNSEEN.filter(([, reason]) => !used.has(reason))).toEqual([]);
  });

  it('is found out when an entry is missing, but for a commitment that was replaced', () => {
    const unseen = honest.flatMap((entry, at) => {
      const next = honest[at + 1];
      const isReplaced = entry.type === 'bidCommitted' && entry.postings.length === 0;
      const replacing = next?.type === 'bidCommitted' && next.postings.length === 0;
      if (flawOf(honest.toSpliced(at, 1), at) !== null || isReplaced || replacing) return [];
      return [`${at} ${entry.type}`];
    });
    expect(unseen).toEqual([]);
  });

  it('is found out when an entry of a round stands twice', () => {
    const types = ['bidCommitted', 'bidsSealed', 'bidOpened', 'roundCleared', 'parametersSet'];
    const unseen = honest.filter(
      (entry, at) => types.includes(entry.type) && flawOf(honest.toSpliced(at, 0, entry), at) === null,
    );
    expect(unseen).toEqual([]);
  });

  it.each<[string, (log: Log) => Log | undefined]>([
    [
      'seals before the window has closed',
      (log) => {
        entryOf(log, 'bidsSealed').atMs -= 1;
      },
    ],
    [
      'takes a commitment after the sealing',
      (log) => {
        const late = entryOf(log, 'bidCommitted', 1);
        return log.filter((entry) => entry !== late).toSpliced(log.indexOf(entryOf(log, 'bidsSealed')), 0, late);
      },
    ],
    [
      'charges a prover that has opened its bid',
      (log) => {
        const opened = entryOf(log, 'bidOpened', 1);
        return log.filter((entry) => entry !== opened);
      },
    ],
    [
      'gives less time to open bids than the parameters say',
      (log) => {
        entryOf(log, 'bidsSealed').revealsUntilMs -= 1;
      },
    ],
    [
      'changes the seal of a round',
      (log) => {
        entryOf(log, 'roundOpened').sealing = 'receipt';
      },
    ],
    [
      'opens a round under an old version',
      (log) => {
        entryOf(log, 'roundOpened', 1).parametersVersion = 1;
      },
    ],
    [
      'opens a round under a version that is not there',
      (log) => {
        entryOf(log, 'roundOpened').parametersVersion = 2;
      },
    ],
    [
      'sets parameters that contradict themselves',
      (log) => {
        entryOf(log, 'parametersSet').parameters.latenessPct = [100];
      },
    ],
  ])('is found out that %s', (_name, tell) => {
    const bent = structuredClone(honest);
    const log = tell(bent) ?? bent;
    expect(log).not.toEqual(honest);
    expect(flawOf(log)).not.toBeNull();
  });
});
