/**
 * Audits a log: reads it from nothing but its static files, and holds it against everything that can be checked without
 * trust. It goes on after a flaw as far as it can, so that each check has its own say.
 */
import { randomInt } from 'node:crypto';
import { signaturesOf, wrongSigner } from '#market/entrySignatures.js';
import { type JudgedProof, Replay } from '#market/replay.js';
import type { MarketState } from '#market/state.js';
import type { KeptReceipt } from '#protocol/bidReceipt.js';
import type { Entry, EntryOf, EntryType } from '#protocol/entries.js';
import { isSurelyEntry, readEntryText } from '#protocol/entryText.js';
import type { VerifierPool } from '#verifier/verifierPool.js';
import { type AuditFlaw, AuditTallies, type AuditTally } from './auditChecks.js';
import { BidEvidence } from './bidEvidence.js';
import { checkCheckpoint, checkCosignatures } from './checkpointCheck.js';
import { KnownDigests } from './knownDigests.js';
import { nameDivergence } from './nameDivergence.js';
import { readCheckpointNote, type SeenCheckpoint } from './seenCheckpoints.js';
import { SignatureChecker } from './signatureChecker.js';
import { silentParameter } from './silentParameter.js';
import { TornLogError } from './tileLogSource.js';
import { TreeFold } from './treeFold.js';
import { claimedSize, LOG_PAGE, type LogSource } from './walkLog.js';

/** zkProofs that may wait for the verifier before more entries are read. */
const VERDICTS_HELD = 1_024;

/** Entries with a time within which they had to come. */
const TIMED: ReadonlySet<EntryType> = new Set([
  'bidPlaced',
  'bidCommitted',
  'bidOpened',
  'roundCleared',
  'poolCommitted',
  'proofReceived',
  'challengeReceived',
  'backupActivated',
  'leaseMissed',
  'jobExpired',
]);

export interface AuditOptions {
  verifier: Pick<VerifierPool, 'verify'>;
  /** Threads that check signatures. */
  threads: number;
  /** Share of signatures and zkProofs that are checked, from 0 to 1. */
  share?: number;
  /** Signatures and zkProofs of this many first entries are taken as checked before. */
  trusted?: number;
  /** False: tree and shape only. */
  replay?: boolean;
  receipts?: readonly KeptReceipt[];
  /** Verifier keys of cosigners whose signatures are asked for. */
  cosigners?: readonly string[];
  /** Checkpoints that the log must go on from: what this auditor saw of the log with this origin. */
  seen?: (origin: string) => SeenCheckpoint[];
  onEntry?: (entry: Entry, index: number) => void;
  onProgress?: (done: number, size: number) => void;
}

export interface AuditReport {
  ok: boolean;
  origin: string | null;
  logKey: string | null;
  size: number;
  /** Root hash in hexadecimal, as recomputed. */
  rootHash: string;
  /** The checkpoint's signed note. */
  note: string;
  checks: AuditTally[];
  /** The first divergence in the log; null when there is none. */
  first: AuditFlaw | null;
  flaws: AuditFlaw[];
  /** Sizes of earlier checkpoints that the log was held against. */
  seenSizes: number[];
  /** Receipts that prove nothing against this log. */
  unusableReceipts: number;
  /** Signatures and zkProofs that were left out, by --sample or --since. */
  skipped: { signatures: number; zkProofs: number };
}

/** One audit of one log. `run` may be called again when the log has grown: it goes on where it was. */
export class LogAudit {
  readonly tallies = new AuditTallies();
  private readonly source: LogSource;
  private readonly options: AuditOptions;
  private readonly replay: Replay;
  private readonly bids: BidEvidence;
  private readonly signatures: SignatureChecker;
  private readonly share: number;
  private readonly skipped = { signatures: 0, zkProofs: 0 };
  private readonly seen: SeenCheckpoint[] = [];
  private readonly tree = new TreeFold();
  private readonly digests = new KnownDigests();
  private market: EntryOf<'marketOpened'> | null = null;
  private depositedWei = 0n;
  private readonly findingsTold = new Set<string>();
  private isReplaying: boolean;
  private verdicts: Promise<void>[] = [];

