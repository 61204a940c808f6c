/**
 * Clearings computed beside the writer: a large round would hold it up, so its clearing is computed elsewhere and
 * committed only if nothing that it read has changed.
 */
import type { ClearingInput, ClearingResult } from './clear.js';

/** Jobs times bids up to which a round is cleared within the writer: some milliseconds. */
export const CLEAR_INLINE_MAX = 8_000;

/** How old a clearing may be when it is committed, in milliseconds. */
export const CLEARING_AGE_MS_MAX = 10_000;

/** A clearing with everything that it read. */
export interface PreparedClearing {
  input: ClearingInput;
  result: ClearingResult;
}

/** True when a clearing of `input` is too much for the writer. */
export function isLarge({ jobIds, candidates }: ClearingInput): boolean {
  return jobIds.length * candidates.length > CLEAR_INLINE_MAX;
}

/** True when two inputs are the same in every value, so that their clearings are. */
export function isSameInput(one: ClearingInput, other: ClearingInput): boolean {
  return isSameValue(one, other);
}

function isSameValue(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return false;
  const keys = Object.keys(one);
  if (keys.length !== Object.keys(other).length) return false;
  return keys.every((key) =>
    isSameValue((one as Record<string, unknown>)[key], (other as Record<string, unknown>)[key]),
  );
}
