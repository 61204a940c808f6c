import { parametersOf } from '#market/state.js';
import type { ApiDeps } from '../apiDeps.js';
import type { Handlers } from '../handler.js';
import type { MarketReads } from '../marketReads.js';
import { refuse } from '../refused.js';

/** Liveness, readiness, and who runs the market. */
export function statusHandlers(
  deps: ApiDeps,
  reads: MarketReads,
): Handlers<'getHealth' | 'getReadiness' | 'getMarket' | 'getParameters'> {
  return {
    getHealth: async () => ({ status: 'ok' }),
    getReadiness: async () => {
      try {
        await reads.ping();
        if (deps.isReady && !(await deps.isReady())) return refuse('unavailable');
      } catch (error) {
        deps.log.error('not ready', { err: error });
        return refuse('unavailable');
      }
      return { status: 'ok' };
    },
    getParameters: async ({ params: { version } }) => {
      const parameters = deps.journal.state().parameters.get(version);
      return parameters ? { version, parameters } : refuse('notFound', `the newest version is in /v1/market`);
    },
    getMarket: async () => {
      const treeSize = await reads.logSize();
      const state = deps.journal.state();
      if (!state.market) return refuse('unavailable');
      const { origin, coordinatorId, chainId, logKey, faucet } = state.market;
      const { parametersVersion } = state;
      const parameters = parametersOf(state);
      const nowMs = deps.nowMs();
      return { origin, coordinatorId, chainId, logKey, faucet, parametersVersion, parameters, treeSize, nowMs };
    },
  };
}
