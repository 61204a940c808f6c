/** The chain of a market's logs, as its state has it. Source: ARCHITECTURE.md, "Chain of logs". */
import type { LogCause, LogName, LogView } from '#protocol/logLink.js';
import type { MarketState } from './state.js';

/** A log of the market that is over. */
export interface EarlierLog extends LogName {
  /** Index in the market of its first entry. */
  firstIndex: number;
  /** Entries of its tree, and the checkpoint that it ended with, a signed note. */
  size: number;
  checkpoint: string;
  /** Why the next one followed, when, and whether its own last entry had named that one. */
  followedBy: LogCause;
  closedAtMs: number;
  isAnnounced: boolean;
}

/** All logs of a market, oldest first; the last one is the present one. None before the market is open. */
export function logsOf({ market, earlierLogs, logFirstIndex, closedFor }: MarketState): LogView[] {
  if (!market) return [];
  const { origin, logKey } = market;
  const present = { origin, logKey, firstIndex: logFirstIndex, size: null, followedBy: null, closedAtMs: null };
  return [
    ...earlierLogs.map(({ checkpoint: _checkpoint, ...log }, number) => ({ number, ...log })),
    { number: earlierLogs.length, ...present, isAnnounced: closedFor !== null },
  ];
}

/** The log that holds an entry. An open market always has one. */
export function logAt(state: MarketState, index: number): LogView {
  const found = logsOf(state).findLast(({ firstIndex }) => firstIndex <= index);
  if (!found) throw new Error('the market is not open: its log has no first entry');
  return found;
}
