import { accept, type CommandOf, type Decision, NOTHING } from '../command.js';
import type { MarketState } from '../state.js';

/** Opens the market: who runs it, on which chain, under which parameters. The first entry of every log. */
export function openMarket(state: MarketState, command: CommandOf<'openMarket'>, nowMs: number): Decision {
  if (state.market) return NOTHING;
  return accept({ type: 'marketOpened', atMs: nowMs, ...command.market });
}

/** Notes that the coordinator is back, and by how much due times shift, so that its downtime costs no prover. */
export function startCoordinator(_state: MarketState, command: CommandOf<'startCoordinator'>, nowMs: number): Decision {
  const { lastSignMs, gapMs, cause } = command;
  return accept({ type: 'coordinatorStarted', atMs: nowMs, lastSignMs, gapMs, cause });
}
