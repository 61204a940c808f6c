/** Logs that follow one another, and the ways in which a coordinator could lie about that: each is found out by name. */
import { beforeAll, describe, expect, it } from 'vitest';
import { tileLogSource } from '#auditor/tileLogSource.js';
import { walkLog } from '#auditor/walkLog.js';
import type { OperatorKey } from '#journal/operatorKey.js';
import type { Entry, EntryOf } from '#protocol/entries.js';
import { coordinatorIdOf } from '#protocol/log/coordinatorId.js';
import { throughText } from '../setup/invariants.js';
import { DOMAIN, ETH, MarketDriver, MemoryExecutor, party, partyOf } from '../setup/marketDriver.js';
import { checkpointOver, openNext, operatorOf, rotate } from '../setup/nextLogs.js';
import { OPERATOR } from '../setup/testOperator.js';
import { auditOf, failed, seenOf, sourceOf, writeLog, writeLogs } from './writtenLog.js';

const SECOND = OPERATOR.under('test.example/second');
const OTHER = operatorOf(9, 'other.example/market');

/** A market of three logs: opened, rotated, and carried on by another operator while bids are taken. */
let logs: Entry[][];
const KEYS: readonly OperatorKey[] = [OPERATOR, SECOND, OTHER];

const signerOf = ({ verifierKey, sign }: OperatorKey) => ({ key: verifierKey, sign });
const written = (told: Entry[][], keys = KEYS) =>
  writeLogs(told.map((entries, at) => ({ entries, signer: signerOf(keys[at]!) })));
const opening = (log: Entry[]) => log[0] as EntryOf<'logOpened'>;

beforeAll(async () => {
  const memory = new MemoryExecutor();
  const market = await new MarketDriver(memory).open({ newcomerJobs: 0 });
  const [requester, cheap] = [party(1), await market.prover(10)];
  await market.fund(requester.address);
  const sell = async (by = requester) => {
    const { roundId, jobIds } = await market.submitBlock(by, 1);
    await market.bid(cheap, roundId, { priceWei: ETH / 5n });
    await market.advance(1_000);
    return jobIds[0]!;
  };
  await market.prove(cheap, await sell());
  await rotate(market, memory.entries, SECOND);
  await market.prove(cheap, await sell());
  const { roundId } = await market.submitBlock(requester, 1, { sealing: 'commitReveal' });
  await market.commit(cheap, roundId, { priceWei: ETH / 5n });
  market.nowMs += 60_000;
  await openNext(market, memory.entries, OTHER, { cause: 'import', before: SECOND });
  const domain = { ...DOMAIN, coordinatorId: coordinatorIdOf(OTHER.logKey) };
  const bid = await market.commit(partyOf(10, domain), roundId, { priceWei: ETH / 5n });
  await market.advance(1_000);
  await market.openBid(partyOf(10, domain), bid.bid);
  await market.advance(1_000);
  await market.prove(partyOf(10, domain), roundId.replace('.r0', '.0'));
  const entries = throughText(memory.entries);
  const starts = entries.flatMap(({ type }, index) => (type === 'logOpened' ? [index] : []));
  logs = [entries.slice(0, starts[0]), entries.slice(starts[0], starts[1]), entries.slice(starts[1])];
});

describe('a market of several logs', () => {
  it('passes every check from its first entry to its last, and says how its logs are linked', async () => {
    const report = await auditOf(written(logs));
    expect(report.flaws).toEqual([]);
    expect(report).toMatchObject({ ok: true, size: logs.flat().length, origin: OTHER.origin, goesOnAs: null });
    expect(report.logs.map(({ origin, firstIndex, follows }) => [origin, firstIndex, follows])).toEqual([
      [OPERATOR.origin, 0, null],
      [SECOND.origin, logs[0]!.length, { cause: 'rotation', isAnnounced: true }],
      [OTHER.origin, logs[0]!.length + logs[1]!.length, { cause: 'import', isAnnounced: false }],
    ]);
    expect(report.checks.find(({ check }) => check === 'links')!.checked).toBe(2);
  });

  it('is audited on from a checkpoint of any of its logs', async () => {
    const seen = [seenOf(writeLog(logs[0]!.slice(0, 5))), seenOf(writeLog(logs[1]!.slice(0, 3), signerOf(SECOND)))];
    const of = (origin: string) => seen.filter((one) => one.origin === origin).map((one) => ({ ...one, logKey: '' }));
    const grown = await auditOf(written(logs), { seen: of });
    expect([grown.flaws, grown.seenSizes]).toEqual([[], [5, 3]]);
    const since = { ...seen[1]!, logKey: '' };
    const later = await auditOf(written(logs), { since });
    expect(later.flaws).toEqual([]);
    const all = (await auditOf(written(logs))).checks.find(({ check }) => check === 'signatures')!.checked;
    const left = later.checks.find(({ check }) => check === 'signatures')!.checked;
    expect(later.skipped.signatures + left).toBe(all);
    expect(left).toBeGreaterThan(0);
    expect(later.skipped.signatures).toBeGreaterThan(0);
    const strange = await auditOf(written(logs), { since: { ...since, origin: 'nobody.example/market' } });
    expect(failed(strange)).toEqual(['consistency']);
  });

  it('is walked as one', async () => {
    const taken: Entry[] = [];
    const { size, flaw } = await walkLog(tileLogSource(sourceOf(written(logs))), (entry) => taken.push(entry));
    expect([flaw, size, taken.length]).toEqual([null, logs.flat().length, logs.flat().length]);
    const bent = structuredClone(logs);
    opening(bent[1]!).previous.size += 1;
    const found = await walkLog(tileLogSource(sourceOf(written(bent))), () => {});
    expect(found.flaw).toMatch(/the log before is said to have/);
  });

  it('that was closed and is not carried on says where it goes', async () => {
    const report = await auditOf(written(logs.slice(0, 1)));
    expect(report.flaws).toEqual([]);
    expect(report.goesOnAs).toEqual({ origin: SECOND.origin, logKey: SECOND.logKey });
  });
});

