import type { RoundView } from '#protocol/views.js';
import type { StoredRound } from './marketReads.js';

/** A round as it is answered. */
export function roundViewOf(round: StoredRound, bidCount: number): RoundView {
  const { clearedEntryIndex: _place, ...view } = round;
  return { ...view, bidCount };
}