  constructor(source: LogSource, options: AuditOptions) {
    this.source = source;
    this.options = options;
    this.share = options.share ?? 1;
    this.isReplaying = options.replay ?? true;
    this.replay = new Replay({
      checkSignatures: false,
      onJudgedProof: (judged) => this.judge(judged),
      digestOf: this.digests.of,
    });
    this.bids = new BidEvidence(options.receipts ?? [], { checkSignatures: false, digestOf: this.digests.of });
    this.signatures = new SignatureChecker(options.threads, ({ index, account, code }) =>
      this.tallies.fail('signatures', index, `entry ${index}: ${wrongSigner(account as never, code)}`),
    );
  }

  get state(): MarketState {
    return this.replay.state;
  }

  /** Root hash of the entries read so far, in hexadecimal. */
  get rootHash(): string {
    return Buffer.from(this.tree.root()).toString('hex');
  }

  /** Reads on to the newest checkpoint. Throws what the source throws when it cannot be read. */
  async run(): Promise<AuditReport> {
    await this.readCosigned();
    const note = await this.source.checkpoint();
    const claimed = claimedSize(note);
    if (claimed < this.tree.size) {
      this.tallies.fail('consistency', null, `the log had ${this.tree.size} entries, now it has ${claimed}`);
    }
    await this.readTo(claimed);
    await this.signatures.drain();
    await this.settleVerdicts();
    this.conclude(note);
    return this.report(note);
  }

  /** Asks for the newest cosigned checkpoint, which the log must go on from. */
  private async readCosigned(): Promise<void> {
    const { cosigners = [] } = this.options;
    if (cosigners.length === 0) return;
    const note = (await this.source.cosigned?.()) ?? null;
    checkCosignatures(this.tallies, note, cosigners);
    const checkpoint = note === null ? null : readCheckpointNote(note);
    if (!checkpoint || checkpoint.size < this.tree.size) return;
    const pinned = { ...checkpoint, logKey: '', note: note! };
    if (checkpoint.size === this.tree.size) this.compare(pinned);
    else this.seen.push(pinned);
  }

  close(): Promise<void> {
    return this.signatures.close();
  }

  private async readTo(claimed: number): Promise<void> {
    while (this.tree.size < claimed) {
      const at = this.tree.size;
      let leaves: string[];
      try {
        leaves = await this.source.entries(at, Math.min(LOG_PAGE, claimed - at));
      } catch (error) {
        if (!(error instanceof TornLogError)) throw error;
        this.tallies.fail('tree', error.at, `entry ${error.at}: ${error.message}`);
        return;
      }
      if (leaves.length === 0) {
        this.tallies.fail('tree', at, `the log ends at ${at}, its checkpoint says ${claimed}`);
        return;
      }
      for (const leaf of leaves) this.take(leaf);
      this.tallies.count('tree', leaves.length);
      this.tallies.count('schema', leaves.length);
      await this.signatures.flow();
      if (this.verdicts.length >= VERDICTS_HELD) await this.settleVerdicts();
      this.options.onProgress?.(this.tree.size, claimed);
    }
  }

  private take(leaf: string): void {
    const index = this.tree.size;
    this.tree.append(leaf);
    // An entry that nobody looks into is not even parsed.
    const isLookedInto = this.options.replay !== false || this.options.onEntry !== undefined || !this.market;
    if (isLookedInto || !isSurelyEntry(leaf)) this.read(leaf, index);
    if (this.seen.length === 0) return;
    for (const seen of this.seen) if (seen.size === this.tree.size) this.compare(seen);
  }

