/**
 * The lying coordinator: bends an honest log in every way that pays somebody, writes its tree anew and signs the
 * checkpoint, so that only the check that the lie is about can find it out, and it must.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import type { AuditReport } from '#auditor/auditReport.js';
import { type KeptReceipt, receiptBytes } from '#protocol/bidReceipt.js';
import type { Entry } from '#protocol/entries.js';
import { cosignerKey, formatCosignerKey, signCosignature } from '#protocol/log/cosignature.js';
import { formatSignedNote, parseSignedNote } from '#protocol/log/signedNote.js';
import { ed25519VerifierKey, formatVerifierKey } from '#protocol/log/verifierKey.js';
import { entryOf, honestLog, type Log } from '../market/honestLog.js';
import { LIES } from '../market/lies.js';
import { signerFromSeed } from '../protocol/ed25519Signer.js';
import { throughText } from '../setup/invariants.js';
import { ETH, MarketDriver, MemoryExecutor, party } from '../setup/marketDriver.js';
import { OPERATOR } from '../setup/testOperator.js';
import { auditOf, failed, seenOf, writeLog } from './writtenLog.js';

let honest: Log;
let report: AuditReport;
beforeAll(async () => {
  honest = await honestLog();
  report = await auditOf(writeLog(honest));
});

/** Which checks find each lie out: the first one is where the first divergence is. */
const FOUND_BY: Record<string, string[]> = {
  'drops a bid from a clearing': ['bids'],
  'adds a bid that was never committed to': ['bids'],
  'alters a bid': ['bids', 'signatures'],
  'opens another order of bids': ['bids'],
  'takes a bid after the close, dated back': ['timeWindows', 'bids'],
  'brings a replaced bid back': ['bids'],
  'gives the job to the second cheapest': ['rounds'],
  'raises a price and pays it': ['rounds'],
  'withdraws a block that its requester has not withdrawn': ['signatures'],
  'keeps the deposits of a withdrawn round': ['payments'],
  'lets a job of a withdrawn block go on': ['rules'],
  'chooses another tie seed': ['bids'],
  'leaves a job unsold that was worth buying': ['rounds'],
  'locks a smaller bond': ['payments'],
  'pays twice in one ending': ['payments'],
  'pays twice in two endings': ['payments'],
  'pays nobody': ['payments'],
  'pays a friend': ['payments'],
  'withholds the standby fee': ['payments'],
  'slashes a backup that was never called': ['slashes'],
  'slashes whom downtime excuses': ['slashes'],
  'excuses a friend': ['slashes'],
  'forgets who was excused': ['slashes'],
  'accepts an invalid zkProof': ['payments'],
  'rejects a valid zkProof': ['zkProofs', 'rules'],
  'drops a verdict and ends the job otherwise': ['rules'],
  'drops an activation by a give-up': ['rules'],
  'drops an activation at the start': ['escalations'],
  'calls the backup before its time': ['timeWindows'],
  'declares a lease missed before it ended': ['timeWindows'],
  'ends a job before its deadline': ['timeWindows'],
  'invents downtime': ['timeWindows'],
  'dates an entry before the one before it': ['timeWindows'],
  'swaps receipt and verdict': ['payments'],
  'excuses a friend that never asked for its input': ['rules'],
  'hides that it did not serve an input': ['rules'],
  'ends a job as unprovable that nobody complained of': ['rules'],
  'calls a backup for a miss that was not expected': ['timeWindows'],
  'does not begin with the market': ['rules'],
  'ends in the middle of an answer': ['rules'],
  'changes a parameter without a word': ['parameters'],
  'sets a version of the parameters that is not the next': ['parameters'],
  'moves a prover under another owner': ['rules', 'signatures'],
  'credits more than was deposited': ['payments'],
  'lets a later commitment to the pool go first': ['timeWindows'],
  'pays a later commitment while an earlier one waits': ['payments'],
  'forgets a commitment': ['slashes'],
  'takes a commitment in after its zkProof was seen, dated back': ['rules', 'signatures'],
  'raises what a commitment earns': ['rules'],
  'blames nobody for a spent job': ['slashes'],
  'opens the pool while a side may deliver': ['escalations'],
  'names another reason for unsold jobs': ['escalations'],
  'hides how many bids there were': ['escalations'],
  'lets unsold jobs go without a word': ['escalations'],
  'does not complete a block': ['rules'],
};

