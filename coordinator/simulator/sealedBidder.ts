/** How a simulated prover bids in `commitReveal` rounds: commits, and opens what counts once the round is sealed. */
import type { CommandOf } from '#market/command.js';
import type { Entry, EntryOf } from '#protocol/entries.js';
import type { Bid } from '#protocol/messages.js';
import type { Hex } from '#protocol/units.js';
import type { Character } from './character.js';
import type { Party } from './party.js';
import type { World } from './world.js';

const OPENS_WITHIN_MS = 400;

/** How long after the end of its time an opening is still sent, in milliseconds. */
const LATE_MS = 2_000;

export interface SealedBidderOptions {
  world: World;
  party: Party;
  character: Character;
  /** Names the place of the draws. */
  place: string;
  send(command: CommandOf<'commitBid' | 'openBid'>, untilMs: number, onLost?: () => void): void;
  later(ms: number, happen: () => void): void;
}

/** What it knows survives its death: an agent writes a bid down before it commits to it. */
export class SealedBidder {
  private readonly options: SealedBidderOptions;
  private readonly kept = new Map<Hex, Bid>();
  /** The commitment that counts in each round, by the log. */
  private readonly counting = new Map<string, Hex>();

  constructor(options: SealedBidderOptions) {
    this.options = options;
  }

  commit(bid: Bid, { maxPriceWei, closesAtMs }: EntryOf<'roundOpened'>): void {
    const { party, character, send } = this.options;
    // What is above the max price can be committed to and never be opened: an honest prover looks first.
    const isDear = [bid.priceWei, bid.standbyWei].some((wei) => BigInt(wei) > BigInt(maxPriceWei));
    if (isDear && character.openPercent === 100) return;
    const { roundId, prover } = bid;
    const { digest: commitment } = party.sign('Bid', bid);
    this.kept.set(commitment, bid);
    const message = { roundId, prover, commitment };
    const { digest, signature } = party.sign('BidCommitment', message);
    send({ kind: 'commitBid', message, signature, digest }, closesAtMs + 1_000);
  }

  /** Takes an entry of the feed. */
  read(entry: Entry): void {
    const { party, later, world, place } = this.options;
    if (entry.type === 'bidCommitted' && entry.message.prover === party.address) {
      this.counting.set(entry.message.roundId, entry.message.commitment);
    }
    if (entry.type !== 'bidsSealed') return;
    const bid = this.kept.get(this.counting.get(entry.roundId) ?? '0x');
    if (bid) later(world.fate.between(`${place} opens`, 0, OPENS_WITHIN_MS), () => this.open(bid, entry));
  }

  private open(bid: Bid, sealed: EntryOf<'bidsSealed'>): void {
    const { world, character, place } = this.options;
    const chance = (what: string, percent: number) => world.fate.chance(`${place} ${what}`, percent);
    if (!chance('opens at all', character.openPercent)) {
      world.note('behaviour: never opened its bid');
      return;
    }
    if (character.openPercent < 100 && chance('opens another', 30)) {
      world.note('behaviour: opened another bid');
      this.send({ ...bid, priceWei: '1' }, sealed);
      return;
    }
    if (character.openPercent < 100 && chance('opens late', 20)) {
      world.note('behaviour: opened its bid late');
      this.options.later(sealed.revealsUntilMs - sealed.atMs, () => this.send(bid, sealed));
      return;
    }
    this.send(bid, sealed);
  }

  private send(message: Bid, { revealsUntilMs }: EntryOf<'bidsSealed'>): void {
    const { world, party, character, send } = this.options;
    const { digest, signature } = party.sign('Bid', message);
    const key = `${party.address} ${message.roundId}`;
    const { nowMs } = world.timeline;
    if (character.openPercent === 100) world.deliveries.set(key, { readyAtMs: nowMs, lost: false });
    const delivery = world.deliveries.get(key);
    send({ kind: 'openBid', message, signature, digest }, revealsUntilMs + LATE_MS, () => {
      if (delivery) delivery.lost = true;
    });
  }
}
