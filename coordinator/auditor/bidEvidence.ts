/**
 * Evidence of what a coordinator did to bids: follows a log and a prover's receipts, and names each bid that was dropped,
 * added, altered, reordered or taken late. A replay says that a log is wrong; this says whose bid it was and what was done
 * to it, also in logs that replay: a bid that never came into the log is known by its receipt only.
 */
import { isReceiptSigned, type KeptReceipt } from '#protocol/bidReceipt.js';
import type { Entry, EntryOf } from '#protocol/entries.js';
import type { Messages, MessageType } from '#protocol/messages.js';
import { checkSigner } from '#protocol/signature.js';
import { digestOf, type SigningDomain } from '#protocol/typedData.js';
import { type Address, blockIdOf, type Hex } from '#protocol/units.js';
import { bidOrderFlaws } from './bidOrder.js';

/** Findings kept: of a log that is wrong everywhere the first ones are enough. */
const FINDINGS_MAX = 1_000;

export type BidMisdeed = 'dropped' | 'added' | 'altered' | 'reordered' | 'late';

/** One thing that was done to a bid. */
export interface BidFinding {
  misdeed: BidMisdeed;
  roundId: string;
  /** Null when it concerns the round and not one prover. */
  prover: Address | null;
  /** The entry that shows it; null when what shows it is that an entry is missing. */
  entryIndex: number | null;
  explanation: string;
  /** What shows it: the log by itself, or a prover's receipt. */
  shownBy: 'log' | 'receipt';
}

/** What the log says of one round until it is cleared. */
export interface RoundLedger {
  roundId: string;
  sealing: EntryOf<'roundOpened'>['sealing'];
  /** How long it takes bids, as it was opened. */
  windowMs: number;
  closesAtMs: number;
  isSealed: boolean;
  revealsUntilMs: number;
  /** Commitments that count, in the order of the log. */
  commitments: Map<Address, Hex>;
  opened: Set<Address>;
}

interface SaidBid {
  roundId: string;
  prover: Address;
  commitment: Hex;
}

interface Watched {
  receipt: KeptReceipt;
  /** Where the log has its commitment or opening; -1 while it has neither. */
  foundAt: number;
  isKept: boolean;
}

export interface BidEvidenceOptions {
  /** False when somebody else checks the signatures of bids. */
  checkSignatures: boolean;
  /** Works out EIP-712 digests; one that remembers them saves working them out again. */
  digestOf?: typeof digestOf;
}

export class BidEvidence {
  readonly findings: BidFinding[] = [];
  private readonly receipts: readonly KeptReceipt[];
  private readonly usable = new Set<KeptReceipt>();
  /** Receipts that name a log of this market, and are not signed by its key. */
  private readonly unsigned = new Set<KeptReceipt>();
  private readonly byIndex = new Map<number, Watched[]>();
  private readonly byBid = new Map<string, Watched[]>();
  private readonly rounds = new Map<string, RoundLedger>();
  /** Rounds that are over, of blocks that are not. */
  private readonly cleared = new Map<Hex, Set<string>>();
  private domain: SigningDomain = { chainId: 0, coordinatorId: '0x' };
  private index = -1;

  private readonly checkSignatures: boolean;
  private readonly digestOf: typeof digestOf;

  constructor(receipts: readonly KeptReceipt[], options: BidEvidenceOptions = { checkSignatures: true }) {
    this.receipts = receipts;
    this.checkSignatures = options.checkSignatures;
    this.digestOf = options.digestOf ?? digestOf;
  }

  /** Takes the next entry of the log. */
  take(entry: Entry): void {
    this.index += 1;
    if (entry.type === 'marketOpened') this.begin(entry, entry.chainId);
    if (entry.type === 'logOpened') this.goOn(entry);
    for (const watched of this.byIndex.get(this.index) ?? []) this.compare(entry, watched);
    switch (entry.type) {
      case 'roundOpened':
        this.open(entry);
        break;
      case 'coordinatorStarted':
        this.shift(entry.gapMs);
        break;
      case 'blockWithdrawn':
        for (const roundId of entry.roundIds) this.over(roundId);
        break;
      case 'bidPlaced':
        this.place(entry, entry.roundId, entry.prover, entry.commitment, 'receipt');
        break;
      case 'bidCommitted':
        this.commit(entry);
        break;
      case 'bidsSealed':
        this.seal(entry);
        break;
      case 'bidOpened':
        this.openBid(entry);
        break;
      case 'roundCleared':
        this.clear(entry);
        break;
      case 'blockCompleted':
        // No round of it takes bids any more: memory follows open work.
        this.cleared.delete(entry.blockId);
        break;
    }
  }