  private read(leaf: string, index: number): void {
    const { entry, flaw } = readEntryText(leaf);
    if (entry) {
      this.audit(entry, index);
      return;
    }
    this.isReplaying = false;
    this.tallies.fail('schema', index, `entry ${index}: it is ${flaw.replaceAll(/\s+/g, ' ').slice(0, 300)}`);
  }

  private audit(entry: Entry, index: number): void {
    if (entry.type === 'marketOpened' && !this.market) this.begin(entry);
    this.options.onEntry?.(entry, index);
    if (this.options.replay === false) return;
    this.bids.take(entry);
    this.queueSignatures(entry, index);
    if (!this.isReplaying) return;
    if (this.replay.push(entry)) {
      this.count(entry);
      return;
    }
    this.isReplaying = false;
    const silent = silentParameter(this.replay, this.replay.divergence!, entry);
    const named = nameDivergence(this.replay.divergence!, entry);
    this.tallies.fail(silent ? 'parameters' : named.check, index, silent ?? named.sentence);
  }

  private begin(entry: EntryOf<'marketOpened'>): void {
    this.market = entry;
    for (const seen of this.options.seen?.(entry.origin) ?? []) {
      this.seen.push(seen);
      if (seen.logKey === '' || seen.logKey === entry.logKey) continue;
      this.tallies.fail('consistency', 0, `the log names the key ${entry.logKey}, before it was ${seen.logKey}`);
    }
  }

  /** Counts what an entry that replays has given each check to look at. */
  private count(entry: Entry): void {
    this.tallies.count('rules');
    if (TIMED.has(entry.type)) this.tallies.count('timeWindows');
    if (entry.type === 'roundCleared') this.tallies.count('rounds');
    if (entry.type === 'jobsEscalated') this.tallies.count('escalations');
    if (entry.type === 'marketOpened' || entry.type === 'parametersSet') this.tallies.count('parameters');
    if (entry.type === 'bidPlaced' || entry.type === 'bidCommitted') this.tallies.count('bids');
    if (entry.type === 'deposited') this.depositedWei += BigInt(entry.amountWei);
    if (entry.type === 'withdrawalRequested' || entry.type === 'jobSetCommitted') {
      for (const { amountWei } of entry.postings) this.depositedWei -= BigInt(amountWei);
    }
    if (entry.type === 'proofAccepted' || entry.type === 'jobExpired') this.tallies.count('scores');
    if (!('postings' in entry)) return;
    this.tallies.count('payments', entry.postings.length);
    this.tallies.count('slashes', entry.postings.filter(({ from }) => from.startsWith('bond:')).length);
  }

  private queueSignatures(entry: Entry, index: number): void {
    if (!this.market) return;
    const { chainId, coordinatorId } = this.market;
    const domain = { chainId, coordinatorId };
    const { claims, flaw } = signaturesOf(entry, (type, message) => this.digests.of(domain, type, message));
    if (flaw) this.tallies.fail('signatures', index, `entry ${index} (${entry.type}): ${flaw}`);
    for (const claim of claims) {
      if (this.isLeftOut(index)) {
        this.skipped.signatures += 1;
        continue;
      }
      this.tallies.count('signatures');
      this.signatures.add({ index, ...claim });
    }
  }

  private judge(judged: JudgedProof): void {
    if (this.isLeftOut(judged.index)) {
      this.skipped.zkProofs += 1;
      return;
    }
    this.tallies.count('zkProofs');
    this.verdicts.push(this.judgeAgain(judged));
  }

  private async judgeAgain(judged: JudgedProof): Promise<void> {
    const { index, accepted } = judged;
    const said = accepted ? 'valid' : 'invalid';
    try {
      const verdict = await this.options.verifier.verify(judged as never);
      if (verdict.valid === accepted) return;
      const found = verdict.valid ? 'valid' : `invalid (${verdict.code})`;
      const words = `under its verification key the zkProof is ${found}, the log says that it is ${said}`;
      this.tallies.fail('zkProofs', index, `entry ${index}: ${words}`);
    } catch (error) {
      const words = `its zkProof cannot be checked: ${error instanceof Error ? error.message : error}`;
      this.tallies.fail('zkProofs', index, `entry ${index}: ${words}`);
    }
  }

