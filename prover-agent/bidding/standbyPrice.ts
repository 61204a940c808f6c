import { type JobPrices, up } from './costModel.js';

/** How standing by has gone for this prover: chances in parts per million. */
export interface StandbyOdds {
  /** That a backup is called. */
  calledPpm: number;
  /** That a called one does not deliver in time. */
  missedPpm: number;
}

const PPM = 1_000_000n;

/** What is taken for granted before anything has been seen: as if one of 20 had been called, and one of 20 missed. */
const PRIOR = { times: 20, hits: 1 } as const;

/**
 * What standing by for a job costs in expectation, in wei, rounded up:
 *
 *     s = (1 - c) u (b - e) + c m D
 *
 * Not called (1 - c), the time kept free was not sold: with the chance u that it would have been, the price b is lost,
 * less the energy e that was not spent. Called, the job is paid b as any other, so nothing is lost but, with the chance m
 * that it is not delivered in time, the damage D that the bond pays. Source: README.md, "The standby price".
 */
export function standbyPriceWei(
  { priceWei, energyWei }: Pick<JobPrices, 'priceWei' | 'energyWei'>,
  { odds, busyPercent, damageWei }: { odds: StandbyOdds; busyPercent: number; damageWei: bigint },
): bigint {
  const called = BigInt(odds.calledPpm);
  const keptWei = priceWei > energyWei ? priceWei - energyWei : 0n;
  const busyBps = BigInt(Math.round(busyPercent * 100));
  const blocked = (PPM - called) * busyBps * keptWei * PPM;
  const missed = called * BigInt(odds.missedPpm) * damageWei * 10_000n;
  return up(blocked + missed, PPM * PPM * 10_000n);
}

/** Counts how standing by has gone since the agent started. */
export class StandbyRecord {
  #stood = 0;
  #called = 0;
  #missed = 0;

  /** A standby duty was taken up. */
  stood(): void {
    this.#stood += 1;
  }

  /** A backup was called. */
  called(): void {
    this.#called += 1;
  }

  /** A called backup's job ended without its zkProof. */
  missed(): void {
    this.#missed += 1;
  }

  get odds(): StandbyOdds {
    return { calledPpm: shareOf(this.#called, this.#stood), missedPpm: shareOf(this.#missed, this.#called) };
  }
}

function shareOf(hits: number, times: number): number {
  const share = (hits + PRIOR.hits) / (Math.max(times, hits) + PRIOR.times);
  return Math.round(share * Number(PPM));
}