  /** Call at the end of the log; more of it may follow later. @returns all findings, as far as the log goes */
  end(): BidFinding[] {
    const missing: BidFinding[] = [];
    for (const { receipt, isKept, foundAt } of [...this.byIndex.values()].flat()) {
      if (isKept) continue;
      const { roundId, prover, entryIndex } = receipt;
      const isElsewhere = foundAt >= 0;
      const place = isElsewhere
        ? `the log has that bid at ${foundAt}`
        : entryIndex > this.index
          ? `the log ends at ${this.index}`
          : 'the log has it nowhere';
      const explanation = `the operator has signed that entry ${entryIndex} is this prover's bid; ${place}`;
      const misdeed = isElsewhere ? 'reordered' : 'dropped';
      const shown = { explanation, shownBy: 'receipt' as const };
      missing.push({ misdeed, roundId, prover, entryIndex: isElsewhere ? foundAt : null, ...shown });
    }
    return [...this.findings, ...missing];
  }

  private find(
    misdeed: BidMisdeed,
    roundId: string,
    prover: Address | null,
    explanation: string,
    shownBy: BidFinding['shownBy'] = 'log',
  ): void {
    if (this.findings.length >= FINDINGS_MAX) return;
    this.findings.push({ misdeed, roundId, prover, entryIndex: this.index, explanation, shownBy });
  }

  /** Receipts that prove nothing against this market as far as its logs go, with the reason. */
  get unusable(): { receipt: KeptReceipt; reason: string }[] {
    const others = this.receipts.filter((receipt) => !this.usable.has(receipt));
    return others.map((receipt) => {
      const isOurs = this.unsigned.has(receipt);
      return {
        receipt,
        reason: isOurs ? 'the key of this log has not signed it' : `it is of the log ${receipt.origin}`,
      };
    });
  }

  /** The receipts count that the operator of this very log has signed. */
  private begin(log: Pick<EntryOf<'logOpened'>, 'origin' | 'logKey' | 'coordinatorId'>, chainId: number): void {
    this.domain = { chainId, coordinatorId: log.coordinatorId };
    for (const receipt of this.receipts) {
      if (receipt.origin !== log.origin) continue;
      if (!isReceiptSigned(receipt, log.logKey)) {
        this.unsigned.add(receipt);
        continue;
      }
      this.usable.add(receipt);
      const watched = { receipt, foundAt: -1, isKept: false };
      const { entryIndex, type, roundId, prover, commitment } = receipt;
      this.byIndex.set(entryIndex, [...(this.byIndex.get(entryIndex) ?? []), watched]);
      const key = `${type} ${roundId} ${prover} ${commitment}`;
      this.byBid.set(key, [...(this.byBid.get(key) ?? []), watched]);
    }
  }

  /** The next log of the market. One that was imported begins open rounds anew, without what was bid. */
  private goOn(entry: EntryOf<'logOpened'>): void {
    this.begin(entry, this.domain.chainId);
    if (entry.cause !== 'import') return;
    for (const round of this.rounds.values()) {
      round.commitments.clear();
      round.opened.clear();
      const closesAtMs = entry.atMs + round.windowMs;
      Object.assign(round, { closesAtMs, isSealed: false, revealsUntilMs: Number.POSITIVE_INFINITY });
    }
  }

  /** Is the entry at a receipt's place what the receipt says? */
  private compare(entry: Entry, watched: Watched): void {
    const { receipt } = watched;
    const said = this.bidOf(entry);
    const isSame =
      entry.type === receipt.type &&
      said?.roundId === receipt.roundId &&
      said.prover === receipt.prover &&
      said.commitment === receipt.commitment;
    if (!isSame) return;
    watched.isKept = true;
    if (entry.atMs === receipt.atMs) return;
    const words = `it is dated ${entry.atMs}, its receipt ${receipt.atMs}`;
    this.find('altered', receipt.roundId, receipt.prover, words, 'receipt');
  }

  /** Round, prover and commitment of an entry about a bid. */
  private bidOf(entry: Entry): SaidBid | null {
    if (entry.type === 'bidPlaced') return entry;
    if (entry.type === 'bidCommitted') return entry.message;
    if (entry.type !== 'bidOpened') return null;
    const { roundId, prover } = entry.message;
    return { roundId, prover, commitment: this.digest('Bid', entry.message) };
  }

  private digest<Type extends MessageType>(type: Type, message: Messages[Type]): Hex {
    return this.digestOf(this.domain, type, message);
  }

  private open({ roundId, sealing, closesAtMs, atMs }: EntryOf<'roundOpened'>): void {
    const times = { windowMs: closesAtMs - atMs, closesAtMs, revealsUntilMs: Number.POSITIVE_INFINITY };
    const empty = { isSealed: false, commitments: new Map(), opened: new Set<Address>() };
    this.rounds.set(roundId, { roundId, sealing, ...times, ...empty });
  }

