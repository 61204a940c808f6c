/**
 * A coordinator that lies: honest logs are bent in every way that pays somebody, and in every field, and the replay
 * must say so. What a replay alone cannot see is listed with the reason, and with what does see it.
 */

import { beforeAll, describe, expect, it } from 'vitest';
import { contentHashOf } from '#protocol/contentHash.js';
import { replayFlaws } from '../setup/invariants.js';
import { ETH, MarketDriver, MemoryExecutor, party } from '../setup/marketDriver.js';
import { entryOf, flawOf, flip, honestLog, type Log, leavesOf } from './honestLog.js';
import { LIES } from './lies.js';

let honest: Log;
beforeAll(async () => {
  honest = await honestLog();
});

/** Flips that no replay can see, each with who can. Every other flip must be found. */
const UNSEEN: [RegExp, string][] = [
  [/^marketOpened (logKey|origin)$/, 'the checkpoint’s key and origin line are compared by the auditor'],
  [/^marketOpened parameters\./, 'a parameter that decides nothing in this log; the root holds it'],
  [/^circuitRegistered (name|signalCount|(wasm|zkey)\.)/, 'the market’s own circuit is nobody’s signed word'],
  [/^deposited reference$/, 'names a payment outside; the faucet’s record or the chain holds it'],
  [/^blockSubmitted jobs\.\d+\.inputHash$/, 'private input: the assignee checks what it fetches against it'],
  [/^blockSubmitted jobs\.\d+\.publicSignals/, 'a job without a zkProof: the requester splits its block again'],
  [/^bidPlaced commitment$/, 'a bid that was replaced is never opened; its receipt and the root hold it'],
  [
    /^(bidPlaced|roundCleared|proofAccepted|backupActivated|poolOpened|coordinatorStarted|input(Refused|Served)|gaveUp) atMs$/,
    'a moment that decides nothing',
  ],
  [/^proofReceived from the pool atMs$/, 'a moment within the time of its commitment, whose place in the log counts'],
  [/^proof(Accepted|Rejected) from the pool (atMs|code)$/, 'a moment that decides nothing'],
  [/^proofRejected code$/, 'words about an invalid zkProof'],
  [/^leaseMissed lastSeenMs$/, 'heartbeats are no entries; the agent knows when it sent them'],
  [/^witnessChecked error$/, 'words of a witness generator'],
  [/^backupActivated expectedEndMs$/, 'heartbeats are no entries; the agent knows what it reported'],
  [/^coordinatorStarted (cause|lastSignMs)$/, 'signs of life are no entries; a gap too short to count'],
];

function isCommitOf(entry: Log[number], jobId: string): boolean {
  return entry.type === 'poolCommitted' && entry.message.jobId === jobId;
}

describe('a bent log', () => {
  it('is found out, whichever field of whichever entry was changed', () => {
    const unseen: string[] = [];
    const used = new Set<string>();
    let flips = 0;
    for (const [index, entry] of honest.entries()) {
      for (const path of leavesOf(entry)) {
        flips += 1;
        const bent: unknown[] = honest.with(index, flip(entry, path));
        if (flawOf(bent, index) !== null) continue;
        const isPooled = 'role' in entry && entry.role === 'pool';
        const what = `${entry.type}${isPooled ? ' from the pool' : ''} ${path.join('.')}`;
        const reason = UNSEEN.find(([pattern]) => pattern.test(what))?.[1];
        if (reason) used.add(reason);
        else unseen.push(`${index} ${what}`);
      }
    }
    expect(unseen).toEqual([]);
    expect(flips).toBeGreaterThan(800);
    expect(UNSEEN.filter(([, reason]) => !used.has(reason))).toEqual([]);
  }, 600_000);

  it('is found out when any entry is missing, but for what had no consequence', () => {
    const unseen = honest.flatMap((entry, at) => {
      const found = flawOf(honest.toSpliced(at, 1), at) !== null;
      const isReplaced = entry.type === 'bidPlaced' && honest[at + 1]?.type === 'bidPlaced';
      const isUnused = entry.type === 'poolOpened' && honest.every((one) => !isCommitOf(one, entry.jobId));
      const isIdle = isReplaced || isUnused || (entry.type === 'coordinatorStarted' && entry.gapMs === 0);
      return found || isIdle ? [] : [`${at} ${entry.type}`];
    });
    expect(unseen).toEqual([]);
  });

  it('is found out when any entry stands twice, but for what is harmless twice and the faucet’s word', () => {
    const unseen = honest.filter((entry, at) => flawOf(honest.toSpliced(at, 0, entry), at) === null);
    const harmless = ['deposited', 'proverRegistered', 'coordinatorStarted'];
    expect([...new Set(unseen.map(({ type }) => type))].filter((type) => !harmless.includes(type))).toEqual([]);
  });
});

describe('a coordinator that', () => {
  it('is honest has nothing to fear', () => {
    expect(flawOf(honest)).toBeNull();
    expect(replayFlaws(honest)).toEqual([]);
  });

  it.each(LIES)('%s is found out', (_name, tell) => {
    const bent = structuredClone(honest);
    const log = tell(bent) ?? bent;
    expect(log).not.toEqual(honest);
    expect(flawOf(log)).not.toBeNull();
  });

  it('never logged a bid at all is found out by the bid’s receipt only', async () => {
    const story = async (isHeard: boolean) => {
      const memory = new MemoryExecutor();
      const market = await new MarketDriver(memory).open();
      const [requester, heard, unheard] = [party(1), await market.prover(10), await market.prover(11)];
      await market.fund(requester.address);
      const { roundId } = await market.submitBlock(requester, 1);
      await market.bid(heard, roundId, { priceWei: ETH / 2n });
      if (isHeard) await market.bid(unheard, roundId, { priceWei: ETH / 4n });
      await market.advance(200_000);
      return memory.entries;
    };
    expect(flawOf(await story(true))).toBeNull();
    expect(flawOf(await story(false))).toBeNull();
  });
});

describe('a replaying auditor', () => {
  it('finds a circuit that is not the hash of its key, or not the signed one', async () => {
    const registrant = party(30);
    const signedAs = async (name: string) => {
      const memory = new MemoryExecutor();
      const market = await new MarketDriver(memory).open();
      const { circuitId, wasm, zkey } = entryOf(memory.entries, 'circuitRegistered');
      const hashes = { wasmSha256: wasm.sha256, zkeySha256: zkey.sha256, samplesHash: contentHashOf([]) };
      const issuedAtMs = market.nowMs;
      const message = { registrant: registrant.address, circuitId, name, ...hashes, issuedAtMs };
      const { signature } = await registrant.sign('CircuitRegistration', message);
      entryOf(memory.entries, 'circuitRegistered').registration = { message, signature };
      return flawOf(memory.entries);
    };
    expect(await signedAs('test')).toBeNull();
    expect(await signedAs('another')).toMatch(/not the one that was signed/);
    const bent = structuredClone(honest);
    entryOf(bent, 'circuitRegistered').verificationKey = { alpha: '1' };
    expect(flawOf(bent)).toMatch(/not the hash/);
  });
});
