import type { ProcessMetrics } from '../../processMetrics.js';
import { openBenchMarket, readExampleBlock, startBenchAgents } from './benchMarket.js';
import { runBlock } from './blockThroughMarket.js';
import type { Measure } from './measure.js';
import { followMemory } from './residentMemory.js';
import { withCleanUp } from './temporary.js';

/** An agent of one thread and one of two: the second needs more memory. */
const THREADS_OF_EACH = [1, 2] as const;

const COORDINATOR_MB_MAX = 300;
const AGENT_MB_MAX = 700;
const LOOP_DELAY_MS_MAX = 20;

/**
 * Memory at the peak of an example block, from the start of each process to the complete bundle, and how long the
 * coordinator's event loop made others wait while it checked the zkProofs. The coordinator is one process with its
 * threads; those of the embedded PostgreSQL are others.
 *
 * @param options - quick: the block of 8 transfers instead of that of 64
 */
export async function run(options: { quick: boolean }): Promise<Measure[]> {
  return withCleanUp(async (atEnd) => {
    const market = await openBenchMarket(atEnd, { metrics: true });
    const agents = await startBenchAgents(atEnd, market, THREADS_OF_EACH);
    const memory = followMemory([market.coordinator.pid, ...agents.map(({ child }) => child.pid)]);
    atEnd(() => memory.stop());
    const metrics = market.coordinator.waitFor((line) =>
      line.msg === 'process metrics' ? (line as unknown as ProcessMetrics) : undefined,
    );
    const { elapsedMs } = await runBlock(atEnd, market, agents, readExampleBlock(options.quick ? 8 : 64));
    const coordinatorMb = await memory.peakMb(market.coordinator.pid);
    const agentMbs = await Promise.all(agents.map(({ child }) => memory.peakMb(child.pid)));
    const { loopDelayP50Ms, loopDelayP99Ms, loopDelayMaxMs, loopBusyShare } = await metrics;
    console.log(
      `block of ${options.quick ? 8 : 64} transfers in ${(elapsedMs / 1_000).toFixed(1)} s; agents of ` +
        `${THREADS_OF_EACH.join(' and ')} threads: ${agentMbs.map((mb) => mb.toFixed(0)).join(' and ')} MiB`,
    );
    const below = (name: string, value: number, unit: string, limit: number, holds: boolean): Measure => {
      return { name, value, unit, target: `${unit === 'ms' ? 'at most' : 'under'} ${limit}`, holds };
    };
    const info = (name: string, value: number, unit: string): Measure => {
      return { name, value, unit, target: 'for information', holds: true };
    };
    const agentMb = Math.max(...agentMbs);
    return [
      below('coordinatorRssMb', coordinatorMb, 'MiB', COORDINATOR_MB_MAX, coordinatorMb < COORDINATOR_MB_MAX),
      below('agentRssMb', agentMb, 'MiB', AGENT_MB_MAX, agentMb < AGENT_MB_MAX),
      below('coordinatorLoopDelayP99Ms', loopDelayP99Ms, 'ms', LOOP_DELAY_MS_MAX, loopDelayP99Ms <= LOOP_DELAY_MS_MAX),
      info('coordinatorLoopDelayP50Ms', loopDelayP50Ms, 'ms'),
      info('coordinatorLoopDelayMaxMs', loopDelayMaxMs, 'ms'),
      info('coordinatorLoopBusyShare', loopBusyShare, 'of the time'),
    ];
  });
}
