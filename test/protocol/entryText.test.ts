/** The quick way to tell an entry from its text against the slow one, which decides: parse, schema, canonical text, compare. */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { ENTRY_SCHEMAS, parseEntry } from '#protocol/entries.js';
import { isSurelyEntry, readEntryText } from '#protocol/entryText.js';
import { CANONICAL_DEPTH_MAX, canonicalJson } from '#protocol/log/canonicalJson.js';
import { entryOf, honestLog, type Log } from '../market/honestLog.js';

let texts: string[];
beforeAll(async () => {
  const log = await honestLog();
  texts = [...log, ...othersLike(log)].map((entry) => canonicalJson(entry));
});

/** Entries of the types that the honest log has none of, with what it has. */
function othersLike(log: Log): object[] {
  const { atMs, parameters } = entryOf(log, 'marketOpened');
  const { roundId, bids } = entryOf(log, 'roundCleared');
  const { prover } = entryOf(log, 'bidPlaced');
  const { submissionId, signature, message } = entryOf(log, 'proofReceived');
  const { circuitId } = entryOf(log, 'circuitRegistered');
  const challenge = { challengeId: submissionId, prover, circuitId };
  return [
    { type: 'parametersSet', atMs, version: 2, parameters, reason: 'a cheaper circuit' },
    { type: 'bidsSealed', atMs, roundId, count: 2, revealsUntilMs: atMs },
    { type: 'bidOpened', atMs, ...bids[0] },
    {
      ...{ type: 'challengeIssued', atMs, challengeId: submissionId, signature, sampleIndex: 63, dueMs: atMs },
      message: { prover, circuitId, issuedAtMs: atMs },
    },
    {
      ...{ type: 'challengeReceived', atMs, submissionId, signature },
      message: { ...challenge, contentHash: message.contentHash },
    },
    { type: 'challengePassed', atMs, ...challenge },
    { type: 'challengeFailed', atMs, ...challenge, code: 'invalidPairing' },
    ...onChain(log),
  ];
}

/** What a market on a chain adds, the optional members of other entries among it. */
function onChain(log: Log): object[] {
  const { atMs } = entryOf(log, 'marketOpened');
  const deposited = entryOf(log, 'deposited');
  const submitted = entryOf(log, 'blockSubmitted');
  const { blockId: setId, jobs } = submitted;
  const [hash, blockNumber] = [submitted.message.blockHash, 17];
  const { account, postings } = deposited;
  const terms = { chainId: 31_337, contract: account, token: null, deployBlock: 3, confirmations: 12 };
  const place = { blockNumber, blockHash: hash, logIndex: 0, transactionHash: hash, startWei: '0' };
  const { jobId } = jobs[0]!;
  return [
    { ...submitted, message: { ...submitted.message, settlement: 'chain' } },
    { ...deposited, source: 'chain', reference: '17/0', chain: place },
    { type: 'chainAttached', atMs, ...terms, epochMs: 60_000, exitDelaySec: 86_400 },
    {
      ...{ type: 'withdrawalRequested', atMs, withdrawalId: hash, signature: submitted.signature, postings },
      message: { account, cumulativeWei: '5', issuedAtMs: atMs },
    },
    { type: 'balanceRootComputed', atMs, epoch: 1, balanceRoot: hash, sumWei: '5', creditedWei: '5', accounts: 1 },
    { type: 'rootPosted', atMs, epoch: 1, transactionHash: hash, blockNumber },
    {
      ...{ type: 'jobSetCommitted', atMs, setId, setRoot: hash, totalWei: '5', postings },
      items: [{ jobId, payee: account, amountWei: '5' }],
    },
    { type: 'jobSetSettled', atMs, setId, transactionHash: hash, blockNumber },
  ];
}

/** Entries that end and begin a log: a checkpoint is lines of text, which are read the slow way. */
const ONCE_A_LOG = ['logClosed', 'logOpened'];

/** What decides: true when the text is an entry, and parsing leaves it as it is. */
function isEntry(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return canonicalJson(parseEntry(value)) === text && canonicalJson(value) === text;
  } catch {
    return false;
  }
}

/** Holds both ways against each other. @returns whether the quick way was sure */
function compared(text: string): boolean {
  const [isSure, decided] = [isSurelyEntry(text), isEntry(text)];
  if (isSure && !decided) throw new Error(`sure of what is no entry: ${text}`);
  const { entry, flaw } = readEntryText(text);
  expect(flaw === null).toBe(decided);
  if (entry) expect(entry).toEqual(JSON.parse(text));
  return isSure;
}

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** Every place of a value, by the way to it. */
function placesOf(value: Json, way: (string | number)[] = []): (string | number)[][] {
  if (typeof value !== 'object' || value === null) return [way];
  const keys = Array.isArray(value) ? [...value.keys()] : Object.keys(value);
  return [way, ...keys.flatMap((key) => placesOf((value as Record<string, Json>)[key]!, [...way, key]))];
}