  /** The coordinator's downtime puts off what is open. */
  private shift(gapMs: number): void {
    for (const round of this.rounds.values()) {
      round.closesAtMs += gapMs;
      if (round.opened.size < round.commitments.size) round.revealsUntilMs += gapMs;
    }
  }

  private place(
    entry: Entry,
    roundId: string,
    prover: Address,
    commitment: Hex,
    sealing: RoundLedger['sealing'],
  ): void {
    this.note(sealing === 'receipt' ? 'bidPlaced' : 'bidCommitted', { roundId, prover, commitment });
    const round = this.rounds.get(roundId);
    if (!round) {
      const isOver = this.cleared.get(blockIdOf(roundId))?.has(roundId) === true;
      const why = isOver ? 'its round had been cleared' : 'there is no such open round';
      this.find(isOver ? 'late' : 'added', roundId, prover, why);
      return;
    }
    if (round.sealing !== sealing) this.find('added', roundId, prover, `the round is sealed by ${round.sealing}`);
    if (entry.atMs >= round.closesAtMs || round.isSealed || round.opened.size > 0) {
      this.find('late', roundId, prover, `it was taken at ${entry.atMs}, the window closed at ${round.closesAtMs}`);
    }
    round.commitments.delete(prover);
    round.commitments.set(prover, commitment);
  }

  private commit(entry: EntryOf<'bidCommitted'>): void {
    const { message, signature } = entry;
    const { roundId, prover, commitment } = message;
    const flaw = this.checkSignatures ? checkSigner(this.digest('BidCommitment', message), signature, prover) : null;
    if (flaw) this.find('added', roundId, prover, `the prover has not signed this commitment (${flaw})`);
    this.place(entry, roundId, prover, commitment, 'commitReveal');
  }

  private seal({ roundId, count, revealsUntilMs }: EntryOf<'bidsSealed'>): void {
    const round = this.rounds.get(roundId);
    if (!round) return;
    round.isSealed = true;
    round.revealsUntilMs = revealsUntilMs;
    const { size } = round.commitments;
    if (count !== size) {
      const misdeed = count < size ? 'dropped' : 'added';
      this.find(misdeed, roundId, null, `${count} commitments are said to be sealed, the log has ${size}`);
    }
  }

  private openBid({ message, signature, atMs }: EntryOf<'bidOpened'>): void {
    const { roundId, prover } = message;
    const round = this.rounds.get(roundId);
    this.note('bidOpened', { roundId, prover, commitment: this.digest('Bid', message) });
    if (!round) {
      this.find('late', roundId, prover, 'it was opened when its round was over');
      return;
    }
    this.judgeBid(round, message, signature);
    if (atMs >= round.revealsUntilMs) {
      this.find('late', roundId, prover, `it was opened at ${atMs}, the time ended at ${round.revealsUntilMs}`);
    }
    round.opened.add(prover);
    if (round.opened.size === round.commitments.size) round.revealsUntilMs = Number.POSITIVE_INFINITY;
  }

  /** A bid in the open must be the one whose commitment counts, in its prover's own hand. */
  private judgeBid({ roundId, commitments }: RoundLedger, message: Messages['Bid'], signature: Hex): void {
    const { prover } = message;
    const digest = this.digest('Bid', message);
    const committed = commitments.get(prover);
    const flaw = this.checkSignatures ? checkSigner(digest, signature, prover) : null;
    if (committed === undefined) {
      this.find('added', roundId, prover, 'the log has no commitment of this prover in this round');
    } else if (committed !== digest) {
      this.find('altered', roundId, prover, `its digest is ${digest}, committed to was ${committed}`);
    } else if (flaw) {
      this.find('added', roundId, prover, `the prover has not signed this bid (${flaw})`);
    }
  }

  private clear(entry: EntryOf<'roundCleared'>): void {
    const { roundId, bids } = entry;
    const round = this.rounds.get(roundId);
    if (!round) return;
    for (const { message, signature } of bids) this.judgeBid(round, message, signature);
    for (const { misdeed, prover, explanation } of bidOrderFlaws(round, entry)) {
      this.find(misdeed, roundId, prover, explanation);
    }
    this.over(roundId);
  }

  /** An open round takes no bids any more. */
  private over(roundId: string): void {
    if (!this.rounds.delete(roundId)) return;
    const blockId = blockIdOf(roundId);
    this.cleared.set(blockId, (this.cleared.get(blockId) ?? new Set()).add(roundId));
  }

  /** Remembers where the log has a bid that there is a receipt for. */
  private note(type: KeptReceipt['type'], { roundId, prover, commitment }: SaidBid): void {
    for (const watched of this.byBid.get(`${type} ${roundId} ${prover} ${commitment}`) ?? []) {
      if (watched.foundAt < 0) watched.foundAt = this.index;
    }
  }
}