  private async settleVerdicts(): Promise<void> {
    const waiting = this.verdicts;
    this.verdicts = [];
    await Promise.all(waiting);
  }

  /** Drawn anew for every item: a coordinator cannot know which ones will be looked at. */
  private isLeftOut(index: number): boolean {
    if (index < (this.options.trusted ?? 0)) return true;
    return this.share < 1 && randomInt(2 ** 32) >= this.share * 2 ** 32;
  }

  private compare({ size, rootHash }: SeenCheckpoint): void {
    this.tallies.count('consistency');
    const root = Buffer.from(this.tree.root()).toString('hex');
    if (root === rootHash) return;
    const words = `at ${size} entries the root hash was ${rootHash}, of this log it is ${root}: history was rewritten`;
    this.tallies.fail('consistency', null, words);
  }

  /** What can be said only of the log as far as it goes. */
  private conclude(note: string): void {
    const { size } = this.tree;
    checkCheckpoint(this.tallies, {
      note,
      market: this.market,
      size,
      root: this.tree.root(),
    });
    for (const seen of this.seen) {
      if (seen.size <= size) continue;
      this.tallies.fail('consistency', null, `this auditor has seen ${seen.size} entries, the log has ${size}`);
    }
    if (this.options.replay === false) return;
    if (this.isReplaying && !this.tallies.flaws.some(({ check }) => check === 'tree')) this.concludeReplay();
    this.concludeBids();
  }

  private concludeReplay(): void {
    const divergence = this.replay.end();
    if (divergence) {
      const { check, index, sentence } = nameDivergence(divergence, null);
      this.tallies.fail(check, index, sentence);
    }
    const { balances } = this.replay.state;
    this.tallies.set('conservation', balances.size);
    let sum = 0n;
    for (const [account, wei] of balances) {
      sum += wei;
      if (wei < 0n && account !== 'outside')
        this.tallies.fail('conservation', null, `${account} is below zero: ${wei}`);
    }
    if (sum !== 0n) this.tallies.fail('conservation', null, `the ledger is off by ${sum} wei`);
    const outside = -(balances.get('outside') ?? 0n);
    if (outside !== this.depositedWei) {
      const words = `${this.depositedWei} wei came in and did not go out, the accounts hold ${outside}`;
      this.tallies.fail('conservation', null, words);
    }
  }

  private concludeBids(): void {
    const { receipts } = this.options;
    if (receipts) this.tallies.set('receipts', receipts.length - this.bids.unusable.length);
    for (const { misdeed, roundId, prover, entryIndex, explanation, shownBy } of this.bids.end()) {
      const place = entryIndex === null ? 'no entry' : `entry ${entryIndex}`;
      const whose = prover ? `the bid of ${prover}` : 'bids';
      const sentence = `${place}: ${whose} in ${roundId} ${misdeed}: ${explanation}`;
      if (this.findingsTold.has(sentence)) continue;
      this.findingsTold.add(sentence);
      this.tallies.fail(shownBy === 'receipt' ? 'receipts' : 'bids', entryIndex, sentence);
    }
  }

  private report(note: string): AuditReport {
    const { tallies } = this;
    return {
      ok: tallies.isGood,
      origin: this.market?.origin ?? null,
      logKey: this.market?.logKey ?? null,
      size: this.tree.size,
      rootHash: Buffer.from(this.tree.root()).toString('hex'),
      note,
      checks: tallies.list(),
      first: tallies.first,
      flaws: tallies.flaws,
      seenSizes: this.seen.map(({ size }) => size),
      unusableReceipts: this.bids.unusable.length,
      skipped: { ...this.skipped },
    };
  }
}
