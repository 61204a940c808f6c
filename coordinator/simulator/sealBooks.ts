/** The deposits of `commitReveal` rounds as the log tells them: each goes one way once, and no innocent prover's away. */
import type { Entry, EntryOf } from '#protocol/entries.js';
import type { World } from './world.js';

/**
 * An opening that was handed to the network so long before the end of its time must have counted: the longest stall that
 * is not on record, a slow commit, and the sender's patience fit into it.
 */
const OPENED_IN_TIME_MS = 4_000;

interface SealedRound {
  requester: string;
  deposits: Map<string, bigint>;
  opened: Set<string>;
  revealsUntilMs: number;
  /** The log was rotated when somebody had committed: whether to open is everybody's choice. */
  isRotated: boolean;
}

export class SealBooks {
  private readonly world: World;
  private readonly requesters = new Map<string, string>();
  private readonly rounds = new Map<string, SealedRound>();

  constructor(world: World) {
    this.world = world;
  }

  /** Takes the next entry of the log. */
  take(entry: Entry): void {
    switch (entry.type) {
      case 'blockSubmitted':
        this.requesters.set(entry.blockId, entry.message.requester);
        break;
      case 'roundOpened':
        this.open(entry);
        break;
      case 'bidCommitted':
        this.lock(entry);
        break;
      case 'bidsSealed':
        this.roundOf(entry.roundId).revealsUntilMs = entry.revealsUntilMs;
        break;
      case 'logOpened':
        for (const round of this.rounds.values()) round.isRotated ||= round.deposits.size > 0;
        break;
      case 'coordinatorStarted':
        for (const round of this.rounds.values()) round.revealsUntilMs += entry.gapMs;
        break;
      case 'bidOpened':
        this.roundOf(entry.message.roundId).opened.add(entry.message.prover);
        break;
      case 'blockWithdrawn':
        for (const roundId of entry.roundIds) this.withdraw(entry, roundId);
        break;
      case 'roundCleared':
        if (this.rounds.has(entry.roundId)) this.clear(entry, this.roundOf(entry.roundId));
        this.rounds.delete(entry.roundId);
        break;
    }
  }

  private open({ roundId, blockId, sealing }: EntryOf<'roundOpened'>): void {
    if (sealing === 'receipt') return;
    const requester = this.requesters.get(blockId)!;
    const revealsUntilMs = Number.POSITIVE_INFINITY;
    this.rounds.set(roundId, { requester, deposits: new Map(), opened: new Set(), revealsUntilMs, isRotated: false });
  }

  private lock({ message: { roundId, prover }, postings }: EntryOf<'bidCommitted'>): void {
    const { deposits, revealsUntilMs } = this.roundOf(roundId);
    const lockedWei = postings.reduce((sum, { amountWei }) => sum + BigInt(amountWei), 0n);
    if (deposits.has(prover) && lockedWei > 0n) this.flaw('I2', `${prover} pays two deposits for ${roundId}`);
    if (Number.isFinite(revealsUntilMs)) this.flaw('sealed', `${prover} commits to ${roundId} after its sealing`);
    if (!deposits.has(prover)) deposits.set(prover, lockedWei);
  }

  private clear(entry: EntryOf<'roundCleared'>, round: SealedRound): void {
    const { roundId, postings, bids } = entry;
    const counted = new Set<string>(bids.map(({ message }) => message.prover));
    for (const [prover, depositWei] of round.deposits) {
      const isOpened = round.opened.has(prover);
      if (isOpened !== counted.has(prover))
        this.flaw('sealed', `the bid of ${prover} in ${roundId} is left out or added`);
      if (depositWei === 0n) continue;
      const moved = postings.filter(({ from, why }) => from === `bond:${prover}` && why !== 'bondLocked');
      const [only] = moved;
      if (moved.length !== 1 || only?.amountWei !== depositWei.toString()) {
        this.flaw('I3', `the deposit of ${prover} in ${roundId} does not go one way`);
      } else if (only.why === 'bidForfeited') {
        this.judgeForfeit(prover, round, roundId, only.to);
      } else {
        if (only.to !== `account:${prover}`) this.flaw('I6', `the deposit of ${prover} went to ${only.to}`);
        this.world.note(`deposit: ${isOpened ? 'returned' : 'excused'}`);
      }
    }
  }

  /** Whoever had committed to a bid of a round that is withdrawn gets its deposit back. */
  private withdraw({ postings }: EntryOf<'blockWithdrawn'>, roundId: string): void {
    for (const [prover, depositWei] of this.rounds.get(roundId)?.deposits ?? []) {
      if (depositWei === 0n) continue;
      const back = postings.find(({ from, to }) => from === `bond:${prover}` && to === `account:${prover}`);
      if (back?.amountWei !== depositWei.toString()) this.flaw('I3', `${prover} does not get its deposit back`);
      this.world.note('deposit: returned with a withdrawal');
    }
    this.rounds.delete(roundId);
  }

  private judgeForfeit(prover: string, round: SealedRound, roundId: string, to: string): void {
    this.world.note('deposit: forfeited');
    if (to !== `account:${round.requester}`) this.flaw('I6', `the deposit of ${prover} went to ${to}`);
    if (round.opened.has(prover)) this.flaw('innocent', `${prover} forfeits for ${roundId} though its bid is open`);
    if (round.isRotated) this.flaw('innocent', `${prover} forfeits for ${roundId}, whose log was rotated`);
    const sent = this.world.deliveries.get(`${prover} ${roundId}`);
    if (!sent || sent.lost) return;
    if (sent.readyAtMs <= round.revealsUntilMs - OPENED_IN_TIME_MS) {
      this.flaw('innocent', `${prover} forfeits for ${roundId}, whose bid it opened at ${sent.readyAtMs}`);
    }
  }

  private roundOf(roundId: string): SealedRound {
    const round = this.rounds.get(roundId);
    if (!round) throw new Error(`the log speaks of the unknown sealed round ${roundId}`);
    return round;
  }

  private flaw(invariant: string, text: string): void {
    this.world.violation(`${invariant}: ${text}`);
  }
}