/** What is told of honest logs, and the check that finds it out. */
const LIES: [name: string, check: string, tell: (logs: Entry[][]) => unknown][] = [
  [
    'names another root',
    'links',
    ([, second]) => {
      opening(second!).previous.rootHash = `0x${'12'.repeat(32)}`;
    },
  ],
  [
    'names another size',
    'links',
    ([, second]) => {
      opening(second!).previous.size -= 1;
    },
  ],
  [
    'names another checkpoint',
    'links',
    ([, second]) => {
      opening(second!).previous.checkpoint = opening(second!).previous.checkpoint.replace(
        'test.example',
        'tent.example',
      );
    },
  ],
  [
    'leaves out the last entries of the log before, and signs that',
    'links',
    ([, second, third]) => {
      second!.pop();
      const { size, rootHash } = checkpointOver(second!, SECOND);
      Object.assign(opening(third!).previous, { size, rootHash });
    },
  ],
  [
    'adds an entry to the log before after it was followed',
    'links',
    ([first, second]) => {
      const one = first!.find(({ type }) => type === 'deposited')!;
      second!.push({ ...one, atMs: second!.at(-1)!.atMs });
    },
  ],
  [
    'goes on under another key than announced',
    'links',
    ([, second]) => {
      const key = operatorOf(5, SECOND.origin);
      opening(second!).logKey = key.logKey;
      return [OPERATOR, key, OTHER];
    },
  ],
  [
    'rotates without having closed its log',
    'links',
    ([first, second]) => {
      first!.pop();
      Object.assign(opening(second!).previous, checkpointOver(first!));
    },
  ],
  [
    'goes on in a log that it has closed',
    'links',
    ([first, second]) => {
      first!.push({
        ...(first!.find(({ type }) => type === 'deposited') as EntryOf<'deposited'>),
        atMs: first!.at(-1)!.atMs,
      });
      Object.assign(opening(second!).previous, checkpointOver(first!));
    },
  ],
  ['begins a log with something else', 'links', ([, second]) => void second!.shift()],
  [
    'counts its logs otherwise',
    'links',
    ([, second]) => {
      opening(second!).number = 2;
    },
  ],
  [
    'keeps the name for messages after an import',
    'links',
    ([, , third]) => {
      opening(third!).coordinatorId = DOMAIN.coordinatorId;
    },
  ],
  [
    'changes a balance with an import',
    'payments',
    ([, , third]) => {
      const { postings } = opening(third!);
      postings.push({ ...postings[0]!, from: 'outside', to: `account:${party(77).address}`, amountWei: '5' });
    },
  ],
  ['keeps deposits at an import', 'payments', ([, , third]) => void opening(third!).postings.pop()],
  [
    'shifts due times by another gap at an import',
    'timeWindows',
    ([, , third]) => {
      opening(third!).gapMs += 1_000;
    },
  ],
  [
    'calls an import a rotation',
    'links',
    ([, , third]) => {
      opening(third!).cause = 'rotation';
    },
  ],
];

describe('a coordinator that', () => {
  it.each(LIES)('%s is found out by %s', async (_name, check, tell) => {
    const bent = structuredClone(logs);
    const told = tell(bent);
    const keys = Array.isArray(told) ? (told as OperatorKey[]) : KEYS;
    const report = await auditOf(written(bent, keys));
    expect(report.ok).toBe(false);
    expect(report.first!.check).toBe(check);
    expect(report.first!.sentence).toMatch(/^entry \d+ \(/);
  });

  it('carries a market on that somebody has seen longer is found out', async () => {
    const seen = seenOf(writeLog(logs[1]!, signerOf(SECOND)));
    const bent = structuredClone(logs);
    bent[1]!.splice(-2);
    Object.assign(opening(bent[2]!).previous, checkpointOver(bent[1]!, SECOND));
    const report = await auditOf(written(bent), { seen: (origin) => (origin === SECOND.origin ? [seen] : []) });
    expect(failed(report)).toContain('consistency');
  });
});
