/** Prometheus metrics of a coordinator, on a port of this machine alone: what monitoring needs to raise an alarm. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Pool } from 'pg';
import type { Journal } from '#journal/journalPort.js';
import { chainGauges, countPending, type Gauge } from '#settlement/chainMetrics.js';
import type { SettlementService } from '#settlement/settlementService.js';

/** Who asks slowly is cut off, in milliseconds. */
const REQUEST_MS = 5_000;
const CONNECTIONS_MAX = 16;

const PREFIX = 'understudy_coordinator_';

/** What the metrics are read from. */
export interface MetricsSource {
  pool: Pool;
  journal: Pick<Journal, 'state' | 'size'>;
  settlement: Pick<SettlementService, 'status'> | null;
  nowMs: () => number;
}

/** All gauges as text. Source: Prometheus text exposition format 0.0.4 */
export async function coordinatorMetrics({ pool, journal, settlement, nowMs }: MetricsSource): Promise<string> {
  const state = journal.state();
  const ofMarket: Gauge[] = [
    ['log_entries', 'Entries of the log.', journal.size()],
    ['open_blocks', 'Blocks that have not been completed.', state.blocks.size],
    ['open_rounds', 'Rounds that are known to the live state.', state.rounds.size],
    ['resident_bytes', 'Resident memory of the process.', process.memoryUsage.rss()],
  ];
  const ofChain = state.settlement
    ? chainGauges(state.settlement, settlement?.status() ?? null, await countPending(pool), nowMs())
    : [];
  return [...ofMarket, ...ofChain]
    .map(
      ([name, help, value]) =>
        `# HELP ${PREFIX}${name} ${help}\n# TYPE ${PREFIX}${name} gauge\n${PREFIX}${name} ${value}\n`,
    )
    .join('');
}

/**
 * Serves {@link coordinatorMetrics} at `/metrics` of 127.0.0.1. Throws when the port cannot be had.
 * @param port - 0 for a free one
 * @returns the address, and how to stop
 */
export async function serveMetrics(
  port: number,
  source: MetricsSource,
): Promise<{ url: string; stop(): Promise<void> }> {
  const server = createServer((request, response) => {
    if (request.method !== 'GET' || request.url?.split('?')[0] !== '/metrics') {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('metrics are at /metrics\n');
      return;
    }
    coordinatorMetrics(source).then(
      (text) => response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(text),
      // The database is away: that is what monitoring is to see.
      () => response.writeHead(503, { 'content-type': 'text/plain' }).end('the database could not be asked\n'),
    );
  });
  server.requestTimeout = REQUEST_MS;
  server.maxConnections = CONNECTIONS_MAX;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