/** The value with what stands at the end of the way changed. */
function changedAt(value: Json, [key, ...rest]: (string | number)[], change: (old: Json) => Json): Json {
  if (key === undefined) return change(value);
  const copy = structuredClone(value) as Record<string, Json>;
  copy[key] = changedAt(copy[key]!, rest, change);
  return copy;
}

const EDGES: Json[] = [
  ...[0, 1, 2, 7, 8, 9, 10, 39, 63, 64, 99, 100, 1_024, 1_025, 9_999, 10_000, 10_001, 999_999, 1_000_000, 1_000_001],
  ...[86_400_000, 86_400_001, 2_592_000_000, 2_592_000_001, 253_402_300_799_999, 253_402_300_800_000],
  ...[10 ** 15 - 1, 10 ** 15, Number.MAX_SAFE_INTEGER, 2 ** 53, 2 ** 40, 2 ** 40 + 1, 1e21, 1.5, -1, -0],
  ...['', ' ', '"', '\\', '\n', '\u007f', '\u00e9', '\u{1f600}', 'a'.repeat(64), 'a'.repeat(65), 'x'.repeat(257)],
  ...['0', '00', '01', '-1', '1e3', '9'.repeat(60), `1${'0'.repeat(60)}`, `1${'0'.repeat(59)}1`, '9'.repeat(61)],
  ...['0x', `0x${'A'.repeat(40)}`, `0x${'a'.repeat(40)}`, `0x${'a'.repeat(64)}`, `0x${'g'.repeat(64)}`, '__proto__'],
  ...[`0x${'a'.repeat(64)}.0`, `0x${'a'.repeat(64)}.00`, `0x${'a'.repeat(64)}.99999`, `0x${'a'.repeat(64)}.r7`],
  ...['receipt', 'primary', 'pool', 'outside', `account:0x${'b'.repeat(40)}`, `escrow:0x${'b'.repeat(64)}`],
  ...[null, true, false, [], {}, [[]], [1, 1], ['a'], { a: 1 }],
];

const anEntry = fc.nat().map((pick) => texts[pick % texts.length]!);

