import { accept, type CommandOf, type Decision, NOTHING } from '../command.js';
import { gapMsOf } from '../downtime.js';
import type { MarketState } from '../state.js';

/** Opens the market: who runs it, on which chain, under which parameters. The first entry of every log. */
export function openMarket(state: MarketState, command: CommandOf<'openMarket'>, nowMs: number): Decision {
  if (state.market) return NOTHING;
  return accept({ type: 'marketOpened', atMs: nowMs, ...command.market });
}

/**
 * Notes that the coordinator is back. Due times of provers shift by the gap, so that downtime costs no prover; it counts
 * once, however many replicas come back from it.
 */
export function startCoordinator(state: MarketState, command: CommandOf<'startCoordinator'>, nowMs: number): Decision {
  const { lastSignMs, cause } = command;
  const gapMs = gapMsOf(state, lastSignMs, nowMs);
  if (cause === 'stall' && gapMs === 0) return NOTHING;
  return accept({ type: 'coordinatorStarted', atMs: nowMs, lastSignMs, gapMs, cause });
}
