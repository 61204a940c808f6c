import { most } from './costModel.js';

/** The bonds of a bid that was taken, and of the one that is under way to take its place; 0 when there is none. */
interface OpenBid {
  takenWei: bigint;
  sentWei: bigint;
  clearedAt: number | null;
}

/** Bonds that the open bids of a prover may come to lock, so that a cap on all of them holds. Amounts are wei. */
export class BondsAtRisk {
  readonly #bids = new Map<string, OpenBid>();
  #clock = 0;

  /** A moment in the order of what happens here, for {@link openWei}. */
  mark(): number {
    this.#clock += 1;
    return this.#clock;
  }

  /** Takes note of a bid before it is sent, or of the one that takes its place. */
  reserve(roundId: string, bondsWei: bigint): void {
    const takenWei = this.#bids.get(roundId)?.takenWei ?? 0n;
    this.#bids.set(roundId, { takenWei, sentWei: bondsWei, clearedAt: null });
  }

  /** The bid was taken: it has the place of any other of the round. */
  accept(roundId: string): void {
    const bid = this.#bids.get(roundId);
    if (bid) bid.takenWei = bid.sentWei;
  }

  /** The bid was refused: one that was taken before it stands. */
  refuse(roundId: string): void {
    const bid = this.#bids.get(roundId);
    if (bid) bid.sentWei = bid.takenWei;
    if (bid?.takenWei === 0n) this.release(roundId);
  }

  /** True while a bid for the round is out. */
  isOpen(roundId: string): boolean {
    return this.#bids.get(roundId)?.clearedAt === null;
  }

  /** A round that was cleared, or a bid that binds nobody any more: from now on the account shows what it has locked. */
  release(roundId: string): void {
    const bid = this.#bids.get(roundId);
    if (bid) bid.clearedAt ??= this.mark();
    // What was cleared long ago is in every account that is going to be read.
    for (const [id, { clearedAt }] of this.#bids) {
      if (this.#bids.size <= KEPT_MAX) return;
      if (clearedAt !== null) this.#bids.delete(id);
    }
  }

  /**
   * What open bids may lock beyond what an account shows that was asked for at `sinceMark`. A round that was cleared
   * since then counts too: the account may show it already, so this is never too little.
   *
   * @param exceptRoundId - the round that is being bid for: a new bid takes the place of the old one
   */
  openWei(sinceMark: number, exceptRoundId = ''): bigint {
    let sumWei = 0n;
    for (const [roundId, { takenWei, sentWei, clearedAt }] of this.#bids) {
      if (roundId === exceptRoundId || (clearedAt !== null && clearedAt <= sinceMark)) continue;
      sumWei += most(takenWei, sentWei);
    }
    return sumWei;
  }
}

/** Rounds that are remembered before those that are cleared are forgotten. */
const KEPT_MAX = 256;