describe('the text of an entry', () => {
  it('is told quickly of every entry of an honest log', () => {
    const types = new Set<string>();
    for (const text of texts) {
      expect(compared(text), text.slice(0, 300)).toBe(true);
      types.add(JSON.parse(text).type);
    }
    expect([...types, ...ONCE_A_LOG].toSorted()).toEqual(Object.keys(ENTRY_SCHEMAS).toSorted());
  });

  it('is told rightly where one value is another', () => {
    fc.assert(
      fc.property(anEntry, fc.nat(), fc.constantFrom(...EDGES), (text, pick, edge) => {
        const value = JSON.parse(text) as Json;
        const places = placesOf(value);
        compared(JSON.stringify(changedAt(value, places[pick % places.length]!, () => edge)));
      }),
      { numRuns: 2_000 },
    );
  });

  it('is told rightly where members are missing, added, or in another order', () => {
    fc.assert(
      fc.property(
        anEntry,
        fc.nat(),
        fc.nat(),
        fc.constantFrom('', 'a', 'zz', 'atMs', '__proto__'),
        (text, pick, at, name) => {
          const value = JSON.parse(text) as Json;
          const objects = placesOf(value).filter((way) => {
            const found = way.reduce<Json>((inner, key) => (inner as Record<string, Json>)[key]!, value);
            return typeof found === 'object' && found !== null && !Array.isArray(found);
          });
          const bent = changedAt(value, objects[pick % objects.length]!, (old) => {
            const members = Object.entries(old as Record<string, Json>);
            const [taken] = members.splice(at % Math.max(1, members.length), 1);
            if (name === '') return Object.fromEntries(members);
            if (name === 'zz') return Object.fromEntries([...members, ...(taken ? [taken] : [])]);
            return Object.defineProperty(Object.fromEntries([...members, ...(taken ? [taken] : [])].toSorted()), name, {
              value: 1,
              enumerable: true,
            }) as Json;
          });
          compared(JSON.stringify(bent));
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('is told rightly where characters are changed, left out, doubled or put in', () => {
    const characters = [...'"\\{}[]:,0159.-+eE aAfFxX', '\u0000', '\u007f', '\u00e9', '\ud800'];
    fc.assert(
      fc.property(anEntry, fc.nat(), fc.constantFrom(...characters), fc.nat(3), (text, pick, character, way) => {
        const at = pick % (text.length + 1);
        const [before, old, behind] = [text.slice(0, at), text.slice(at, at + 1), text.slice(at + 1)];
        compared(before + [character, '', old + old, character + old][way]! + behind);
      }),
      { numRuns: 3_000 },
    );
  });

  it('is told rightly of what a zkProof may hold, however deep', () => {
    const received = JSON.parse(texts.find((text) => text.includes('"type":"proofReceived"'))!);
    const nested = (levels: number): Json =>
      levels === 0 ? 1 : levels % 2 ? [nested(levels - 1)] : { a: nested(levels - 1) };
    for (let levels = CANONICAL_DEPTH_MAX - 6; levels <= CANONICAL_DEPTH_MAX + 3; levels += 1) {
      compared(JSON.stringify({ ...received, zkProof: { a: nested(levels) } }));
    }
    expect(compared(canonicalJson({ ...received, zkProof: { a: nested(CANONICAL_DEPTH_MAX - 2) } }))).toBe(true);
    fc.assert(
      fc.property(
        fc.dictionary(fc.string({ maxLength: 66 }), fc.jsonValue({ noUnicodeString: false }), { maxKeys: 4 }),
        (zkProof) => {
          compared(JSON.stringify({ ...received, zkProof }));
        },
      ),
      { numRuns: 2_000 },
    );
    for (const zkProof of [
      '{"a":1,"a":1}',
      '{"b":1,"a":1}',
      '{"10":1,"9":1}',
      '{"9":1,"10":1}',
      '{"__proto__":1}',
      '{"":1}',
    ]) {
      compared(canonicalJson({ ...received, zkProof: {} }).replace('"zkProof":{}', `"zkProof":${zkProof}`));
    }
  });

  it('has every character that a name may have, and none that JSON escapes', () => {
    const registered = JSON.parse(texts.find((text) => text.includes('"type":"proverRegistered"'))!);
    for (const code of [...Array(0x2100).keys(), 0xd800, 0xdfff, 0xfeff, 0x1f600, 0xe0001, 0x10ffff]) {
      const message = { ...registered.message, name: `a${String.fromCodePoint(code)}` };
      const text = JSON.stringify({ ...registered, message });
      expect(compared(text), `U+${code.toString(16)}`).toBe(isEntry(text) && code !== 0x22 && code !== 0x5c);
    }
    const long = (name: string) => compared(canonicalJson({ ...registered, message: { ...registered.message, name } }));
    expect(['é', '😀'].map((one) => long(one.repeat(64)))).toEqual([true, true]);
    expect(['é', '😀'].map((one) => long(one.repeat(65)))).toEqual([false, false]);
  });

  it('is not looked into when it is long and no entry', () => {
    const received = JSON.parse(texts.find((text) => text.includes('"type":"proofReceived"'))!);
    const signals = `"publicSignals":[${'1,'.repeat(4_000_000)}1]`;
    const text = canonicalJson({ ...received, publicSignals: [] }).replace('"publicSignals":[]', signals);
    expect(readEntryText(text)).toEqual({
      entry: null,
      flaw: `not an entry: nothing of ${text.length} characters is one`,
    });
  });

  it('is told quickly of the longest entries', () => {
    const submitted = JSON.parse(texts.find((text) => text.includes('"type":"blockSubmitted"'))!);
    const jobs = Array.from({ length: 10_000 }, (_, at) => ({
      ...submitted.jobs[0],
      jobId: `${submitted.blockId}.${at}`,
    }));
    const message = { ...submitted.message, label: 'größter Block', nonce: Number.MAX_SAFE_INTEGER };
    expect(isSurelyEntry(canonicalJson({ ...submitted, jobs, message }))).toBe(true);
    const cleared = JSON.parse(texts.find((text) => text.includes('"type":"roundCleared"'))!);
    const bids = Array.from({ length: 10_000 }, () => cleared.bids[0]);
    const awards = Array.from({ length: 9_000 }, () => cleared.awards[0]);
    expect(isSurelyEntry(canonicalJson({ ...cleared, bids, awards }))).toBe(true);
    expect(isSurelyEntry(canonicalJson({ ...cleared, bids: [...bids, bids[0]] }))).toBe(false);
  });
});
