import { setTimeout as delay } from 'node:timers/promises';

/** First and longest pause between attempts, in milliseconds. */
export const BACKOFF_MS = { first: 200, longest: 5_000 } as const;

/**
 * The pause before attempt `attempt` (1 is the first repetition): doubles up to the longest, then a random share of
 * the upper half is taken off, so that agents that lost a coordinator together do not come back together.
 * @param random - from 0 to below 1
 * @returns milliseconds
 */
export function backoffMs(attempt: number, random: number): number {
  const full = Math.min(BACKOFF_MS.longest, BACKOFF_MS.first * 2 ** Math.min(attempt - 1, 20));
  return Math.round(full * (1 - random / 2));
}

/** Waits; returns at once when aborted. Never throws. */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  await delay(Math.max(0, ms), undefined, signal ? { signal, ref: true } : {}).catch(() => undefined);
}

/**
 * Repeats an action for as long as it fails with an error worth repeating.
 *
 * @param isWorthRepeating - others are thrown at once
 * @param onFailure - hears of every failure that is going to be repeated
 * @throws the error that is not worth repeating, or, once aborted, the last one
 */
export async function repeatUntilDone<Result>(
  action: () => Promise<Result>,
  options: {
    isWorthRepeating(error: unknown): boolean;
    onFailure?(error: unknown, attempt: number): void;
    signal?: AbortSignal;
    random?: () => number;
  },
): Promise<Result> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await action();
    } catch (error) {
      if (!options.isWorthRepeating(error) || options.signal?.aborted) throw error;
      options.onFailure?.(error, attempt);
      await pause(backoffMs(attempt, (options.random ?? Math.random)()), options.signal);
      if (options.signal?.aborted) throw error;
    }
  }
}