describe('an honest log', () => {
  it('passes every check, and each has looked at something', () => {
    expect(report.flaws).toEqual([]);
    expect(report).toMatchObject({ ok: true, size: honest.length, origin: OPERATOR.origin, first: null });
    const idle = report.checks.filter(({ checked }) => checked === 0).map(({ check }) => check);
    expect(idle).toEqual(['cosignatures', 'consistency', 'links', 'receipts']);
  });

  it('passes when it has grown since it was last seen', async () => {
    for (const size of [1, 60, 64, honest.length]) {
      const seen = seenOf(writeLog(honest.slice(0, size)));
      const grown = await auditOf(writeLog(honest), { seen: () => [seen] });
      expect(grown.flaws).toEqual([]);
      expect(grown.seenSizes).toEqual([size]);
    }
  });
});

describe('a coordinator that', () => {
  it.each(LIES)('%s is found out by name', async (name, tell) => {
    const bent = structuredClone(honest);
    const found = await auditOf(writeLog(tell(bent) ?? bent));
    expect(failed(found).toSorted()).toEqual(FOUND_BY[name]?.toSorted());
    const [check] = FOUND_BY[name]!;
    const words = found.flaws.find((one) => one.check === check)!;
    expect(words.sentence).toMatch(/^(entry \d+|no entry)/);
    expect(found.ok).toBe(false);
  });

  it('pays for an invalid zkProof of a friend is found out by its verification key alone', async () => {
    const memory = new MemoryExecutor();
    const market = await new MarketDriver(memory).open({ newcomerJobs: 0 });
    const [requester, friend] = [party(1), await market.prover(10)];
    await market.fund(requester.address);
    const { roundId, jobIds } = await market.submitBlock(requester, 1);
    await market.bid(friend, roundId, { priceWei: ETH / 4n });
    await market.advance(1_000);
    const { submissionId } = await market.deliver(friend, jobIds[0]!, 1);
    await market.judge(jobIds[0]!, submissionId, true);
    const found = await auditOf(writeLog(throughText(memory.entries)));
    expect(failed(found)).toEqual(['zkProofs']);
    expect(found.first!.sentence).toMatch(/the zkProof is invalid .*, the log says that it is valid/);
  });

  it.each([
    ['lateDamageBps', 1_700],
    ['slashRescuerBps', 4_000],
    ['poolForfeitBps', 730],
    ['poolRevealMs', 7_000],
  ] as const)('sets %s to %i behind the log’s back is found out, with the value', async (name, value) => {
    const bent = structuredClone(honest);
    const { parameters } = entryOf(bent, 'marketOpened');
    const real = parameters[name];
    parameters[name] = value;
    const found = await auditOf(writeLog(bent));
    expect(failed(found)).toEqual(['parameters']);
    expect(found.first!.sentence).toMatch(`${name} = ${value}, the log goes by ${real}, which no entry has set`);
  });

  it('uses parameters that the log never set is found out', async () => {
    const opened = honest.findIndex(({ type }) => type === 'roundOpened');
    const bent = structuredClone(honest);
    (bent[opened] as { parametersVersion: number }).parametersVersion = 2;
    const found = await auditOf(writeLog(bent));
    expect(failed(found)).toEqual(['parameters']);
    expect(found.first!.sentence).toMatch(/parametersVersion: the rules say 1, the log says 2/);
  });

  it('rewrites a parameter that decided nothing is found out by who has seen the log before', async () => {
    const bent = structuredClone(honest);
    entryOf(bent, 'marketOpened').parameters.jobsPerBlockMax += 1;
    const files = writeLog(bent);
    expect(failed(await auditOf(files))).toEqual([]);
    const seen = seenOf(writeLog(honest.slice(0, 50)));
    expect(failed(await auditOf(files, { seen: () => [seen] }))).toEqual(['consistency']);
  });

  it('writes an address in capitals is found out, though it says the same', async () => {
    const bent = structuredClone(honest);
    const placed = entryOf(bent, 'bidPlaced');
    placed.prover = `0x${placed.prover.slice(2).toUpperCase()}`;
    const found = await auditOf(writeLog(bent));
    expect(failed(found)).toEqual(['schema']);
    expect(found.first!.sentence).toMatch(/entry \d+: it is a bidPlaced that is not written canonically/);
  });

  it('forks the log is found out by who has seen the other branch', async () => {
    const fund = (seed: number): Entry => {
      const one = structuredClone(entryOf(honest, 'deposited'));
      const account = party(seed).address;
      for (const posting of one.postings) posting.to = `account:${account}`;
      return { ...one, account, reference: `fork ${seed}`, atMs: honest.at(-1)!.atMs };
    };
    const [left, right] = [40, 41].map((seed) => writeLog([...honest, fund(seed)]));
    expect(failed(await auditOf(left!))).toEqual([]);
    expect(failed(await auditOf(right!))).toEqual([]);
    const found = await auditOf(right!, { seen: () => [seenOf(left!)] });
    expect(failed(found)).toEqual(['consistency']);
    expect(found.first!.sentence).toMatch(/history was rewritten/);
  });

  it('rolls the log back is found out', async () => {
    const shorter = writeLog(honest.slice(0, honest.findIndex(({ type }) => type === 'blockCompleted') + 1));
    expect(failed(await auditOf(shorter))).toEqual([]);
    const found = await auditOf(shorter, { seen: () => [seenOf(writeLog(honest))] });
    expect(failed(found)).toEqual(['consistency']);
  });

  it('goes on under another key, or signs with one that the log does not name, is found out', async () => {
    const other = signerFromSeed(OPERATOR.origin, new Uint8Array(32).fill(9));
    expect(failed(await auditOf(writeLog(honest, other)))).toEqual(['checkpoint']);
    const renamed = structuredClone(honest);
    const logKey = formatVerifierKey(ed25519VerifierKey(OPERATOR.origin, other.key.publicKey));
    entryOf(renamed, 'marketOpened').logKey = logKey;
    const files = writeLog(renamed, other);
    expect(failed(await auditOf(files))).toEqual([]);
    expect(failed(await auditOf(files, { seen: () => [seenOf(writeLog(honest))] }))).toEqual(['consistency']);
  });

  it('shows one log to its cosigners and another to the auditor is found out', async () => {
    const cosigner = signerFromSeed('cosigner.example', new Uint8Array(32).fill(5));
    const key = cosignerKey('cosigner.example', cosigner.key.publicKey);
    const cosigners = [formatCosignerKey(key)];
    const withCosigned = (log: Log, shown: Log) => {
      const files = writeLog(log);
      const note = Buffer.from(writeLog(shown).get('checkpoint')!).toString('utf8');
      const { text, signatures } = parseSignedNote(note)!;
      const cosignature = signCosignature(text, { key, sign: cosigner.sign }, 1_800_000_000);
      return files.set('cosigned', Buffer.from(formatSignedNote({ text, signatures: [...signatures, cosignature] })));
    };
    const good = await auditOf(withCosigned(honest, honest.slice(0, 70)), { cosigners });
    expect(failed(good)).toEqual([]);
    expect(good.checks.find(({ check }) => check === 'cosignatures')!.checked).toBe(1);
    const other = structuredClone(honest);
    entryOf(other, 'deposited').reference = 'another';
    expect(failed(await auditOf(withCosigned(honest, other), { cosigners }))).toEqual(['consistency']);
    expect(failed(await auditOf(writeLog(honest), { cosigners }))).toEqual(['cosignatures']);
  });

  it('drops a bid before it is logged is found out by its receipt, and by nothing else', async () => {
    const story = async (isHeard: boolean) => {
      const memory = new MemoryExecutor();
      const market = await new MarketDriver(memory).open();
      const [requester, heard, unheard] = [party(1), await market.prover(10), await market.prover(11)];
      await market.fund(requester.address);
      const { roundId } = await market.submitBlock(requester, 1);
      await market.bid(heard, roundId, { priceWei: ETH / 2n });
      if (isHeard) await market.bid(unheard, roundId, { priceWei: ETH / 4n });
      await market.advance(200_000);
      return throughText(memory.entries);
    };
    const logged = await story(true);
    const receipts = logged.flatMap((entry, index) => (entry.type === 'bidPlaced' ? [receiptOf(entry, index)] : []));
    expect(failed(await auditOf(writeLog(logged), { receipts }))).toEqual([]);
    const found = await auditOf(writeLog(await story(false)), { receipts });
    expect(failed(found)).toEqual(['receipts']);
    expect(found.first!.sentence).toMatch(/dropped/);
    expect(found.checks.find(({ check }) => check === 'receipts')!.checked).toBe(2);
  });

  it('rewrites one bit anywhere is found out, whatever file it is in', async () => {
    // An entry that no bundle can hold lies in a file of its own.
    const long = { ...entryOf(honest, 'proofReceived'), atMs: honest.at(-1)!.atMs, zkProof: { a: 'x'.repeat(70_000) } };
    const clean = writeLog([...honest, long]);
    expect([...clean.keys()].map((path) => path.split('/')[0]).toSorted()).toEqual(['checkpoint', 'entry', 'tile']);
    expect((await auditOf(clean, { replay: false })).flaws).toEqual([]);
    const unseen: string[] = [];
    for (const [path, bytes] of clean) {
      const step = Math.max(1, Math.floor(bytes.length / 60));
      for (let place = 0; place < bytes.length; place += step) {
        const files = new Map(clean);
        const bent = Buffer.from(bytes);
        bent[place]! ^= 1 << (place % 8);
        files.set(path, bent);
        const found = await auditOf(files, { replay: false }).catch((error: Error) => error);
        if (!(found instanceof Error) && found.ok) unseen.push(`${path} ${place}`);
      }
    }
    expect(unseen).toEqual([]);
  });
});

