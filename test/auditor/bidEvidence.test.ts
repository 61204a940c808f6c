/** A coordinator that tampers with bids: honest logs are bent, and the checker must name the deed and the prover. */
import { beforeAll, describe, expect, it } from 'vitest';
import { type KeptReceipt, receiptBytes } from '#protocol/bidReceipt.js';
import type { Entry, EntryOf } from '#protocol/entries.js';
import { canonicalJson } from '#protocol/log/canonicalJson.js';
import { signCheckpoint } from '#protocol/log/checkpoint.js';
import { formatVerifierKey } from '#protocol/log/verifierKey.js';
import { digestOf } from '#protocol/typedData.js';
import { BidEvidence, type BidFinding } from '../../coordinator/auditor/bidEvidence.js';
import { walkLog } from '../../coordinator/auditor/walkLog.js';
import { parseReceipts } from '../../coordinator/cli/checkBids.js';
import { entryOf, type Log } from '../market/honestLog.js';
import { RandomMarket } from '../market/randomMarket.js';
import { signerFromSeed } from '../protocol/ed25519Signer.js';
import { growTree } from '../protocol/grownTree.js';
import { throughText } from '../setup/invariants.js';
import { DOMAIN, ETH, MarketDriver, MemoryExecutor, type Party, party } from '../setup/marketDriver.js';

const operator = signerFromSeed('test.example/market', new Uint8Array(32).fill(7));

/** The receipts that an honest coordinator has given for every bid, commitment and opening of a log. */
function receiptsOf(log: Log): KeptReceipt[] {
  return log.flatMap((entry, entryIndex) => {
    const bid =
      entry.type === 'bidPlaced'
        ? entry
        : entry.type === 'bidCommitted'
          ? entry.message
          : entry.type === 'bidOpened'
            ? { ...entry.message, commitment: digestOf(DOMAIN, 'Bid', entry.message) }
            : null;
    if (!bid) return [];
    const { roundId, prover, commitment } = bid;
    const type = entry.type as KeptReceipt['type'];
    const said = { origin: 'test.example/market', type, roundId, prover, commitment, entryIndex, atMs: entry.atMs };
    return [{ ...said, receiptSignature: `0x${Buffer.from(operator.sign(receiptBytes(said))).toString('hex')}` }];
  });
}

function findingsOf(log: Log, receipts: readonly KeptReceipt[] = []): BidFinding[] {
  const evidence = new BidEvidence(receipts);
  for (const entry of log) evidence.take(entry);
  return evidence.end();
}

/** Says under which key the log is signed, as a real one does. */
function withKey(log: Log): Log {
  entryOf(log, 'marketOpened').logKey = formatVerifierKey(operator.key);
  return log;
}

const [cheap, solid, third] = [party(10), party(11), party(12)];

/** One block whose round has bids of three provers; one of them is replaced. */
async function story(sealing: 'receipt' | 'commitReveal'): Promise<Log> {
  const memory = new MemoryExecutor();
  const market = await new MarketDriver(memory).open();
  const requester = party(1);
  await market.fund(requester.address);
  for (const seed of [10, 11, 12]) await market.prover(seed);
  const { roundId } = await market.submitBlock(requester, 2, { sealing });
  const bids: [Party, bigint][] = [
    [cheap, ETH / 3n],
    [cheap, ETH / 4n],
    [solid, ETH / 2n],
    [third, ETH / 2n],
  ];
  const committed: Awaited<ReturnType<typeof market.commit>>[] = [];
  for (const [prover, priceWei] of bids) {
    if (sealing === 'receipt') await market.bid(prover, roundId, { priceWei });
    else committed.push(await market.commit(prover, roundId, { priceWei }));
    await market.advance(100);
  }
  await market.advance(700);
  for (const at of sealing === 'receipt' ? [] : [2, 1]) await market.openBid(bids[at]![0], committed[at]!.bid);
  await market.advance(10_000);
  return withKey(throughText(memory.entries));
}

let placed: Log;
let sealed: Log;
beforeAll(async () => {
  [placed, sealed] = [await story('receipt'), await story('commitReveal')];
});

type Case = [name: string, misdeed: string, prover: string | null, bend: (log: Log) => Log | undefined];
const at = (log: Log, entry: Entry) => log.indexOf(entry);
const cleared = (log: Log) => entryOf(log, 'roundCleared');
const without = (log: Log, entry: Entry) => log.filter((one) => one !== entry);

