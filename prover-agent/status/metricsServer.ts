import { createServer } from 'node:http';
import { type AgentLog, messageOf } from '../log.js';
import type { AgentStatus } from './agentStatus.js';
import { metricsText } from './metricsText.js';

/** Who asks slowly is cut off, in milliseconds. */
const REQUEST_MS = 5_000;
const CONNECTIONS_MAX = 16;

export interface MetricsOptions {
  host: string;
  port: number;
  status(): AgentStatus;
  log: AgentLog;
  signal: AbortSignal;
}

/** Serves metrics until aborted. A port that cannot be had is logged: no job is refused for it. */
export function serveMetrics({ host, port, status, log, signal }: MetricsOptions): void {
  const server = createServer((request, response) => {
    if (request.method !== 'GET' || request.url?.split('?')[0] !== '/metrics') {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('metrics are at /metrics\n');
      return;
    }
    const { user, system } = process.cpuUsage();
    const figures = { residentBytes: process.memoryUsage.rss(), cpuSeconds: (user + system) / 1e6 };
    response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' });
    response.end(metricsText(status(), figures));
  });
  server.requestTimeout = REQUEST_MS;
  server.maxConnections = CONNECTIONS_MAX;
  server.on('error', (error) => log('metricsFailed', { reason: messageOf(error) }));
  server.listen(port, host, () => {
    server.unref();
    log('metricsServed', { url: `http://${host.includes(':') ? `[${host}]` : host}:${port}/metrics` });
  });
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  if (signal.aborted) close();
  else signal.addEventListener('abort', close, { once: true });
}
