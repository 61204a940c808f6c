/** How long the coordinator was away, as far as it counts. Source: ARCHITECTURE.md, "Downtime". */
import { type MarketState, parametersOf } from './state.js';

/**
 * Since when there was no coordinator to speak of, Unix milliseconds: since the last sign of life of any replica, or, when
 * that one had come back for less than `downtimeMsMin`, since the time before it came. Nobody can rely on moments between
 * two failures, so that many short gaps with little between them are one.
 */
export function silentSinceMs(state: MarketState, lastSignMs: number): number {
  const isBrief = lastSignMs - state.startedAtMs < parametersOf(state).downtimeMsMin;
  return isBrief ? Math.min(lastSignMs, state.silentSinceMs ?? lastSignMs) : lastSignMs;
}

/**
 * The gap that shifts due times when a coordinator comes back; 0 when it is below `downtimeMsMin`. What an earlier return
 * has counted does not count again.
 */
export function gapMsOf(state: MarketState, lastSignMs: number, nowMs: number): number {
  const silentMs = nowMs - Math.max(silentSinceMs(state, lastSignMs), state.gapEndedAtMs);
  return silentMs >= parametersOf(state).downtimeMsMin ? silentMs : 0;
}