/** As if nobody but the prover had ever seen the bid. */
function neverHeard(log: Log): Log {
  const lost = entryOf(log, 'bidPlaced', 2);
  cleared(log).bids = cleared(log).bids.filter(({ message }) => message.prover !== lost.prover);
  return without(log, lost);
}

const PLACED: Case[] = [
  ['leaves a bid out of the log', 'dropped', solid.address, neverHeard],
  ['leaves a bid out of the clearing', 'dropped', third.address, (log) => void cleared(log).bids.pop()],
  ['ends the log before a bid', 'dropped', third.address, (log) => log.slice(0, at(log, entryOf(log, 'bidPlaced', 3)))],
  [
    'opens another price than was committed to',
    'altered',
    solid.address,
    (log) => {
      cleared(log).bids[1]!.message.priceWei = '1';
    },
  ],
  [
    'dates a bid back',
    'altered',
    solid.address,
    (log) => {
      entryOf(log, 'bidPlaced', 2).atMs -= 50;
    },
  ],
  [
    'makes up a bid with a commitment',
    'added',
    cheap.address,
    (log) => {
      const { bids } = cleared(log);
      const forged = { ...structuredClone(bids[0]!), signature: bids[1]!.signature };
      bids[0] = forged;
    },
  ],
  [
    'makes up a bid without a commitment',
    'added',
    party(13).address,
    (log) => {
      const { bids } = cleared(log);
      bids.push({ ...bids[0]!, message: { ...bids[0]!.message, prover: party(13).address } });
    },
  ],
  ['counts a bid twice', 'added', cheap.address, (log) => void cleared(log).bids.push(cleared(log).bids[0]!)],
  [
    'swaps two bids in the log',
    'reordered',
    solid.address,
    (log) => {
      const [one, two] = [at(log, entryOf(log, 'bidPlaced', 2)), at(log, entryOf(log, 'bidPlaced', 3))];
      return log.with(one, log[two]!).with(two, log[one]!);
    },
  ],
  ['publishes the bids in another order', 'reordered', third.address, (log) => void cleared(log).bids.reverse()],
  [
    'draws another tie seed',
    'reordered',
    null,
    (log) => {
      cleared(log).tieSeed = `0x${'ab'.repeat(32)}`;
    },
  ],
  [
    'takes a bid when the window has closed',
    'late',
    third.address,
    (log) => {
      entryOf(log, 'bidPlaced', 3).atMs = entryOf(log, 'roundOpened').closesAtMs;
    },
  ],
  [
    'takes a bid when the round is cleared',
    'late',
    third.address,
    (log) => {
      const late = entryOf(log, 'bidPlaced', 3);
      return without(log, late).toSpliced(at(log, cleared(log)), 0, late);
    },
  ],
];

const SEALED: Case[] = [
  ['leaves a commitment out', 'dropped', solid.address, (log) => without(log, entryOf(log, 'bidCommitted', 2))],
  ['leaves an opening out', 'dropped', solid.address, (log) => without(log, entryOf(log, 'bidOpened', 0))],
  ['leaves an opened bid out of the clearing', 'dropped', solid.address, (log) => void cleared(log).bids.pop()],
  [
    'says that fewer commitments were sealed',
    'dropped',
    null,
    (log) => {
      entryOf(log, 'bidsSealed').count -= 1;
    },
  ],
  [
    'signs a commitment itself',
    'added',
    third.address,
    (log) => {
      entryOf(log, 'bidCommitted', 3).signature = entryOf(log, 'bidCommitted', 2).signature;
    },
  ],
  [
    'opens a bid for a prover without a commitment',
    'added',
    party(13).address,
    (log) => {
      entryOf(log, 'bidOpened', 0).message.prover = party(13).address;
    },
  ],
  [
    'opens another bid',
    'altered',
    cheap.address,
    (log) => {
      entryOf(log, 'bidOpened', 1).message.standbyWei = '9';
    },
  ],
  [
    'moves a commitment up',
    'reordered',
    solid.address,
    (log) => {
      const moved = entryOf(log, 'bidCommitted', 2);
      return without(log, moved).toSpliced(at(log, entryOf(log, 'bidCommitted', 0)), 0, moved);
    },
  ],
  [
    'takes a commitment when others are open already',
    'late',
    third.address,
    (log) => {
      const late = entryOf(log, 'bidCommitted', 3);
      return without(log, late).toSpliced(at(log, entryOf(log, 'bidOpened', 1)) - 1, 0, late);
    },
  ],
  [
    'takes an opening when the time is over',
    'late',
    cheap.address,
    (log) => {
      entryOf(log, 'bidOpened', 1).atMs = entryOf(log, 'bidsSealed').revealsUntilMs;
    },
  ],
];

