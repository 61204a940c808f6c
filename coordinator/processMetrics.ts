/** What the work on blocks costs the coordinator's own process: how long its event loop makes others wait. */
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import type { Journal } from '#journal/journalPort.js';

/** How often the event loop is probed, in milliseconds: a probe is late by as much as a request would have been. */
const PROBE_EVERY_MS = 10;

const NS_PER_MS = 1e6;
const KIB_PER_MB = 1_024;

/** The line that is logged with the message `process metrics`. Times are milliseconds, memory is MiB. */
export interface ProcessMetrics {
  /** How long the line covers: from the first open block until none was open any more, or the stop. */
  periodMs: number;
  /** How late probes of the event loop were. */
  loopDelayP50Ms: number;
  loopDelayP99Ms: number;
  loopDelayMaxMs: number;
  /** Part of the period in which the event loop was at work. */
  loopBusyShare: number;
  /** Resident memory at the period's end, and the most that the process ever had. */
  rssMb: number;
  peakRssMb: number;
}

/**
 * Measures whenever a block is open, and logs one line of {@link ProcessMetrics} when none is any more. Other times do
 * not count: a long idle night would hide what a block does.
 *
 * @returns how to stop, which logs a period that is under way
 */
export function startProcessMetrics({ journal, log }: MetricsParts): () => void {
  const delay = monitorEventLoopDelay({ resolution: PROBE_EVERY_MS });
  let since: { atMs: number; utilization: ReturnType<typeof performance.eventLoopUtilization> } | null = null;
  const begin = () => {
    since = { atMs: performance.now(), utilization: performance.eventLoopUtilization() };
    delay.reset();
    delay.enable();
  };
  const end = () => {
    if (!since) return;
    delay.disable();
    const busy = performance.eventLoopUtilization(since.utilization).utilization;
    log.info(metricsOf(delay, performance.now() - since.atMs, busy), 'process metrics');
    since = null;
  };
  const look = () => {
    const isBusy = journal.state().blocks.size > 0;
    if (isBusy && !since) begin();
    else if (!isBusy) end();
  };
  look();
  const stopListening = journal.onCommitted(look);
  return () => {
    stopListening();
    end();
  };
}

interface MetricsParts {
  journal: Pick<Journal, 'state' | 'onCommitted'>;
  log: { info(fields: object, message: string): void };
}

function metricsOf(delay: ReturnType<typeof monitorEventLoopDelay>, periodMs: number, busy: number): ProcessMetrics {
  const lateMs = (ns: number) => tenths(Math.max(0, ns / NS_PER_MS - PROBE_EVERY_MS));
  return {
    periodMs: Math.round(periodMs),
    loopDelayP50Ms: lateMs(delay.percentile(50)),
    loopDelayP99Ms: lateMs(delay.percentile(99)),
    loopDelayMaxMs: lateMs(delay.max),
    loopBusyShare: Math.round(busy * 1_000) / 1_000,
    rssMb: tenths(process.memoryUsage.rss() / KIB_PER_MB ** 2),
    peakRssMb: tenths(process.resourceUsage().maxRSS / KIB_PER_MB),
  };
}

function tenths(value: number): number {
  return Math.round(value * 10) / 10;
}
