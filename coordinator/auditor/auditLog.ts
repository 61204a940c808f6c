/**
 * Audits a log: reads it from nothing but its static files, and holds it against everything that can be checked without
 * trust. It goes on after a flaw as far as it can, so that each check has its own say.
 */
import { randomInt } from 'node:crypto';
import { signaturesOf, wrongSigner } from '#market/entrySignatures.js';
import { opensLog } from '#market/logTrees.js';
import { type JudgedProof, Replay } from '#market/replay.js';
import type { Market, MarketState } from '#market/state.js';
import type { Entry, EntryType } from '#protocol/entries.js';
import { isSurelyEntry, readEntryText } from '#protocol/entryText.js';
import type { LogName } from '#protocol/logLink.js';
import { AuditTallies } from './auditChecks.js';
import type { AuditOptions } from './auditOptions.js';
import type { AuditedLog, AuditReport } from './auditReport.js';
import { BidEvidence } from './bidEvidence.js';
import { checkCheckpoint, checkCosignatures } from './checkpointCheck.js';
import { KnownDigests } from './knownDigests.js';
import { nameDivergence } from './nameDivergence.js';
import { readCheckpointNote } from './seenCheckpoints.js';
import { SeenRoots } from './seenRoots.js';
import { SignatureChecker } from './signatureChecker.js';
import { silentParameter } from './silentParameter.js';
import { TornLogError } from './tileLogSource.js';
import { TreeFold } from './treeFold.js';
import { claimedSize, firstEntryFlaw, LOG_PAGE, type LogSource } from './walkLog.js';

/** zkProofs that may wait for the verifier before more entries are read. */
const VERDICTS_HELD = 1_024;

const BEGINS_LOG: ReadonlySet<EntryType> = new Set(['marketOpened', 'logOpened']);

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

/** One audit of one log. `run` may be called again when the log has grown: it goes on where it was. */
export class LogAudit {
  readonly tallies = new AuditTallies();
  private source: LogSource;
  private readonly before: AuditedLog[] = [];
  private follows: AuditedLog['follows'] = null;
  private tip: { size: number; root: Uint8Array } | null = null;
  private firstIndex = 0;
  private trusted: number;
  private readonly options: AuditOptions;
  private readonly replay: Replay;
  private readonly bids: BidEvidence;
  private readonly signatures: SignatureChecker;
  private readonly share: number;
  private readonly skipped = { signatures: 0, zkProofs: 0 };
  private readonly seen: SeenRoots;
  private tree = new TreeFold();
  private readonly digests = new KnownDigests();
  private market: Omit<Market, 'faucet'> | null = null;
  private depositedWei = 0n;
  private readonly findingsTold = new Set<string>();
  private isReplaying: boolean;
  private verdicts: Promise<void>[] = [];