function names(cases: Case[], honest: () => Log): void {
  it.each(cases)('%s: %s', (_name, misdeed, prover, bend) => {
    const receipts = receiptsOf(honest());
    const copy = structuredClone(honest());
    const log = bend(copy) ?? copy;
    const found = findingsOf(log, receipts);
    expect(found).toContainEqual(expect.objectContaining({ misdeed, prover }));
  });
}

describe('in a round with receipts, a coordinator is found out that', () => {
  names(PLACED, () => placed);

  it('has dropped a bid in a log that replays: by the receipt alone', () => {
    const log = neverHeard(structuredClone(placed));
    cleared(log).tieSeed = '0x';
    expect(findingsOf(log).map(({ misdeed }) => misdeed)).toEqual(['reordered']);
    const receipts = receiptsOf(placed).filter(({ prover }) => prover === solid.address);
    expect(findingsOf(log, receipts)).toContainEqual(
      expect.objectContaining({ misdeed: 'dropped', prover: solid.address, entryIndex: null }),
    );
  });
});

describe('in a round of commitments, a coordinator is found out that', () => names(SEALED, () => sealed));

describe('an honest coordinator', () => {
  it('has nothing to fear from any receipt', () => {
    for (const log of [placed, sealed]) expect(findingsOf(log, receiptsOf(log))).toEqual([]);
  });

  it('has nothing to fear in markets at random, with downtime and late wake-ups', async () => {
    let receiptCount = 0;
    for (let seed = 0; seed < 4; seed += 1) {
      const market = new RandomMarket(seed, true);
      await market.open();
      for (let step = 0; step < 150; step += 1) await market.step();
      await market.finish();
      const log = withKey(throughText(market.memory.entries));
      const receipts = receiptsOf(log);
      receiptCount += receipts.length;
      expect(findingsOf(log, receipts)).toEqual([]);
    }
    expect(receiptCount).toBeGreaterThan(30);
  });

  it('is not accused by receipts of another log, or that it has not signed', () => {
    const [receipt] = receiptsOf(placed);
    const evidence = new BidEvidence([
      { ...receipt!, entryIndex: 0 },
      { ...receipt!, origin: 'other.example/market' },
    ]);
    for (const entry of placed) evidence.take(entry);
    expect(evidence.end()).toEqual([]);
    expect(evidence.unusable.map(({ reason }) => reason)).toEqual([
      'the key of this log has not signed it',
      'it is of the log other.example/market',
    ]);
  });
});

describe('the log that is checked', () => {
  const sourceOf = (log: Log, size = log.length) => {
    const leaves = log.map((entry) => canonicalJson(entry));
    const tree = growTree(leaves.map((leaf) => new TextEncoder().encode(leaf)));
    const origin = entryOf(log, 'marketOpened' as const).origin;
    const note = signCheckpoint({ origin, size, rootHash: tree.roots[size]!, extensionLines: [] }, [operator]);
    return {
      checkpoint: async () => note,
      entries: async (from: number, limit: number) => leaves.slice(from, from + limit),
    };
  };

  it('is held against its signed checkpoint', async () => {
    const taken: EntryOf<'marketOpened'>['type'][] = [];
    const honest = await walkLog(sourceOf(placed), (entry) => taken.push(entry.type as 'marketOpened'));
    expect(honest).toEqual({ size: placed.length, flaw: null });
    expect(taken).toHaveLength(placed.length);
    const bent = sourceOf(placed);
    const other = sourceOf(neverHeard(structuredClone(placed)));
    const cut = { ...bent, entries: other.entries };
    expect((await walkLog(cut, () => {})).flaw).toMatch(/ends at|root hash/);
  });
});

it('reads a file of receipts, and passes over what a crash has cut off', () => {
  const receipts = receiptsOf(placed);
  const text = `${receipts.map((one) => JSON.stringify(one)).join('\n')}\n{"origin":"te`;
  expect(parseReceipts(text)).toEqual({ receipts, unreadable: 1 });
});
