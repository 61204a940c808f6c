/** Bonds that the open bids of a prover may come to lock, so that a cap on all of them holds. Amounts are wei. */
export class BondsAtRisk {
  readonly #bids = new Map<string, { bondsWei: bigint; clearedAt: number | null }>();
  #clock = 0;

  /** A moment in the order of what happens here, for {@link openWei}. */
  mark(): number {
    this.#clock += 1;
    return this.#clock;
  }

  /** Takes note of a bid before it is sent, or of the one that takes its place. */
  reserve(roundId: string, bondsWei: bigint): void {
    this.#bids.set(roundId, { bondsWei, clearedAt: null });
  }

  /** True while a bid for the round is out. */
  isOpen(roundId: string): boolean {
    return this.#bids.get(roundId)?.clearedAt === null;
  }

  /** A bid that never came to be, or a round that was cleared: from now on the account shows what it has locked. */
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
    for (const [roundId, { bondsWei, clearedAt }] of this.#bids) {
      if (roundId !== exceptRoundId && (clearedAt === null || clearedAt > sinceMark)) sumWei += bondsWei;
    }
    return sumWei;
  }
}

/** Rounds that are remembered before those that are cleared are forgotten. */
const KEPT_MAX = 256;