  constructor(source: LogSource, options: AuditOptions) {
    this.source = source;
    this.options = options;
    this.seen = new SeenRoots(this.tallies);
    this.share = options.share ?? 1;
    // Until its log begins, everything lies before it.
    this.trusted = options.since ? Number.POSITIVE_INFINITY : (options.trusted ?? 0);
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

  /** Root hash of the entries of the newest log read so far, in hexadecimal. */
  get rootHash(): string {
    return Buffer.from(this.tree.root()).toString('hex');
  }

  /** Reads on to the newest checkpoint of the newest log. Throws what the source throws when it cannot be read. */
  async run(): Promise<AuditReport> {
    for (;;) {
      const next = (await this.source.next?.()) ?? null;
      if (!next) await this.readCosigned();
      const note = await this.source.checkpoint();
      const claimed = claimedSize(note);
      if (claimed < this.tree.size) {
        this.tallies.fail('consistency', null, `the log had ${this.tree.size} entries, now it has ${claimed}`);
      }
      const isWhole = await this.readTo(claimed);
      if (next && isWhole && this.market) {
        this.goOn(next, note);
        continue;
      }
      await this.signatures.drain();
      await this.settleVerdicts();
      this.conclude(note);
      return this.report(note);
    }
  }

  /** A log is over: its last checkpoint is held against its tree, and the next one is read. */
  private goOn(next: LogSource, note: string): void {
    this.concludeTree(note, true);
    this.before.push(this.audited(note));
    this.tip = { size: this.tree.size, root: this.tree.root() };
    this.firstIndex += this.tree.size;
    this.tree = new TreeFold();
    this.source = next;
  }

  private audited(note: string): AuditedLog {
    const { firstIndex, follows, tree, market } = this;
    return { origin: market!.origin, logKey: market!.logKey, firstIndex, size: tree.size, note, follows };
  }

  /** Asks for the newest cosigned checkpoint, which the log must go on from. */
  private async readCosigned(): Promise<void> {
    const { cosigners = [] } = this.options;
    if (cosigners.length === 0) return;
    const note = (await this.source.cosigned?.()) ?? null;
    checkCosignatures(this.tallies, note, cosigners);
    const checkpoint = note === null ? null : readCheckpointNote(note);
    if (checkpoint) this.seen.add({ ...checkpoint, logKey: '', note: note! }, this.tree);
  }

  close(): Promise<void> {
    return this.signatures.close();
  }

  /** @returns false when not all of it could be read */
  private async readTo(claimed: number): Promise<boolean> {
    while (this.tree.size < claimed) {
      const at = this.tree.size;
      let leaves: string[];
      try {
        leaves = await this.source.entries(at, Math.min(LOG_PAGE, claimed - at));
      } catch (error) {
        if (!(error instanceof TornLogError)) throw error;
        const index = this.firstIndex + error.at;
        this.tallies.fail('tree', index, `entry ${index}: ${error.message}`);
        return false;
      }
      if (leaves.length === 0) {
        this.tallies.fail('tree', this.firstIndex + at, `the log ends at ${at}, its checkpoint says ${claimed}`);
        return false;
      }
      for (const leaf of leaves) this.take(leaf);
      this.tallies.count('tree', leaves.length);
      this.tallies.count('schema', leaves.length);
      await this.signatures.flow();
      if (this.verdicts.length >= VERDICTS_HELD) await this.settleVerdicts();
      this.options.onProgress?.(this.firstIndex + this.tree.size, this.firstIndex + claimed);
    }
    return true;
  }

  private take(leaf: string): void {
    const index = this.firstIndex + this.tree.size;
    this.tree.append(leaf);
    // An entry that nobody looks into is not even parsed.
    const isLookedInto = this.options.replay !== false || this.options.onEntry !== undefined || this.tree.size === 1;
    if (isLookedInto || opensLog(leaf) || !isSurelyEntry(leaf)) this.read(leaf, index);
    this.seen.compareAt(this.tree);
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
    if (this.tree.size === 1 || BEGINS_LOG.has(entry.type)) this.begin(entry, index);
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

  /** Takes the first entry of a log: whose it is, and how it follows the one before. */
  private begin(entry: Entry, index: number): void {
    const isFirst = this.tree.size === 1;
    if (this.tip || entry.type === 'logOpened') {
      const flaw = isFirst ? firstEntryFlaw(entry, this.tip) : 'a log begins here, in the middle of another';
      this.tallies.count('links');
      if (flaw) this.tallies.fail('links', index, `entry ${index} (${entry.type}): ${flaw}`);
    }
    if (this.market && !(isFirst && entry.type === 'logOpened')) return;
    if (entry.type === 'marketOpened') this.market = entry;
    if (entry.type === 'logOpened' && this.market) {
      this.market = { ...entry, chainId: this.market.chainId };
      const { closedFor } = this.replay.state;
      this.follows = this.isReplaying ? { cause: entry.cause, isAnnounced: closedFor !== null } : null;
    }
    if (this.market) this.recall(this.market);
  }

  /** What this auditor has seen before of the log that begins. */
  private recall({ origin, logKey }: LogName): void {
    const { since } = this.options;
    if (since?.origin === origin) this.trusted = this.firstIndex + since.size;
    for (const seen of [...(this.options.seen?.(origin) ?? []), ...(since?.origin === origin ? [since] : [])]) {
      this.seen.add(seen, this.tree);
      if (seen.logKey === '' || seen.logKey === logKey) continue;
      const words = `the log names the key ${logKey}, before it was ${seen.logKey}`;
      this.tallies.fail('consistency', this.firstIndex, words);
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
    if (index < this.trusted) return true;
    return this.share < 1 && randomInt(2 ** 32) >= this.share * 2 ** 32;
  }

  /** What can be said only of the logs as far as they go. */
  private conclude(note: string): void {
    this.concludeTree(note, false);
    const { since } = this.options;
    if (since && this.trusted === Number.POSITIVE_INFINITY) {
      this.tallies.fail('consistency', null, `no log of this market is called ${since.origin}`);
    }
    if (this.options.replay === false) return;
    if (this.isReplaying && !this.tallies.flaws.some(({ check }) => check === 'tree')) this.concludeReplay();
    this.concludeBids();
  }

  /** Holds the present log's tree against its checkpoint, and against what was seen of it before. */
  private concludeTree(note: string, isOver: boolean): void {
    const { size } = this.tree;
    checkCheckpoint(this.tallies, { note, market: this.market, size, root: this.tree.root() });
    this.seen.end(size, isOver);
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
      size: this.firstIndex + this.tree.size,
      rootHash: this.rootHash,
      note,
      logs: [...this.before, ...(this.market ? [this.audited(note)] : [])],
      goesOnAs: this.replay.state.closedFor,
      checks: tallies.list(),
      first: tallies.first,
      flaws: tallies.flaws,
      seenSizes: [...this.seen.sizes],
      unusableReceipts: this.bids.unusable.length,
      skipped: { ...this.skipped },
    };
  }
}
