/** Load for an HTTP API: many clients, each with one request under way and a connection that is kept. */
import { Agent, request } from 'node:http';

/** What a load came to. Times are milliseconds. */
export interface LoadResult {
  elapsedMs: number;
  latencyP50Ms: number;
  latencyP99Ms: number;
}

/** Bodies to post that may still grow while they are posted. */
export interface PostQueue {
  push(bodies: readonly string[]): void;
  /** No more will come: resolves when all are answered. Throws when an answer was anything but a 200. */
  finish(): Promise<LoadResult>;
}

interface Target {
  /** Such as `http://127.0.0.1:8787/v1/bids`. */
  url: string;
  clients: number;
}

/** Posts JSON bodies that are all there, and returns when all have been answered with a 200. */
export async function postAll(target: Target, bodies: readonly string[]): Promise<LoadResult> {
  const queue = startPosting(target);
  queue.push(bodies);
  return await queue.finish();
}

/** Starts the clients; they wait for bodies. */
export function startPosting({ url, clients }: Target): PostQueue {
  const agent = new Agent({ keepAlive: true, maxSockets: clients });
  const bodies: string[] = [];
  const latenciesMs: number[] = [];
  const failures: Error[] = [];
  let startedAt = 0;
  let running = 0;
  let settle: (() => void) | null = null;
  const drain = async () => {
    for (let body = bodies.shift(); body !== undefined; body = bodies.shift()) {
      const sentAt = performance.now();
      await post(agent, url, body).catch((error: Error) => failures.push(error));
      latenciesMs.push(performance.now() - sentAt);
    }
    running -= 1;
    if (running === 0) settle?.();
  };
  return {
    push: (fresh) => {
      if (latenciesMs.length === 0 && running === 0) startedAt = performance.now();
      bodies.push(...fresh);
      while (running < clients && bodies.length > 0) {
        running += 1;
        void drain();
      }
    },
    finish: async () => {
      if (running > 0) await new Promise<void>((resolve) => (settle = resolve));
      const elapsedMs = performance.now() - startedAt;
      agent.destroy();
      if (failures[0]) throw failures[0];
      const sorted = latenciesMs.toSorted((a, b) => a - b);
      const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
      return { elapsedMs, latencyP50Ms: at(0.5), latencyP99Ms: at(0.99) };
    },
  };
}

/** Longest wait for an answer, in milliseconds. */
const TIMEOUT_MS = 60_000;

function post(agent: Agent, url: string, body: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const sent = request(url, { method: 'POST', agent, headers, timeout: TIMEOUT_MS }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        if (response.statusCode === 200) resolve();
        else reject(new Error(`${url} answered ${response.statusCode}: ${Buffer.concat(chunks).toString('utf8')}`));
      });
    });
    sent.on('timeout', () => sent.destroy(new Error(`${url} took too long`)));
    sent.on('error', reject);
    sent.end(body);
  });
}
