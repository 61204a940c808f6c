import type { Fate } from './fate.js';

/** How bad a seed's world is. Rates are percent of the cases, intervals the mean in milliseconds (0: never). */
export interface Weather {
  /** Messages lost, sent twice, and long under way; the same in both directions. */
  lossPercent: number;
  duplicatePercent: number;
  slowPercent: number;
  delayMsMax: number;
  slowMsMax: number;
  /** How far a party's clock may be off. */
  skewMsMax: number;
  /** The coordinator's process: killed at any time, or just before or after a commit; standing still. */
  crashEveryMs: number;
  commitCrashPercent: number;
  freezeEveryMs: number;
  downMsMax: number;
  /** The database: a batch fails, a commit is done but not confirmed, all of it is away for a while. */
  batchErrorPercent: number;
  lostConfirmationPercent: number;
  outageEveryMs: number;
  slowCommitPercent: number;
  /** The queue: bells that never ring, and a queue that is emptied. */
  bellLossPercent: number;
  flushEveryMs: number;
  /** The verifier. */
  verifierFailPercent: number;
  verifyMsMax: number;
  /** Inputs that the store has lost when their provers ask for them. */
  inputLossPercent: number;
  /** Jobs of a block that no input can prove, as a fault in the splitting of blocks would make them. */
  unprovablePercent: number;
}

/** A world without faults, as far as they can be kept out: messages still take their time, and so does the verifier. */
export function calmWeather(fate: Fate): Weather {
  const stormy = drawWeather(fate);
  const kept = new Set<string>(['delayMsMax', 'slowMsMax', 'downMsMax', 'verifyMsMax']);
  const still = Object.keys(stormy).filter((key) => !kept.has(key));
  return { ...stormy, ...Object.fromEntries(still.map((key) => [key, 0])) };
}

/** Draws a seed's weather: some seeds have a calm world with one thing wrong in it, others all of it at once. */
export function drawWeather(fate: Fate): Weather {
  const pick = <Value>(what: string, values: readonly Value[]) => fate.pick(`weather ${what}`, values);
  return {
    lossPercent: pick('loss', [0, 0, 2, 10, 25]),
    duplicatePercent: pick('duplicate', [0, 2, 10, 30]),
    slowPercent: pick('slow', [0, 2, 10]),
    delayMsMax: pick('delay', [20, 100, 400]),
    slowMsMax: pick('slowMs', [1_000, 5_000, 15_000]),
    skewMsMax: pick('skew', [0, 500, 20_000, 50_000]),
    crashEveryMs: pick('crash', [0, 0, 60_000, 25_000, 10_000]),
    commitCrashPercent: pick('commitCrash', [0, 0, 1, 4]),
    freezeEveryMs: pick('freeze', [0, 40_000, 15_000]),
    downMsMax: pick('down', [1_500, 8_000, 30_000]),
    batchErrorPercent: pick('batchError', [0, 0, 2, 8]),
    lostConfirmationPercent: pick('lostConfirmation', [0, 0, 2, 5]),
    outageEveryMs: pick('outage', [0, 50_000, 20_000]),
    slowCommitPercent: pick('slowCommit', [0, 2, 10]),
    bellLossPercent: pick('bellLoss', [0, 0, 20, 100]),
    flushEveryMs: pick('flush', [0, 40_000, 10_000]),
    verifierFailPercent: pick('verifierFail', [0, 0, 10, 40]),
    verifyMsMax: pick('verify', [10, 300, 4_000]),
    inputLossPercent: pick('input loss', [0, 0, 10, 40]),
    unprovablePercent: pick('unprovable', [0, 0, 5]),
  };
}
