import { accept, type CommandOf, type Decision, NOTHING } from '../command.js';
import { type MarketState, parametersOf } from '../state.js';

/** Longest shift of due times, in milliseconds: 30 days. */
const GAP_MS_MAX = 2_592_000_000;

/** Opens the market: who runs it, on which chain, under which parameters. The first entry of every log. */
export function openMarket(state: MarketState, command: CommandOf<'openMarket'>, nowMs: number): Decision {
  if (state.market) return NOTHING;
  return accept({ type: 'marketOpened', atMs: nowMs, ...command.market });
}

/**
 * Notes that the coordinator is back. Due times of provers shift by the gap since the last sign of life of any
 * replica, so that downtime costs no prover. A gap counts once, however many replicas come back from it; one that was too
 * short to count goes on until a replica gives a sign, so that several failed starts add up.
 */
export function startCoordinator(state: MarketState, command: CommandOf<'startCoordinator'>, nowMs: number): Decision {
  const { lastSignMs, cause } = command;
  const silentMs = nowMs - Math.max(lastSignMs, state.gapEndedAtMs);
  const gapMs = silentMs >= parametersOf(state).downtimeMsMin ? Math.min(silentMs, GAP_MS_MAX) : 0;
  if (cause === 'stall' && gapMs === 0) return NOTHING;
  return accept({ type: 'coordinatorStarted', atMs: nowMs, lastSignMs, gapMs, cause });
}