function receiptOf(entry: Extract<Entry, { type: 'bidPlaced' }>, entryIndex: number): KeptReceipt {
  const { type, roundId, prover, commitment, atMs } = entry;
  const said = { origin: OPERATOR.origin, type, roundId, prover, commitment, entryIndex, atMs };
  const signature = Buffer.from(OPERATOR.sign(receiptBytes(said))).toString('hex');
  return { ...said, receiptSignature: `0x${signature}` };
}

describe('a sample', () => {
  it('leaves out its share of what is costly, and nothing else', async () => {
    const sampled = await auditOf(writeLog(honest), { share: 0.000_001 });
    expect(sampled.ok).toBe(true);
    const count = (of: AuditReport, name: string) => of.checks.find(({ check }) => check === name)!.checked;
    expect(sampled.skipped.signatures + count(sampled, 'signatures')).toBe(count(report, 'signatures'));
    expect(sampled.skipped.zkProofs + count(sampled, 'zkProofs')).toBe(count(report, 'zkProofs'));
    expect(sampled.skipped.signatures).toBeGreaterThan(count(report, 'signatures') / 2);
    expect(count(sampled, 'rounds')).toBe(count(report, 'rounds'));
  });

  it('since a checkpoint leaves out what came before it', async () => {
    const later = await auditOf(writeLog(honest), { trusted: honest.length });
    expect(later.skipped.signatures).toBe(report.checks.find(({ check }) => check === 'signatures')!.checked);
    const bent = structuredClone(honest);
    entryOf(bent, 'gaveUp', 0).signature = entryOf(bent, 'gaveUp', 1).signature;
    const at = bent.indexOf(entryOf(bent, 'gaveUp', 0));
    expect(failed(await auditOf(writeLog(bent), { trusted: at + 1 }))).toEqual([]);
    expect(failed(await auditOf(writeLog(bent), { trusted: at }))).toEqual(['signatures']);
  });
});
